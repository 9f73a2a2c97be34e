"""What resolvelib asks while it searches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from resolvelib import AbstractProvider, ResolutionTooDeep

from reconciler.domain.resolution.greedy import MAX_APPLICATIONS
from reconciler.domain.resolution.requirements import Candidate, Requirement
from reconciler.domain.versions import satisfies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints

CHOICE_STEPS = 10  # that to make a choice takes
MAX_STEPS = 5_000_000  # of comparing a need with a choice: what a round costs grows with the number of Applications


class Provider(AbstractProvider[Requirement, Candidate, str]):
    """What resolvelib asks of us; it remembers nothing itself, the Catalog does."""

    def __init__(self, candidates: CandidateFinder, search: SearchConstraints, max_steps: int = MAX_STEPS) -> None:
        self._candidates = candidates
        self._search = search
        self._left = max_steps
        self._any: dict[str, Requirement] = {}

    def identify(self, requirement_or_candidate: Requirement | Candidate) -> str:
        """The Application: there is one version of each."""
        return requirement_or_candidate.application

    def narrow_requirement_selection(
        self, identifiers: Iterable[str], resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any
    ) -> Iterable[str]:
        """What caused a conflict first, then by name: the order does not depend on that of the files."""
        del resolutions, candidates, information
        caused = {name for c in backtrack_causes for name in (c.requirement.application, c.requirement.requirer)}
        names = list(identifiers)
        return [min(caused.intersection(names) or names)]

    def get_preference(self, identifier: str, resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any) -> str:
        """Never asked for more than one: see `narrow_requirement_selection`."""
        del resolutions, candidates, information, backtrack_causes
        return identifier

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Requirement]],
        incompatibilities: Mapping[str, Iterator[Candidate]],
    ) -> Any:
        """The choices that meet all needs of an Application, asked for one by one as resolvelib tries them.

        Raises ResolutionTooDeep when there are too many Applications.
        """
        needs = list(requirements[identifier])
        if needs:
            self._any[identifier] = replace(needs[0], range="*", catalog=None)
            if len(self._any) > MAX_APPLICATIONS:
                raise ResolutionTooDeep(0)
        else:  # nobody needs it any more, but resolvelib still wants to choose it; the result leaves it out
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
        """Whether a choice meets a need; raises ResolutionTooDeep when there was too much to compare."""
        self._spend(1)
        return requirement.blueprint == candidate.blueprint and satisfies(candidate.version, requirement.range)

    def get_dependencies(self, candidate: Candidate) -> Iterable[Requirement]:
        """What a choice needs in turn."""
        return self._candidates.needs.of(candidate)
