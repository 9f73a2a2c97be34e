"""The interface through which resolvelib reads requirements and candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from resolvelib import AbstractProvider, ResolutionTooDeep

from reconciler.domain.resolution.greedy import MAX_RESOLVED_APPLICATIONS
from reconciler.domain.resolution.requirements import Candidate, Requirement
from reconciler.domain.versions import satisfies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints

CHOICE_STEPS: Final = 10
"""Steps that count for making a candidate."""
MAX_STEPS: Final = 5_000_000
"""Comparisons of a requirement with a candidate. Rounds are no measure: their cost grows with the number of Applications."""


class Provider(AbstractProvider[Requirement, Candidate, str]):
    """Answers resolvelib's queries within a step limit. It caches nothing itself; the Catalog does."""

    def __init__(self, candidates: CandidateFinder, search: SearchConstraints, max_steps: int = MAX_STEPS) -> None:
        self._candidates = candidates
        self._search = search
        self._left = max_steps
        self._any: dict[str, Requirement] = {}

    def identify(self, requirement_or_candidate: Requirement | Candidate) -> str:
        """Returns the Application: a resolution has one version of each."""
        return requirement_or_candidate.application

    def narrow_requirement_selection(
        self, identifiers: Iterable[str], resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any
    ) -> Iterable[str]:
        """Returns the causes of a conflict first, then by name, so that the order of files has no influence."""
        del resolutions, candidates, information
        caused = {name for c in backtrack_causes for name in (c.requirement.application, c.requirement.requirer)}
        names = list(identifiers)
        return [min(caused.intersection(names) or names)]

    def get_preference(self, identifier: str, resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any) -> str:
        """Returns the identifier. Called for one only: see `narrow_requirement_selection`."""
        del resolutions, candidates, information, backtrack_causes
        return identifier

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Requirement]],
        incompatibilities: Mapping[str, Iterator[Candidate]],
    ) -> Any:
        """Returns the candidates that meet all requirements of an Application, made one by one as resolvelib tries them.

        Raises ResolutionTooDeep when there are too many Applications.
        """
        needs = list(requirements[identifier])
        if needs:
            self._any[identifier] = replace(needs[0], range="*", catalog=None)
            if len(self._any) > MAX_RESOLVED_APPLICATIONS:
                raise ResolutionTooDeep(0)
        else:  # not required any more, but resolvelib still chooses it; the result leaves it out
            needs = [self._any[identifier]]
        excluded = {choice.artifact for choice in incompatibilities[identifier]}
        return lambda: self._choices(needs, excluded)

    def _choices(self, needs: Sequence[Requirement], excluded: Collection[str]) -> Iterator[Candidate]:
        for choice in self._candidates.of(needs, self._search):
            self._spend(CHOICE_STEPS)
            if choice.artifact not in excluded:
                yield choice

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise ResolutionTooDeep(0)

    def is_satisfied_by(self, requirement: Requirement, candidate: Candidate) -> bool:
        """Returns whether a candidate meets a requirement; raises ResolutionTooDeep past the step limit."""
        self._spend(1)
        return requirement.blueprint == candidate.blueprint and satisfies(candidate.version, requirement.range)

    def get_dependencies(self, candidate: Candidate) -> Iterable[Requirement]:
        """Returns the requirements of a candidate."""
        return self._candidates.needs.of(candidate)
