"""Finds the smallest change that would resolve a conflict: another version, or a dedicated dependency.

Every fix is tested by a search before it is reported.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from reconciler.domain.resolution.candidates import CandidateFinder
from reconciler.domain.resolution.outcomes import CyclicSolution, NoSolution, SearchLimitExceeded, Solution
from reconciler.domain.resolution.requirements import DependencyReader, Requirement, root_requirement, unknown_binds
from reconciler.domain.resolution.search import solve
from reconciler.domain.validation.environment import DeclaredApplication, ValidatedInput, is_reserved
from reconciler.model.application import ApplicationMetadata, ApplicationSpec, BlueprintRef
from reconciler.model.base import MAX_NAME
from reconciler.model.blueprint import short_name
from reconciler.model.layout import application_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.domain.catalog import Catalog
    from reconciler.domain.resolution.requirements import Candidate

MAX_FIX_TRIES: Final = 20
MAX_FIX_STEPS: Final = 200_000


class FixFinder:
    """Finds changes of the documents that would make a resolution possible.

    Args:
        validated: the validated documents of the Environment.
        candidates: the candidates for it.
        catalog: the catalog of Blueprints.
    """

    def __init__(self, validated: ValidatedInput, candidates: CandidateFinder, catalog: Catalog) -> None:
        self._validated = validated
        self._candidates = candidates
        self._catalog = catalog

    def first_fix(self, roots: Sequence[Requirement], core: Sequence[Requirement], contested: Sequence[Requirement]) -> str:
        """Returns the first single change that resolves the conflict, as a sentence; empty when no tested change does.

        Args:
            roots: the requirements of all declared Applications.
            core: those of them that conflict.
            contested: the requirements on the Application over which they conflict.
        """
        # Applications that are not installed yet change first: the installed ones were possible without them.
        order = sorted(core, key=lambda r: (r.application in self._candidates.prior, r.application))[:MAX_FIX_TRIES]
        fixes = chain(self._other_versions(roots, core, order), self._dedicated_dependencies(roots, core, contested))
        return next(fixes, "")

    def version_request(self, subject: Requirement | Candidate, versions: Iterable[str]) -> str:
        """Returns the first version that is possible if a document requests exactly it, in a few words; empty when none is.

        Args:
            subject: identifies the Application; a dedicated dependency cannot be declared, and has no such version.
            versions: the versions to test, the best first.
        """
        if subject.lineage or is_reserved(subject.application):
            return ""
        for version in islice(versions, MAX_FIX_TRIES):
            changed = self._with_version(subject, version)
            preferred, installed = self._candidates.prior, self._candidates.installed
            roots = [root_requirement(declared) for _, declared in sorted(changed.declared.items())]
            dependencies = DependencyReader(changed, preferred)
            candidates = CandidateFinder(changed, preferred, self._catalog, dependencies, installed=installed)
            if self._solution(roots, candidates) is not None:
                file = application_file(subject.application)
                if subject.application in self._validated.declared:
                    return f"request {subject.blueprint} {version} in {file}"
                return f"declare it: {file} with {subject.blueprint} {version}"
        return ""

    def _with_version(self, subject: Requirement | Candidate, version: str) -> ValidatedInput:
        """Returns the validated input with one Application declared in exactly one version."""
        declared = self._validated.declared.get(subject.application, self._validated.declared[subject.chain[0]])
        application = declared.application
        if subject.application in self._validated.declared:
            blueprint = application.spec.blueprint.model_copy(update={"version": version})
            changed = application.model_copy(update={"spec": application.spec.model_copy(update={"blueprint": blueprint})})
        else:
            spec = ApplicationSpec(blueprint=BlueprintRef(name=subject.blueprint, version=version))
            metadata = ApplicationMetadata(name=subject.application)
            changed = application.model_copy(update={"metadata": metadata, "spec": spec})
        changed_application = DeclaredApplication(changed, declared.source)
        return replace(self._validated, declared={**self._validated.declared, subject.application: changed_application})

    def _other_versions(
        self, roots: Sequence[Requirement], core: Sequence[Requirement], order: Iterable[Requirement]
    ) -> Iterator[str]:
        """Yields a fix for each declared Application whose conflict another version would resolve."""
        for root in order:
            if root.range == "*":
                continue
            widened = root_requirement(self._validated.declared[root.application], range_="*")
            if self._is_unsolvable([widened if other is root else other for other in core], self._candidates):
                continue
            solution = self._solution([widened if other is root else other for other in roots], self._candidates)
            if solution is None:
                continue
            source = self._validated.declared[root.application].source
            place = source.problem("", "", ("spec", "blueprint", "version"), at_value=True).place
            version = solution[root.application].version
            yield f"request {root.blueprint} {version} for {root.application} instead of {root.range} at {place}"

    def _dedicated_dependencies(
        self, roots: Sequence[Requirement], core: Sequence[Requirement], contested: Sequence[Requirement]
    ) -> Iterator[str]:
        """Yields a fix for each declared Application whose conflict a dependency of its own would resolve."""
        for requirement in contested[:MAX_FIX_TRIES]:
            declared = self._validated.declared.get(requirement.requirer)
            if requirement.declared or declared is None:
                continue
            key, name = self._bind_key(requirement), f"{requirement.requirer}-{short_name(requirement.blueprint)}"
            if key is None or name in self._validated.declared or requirement.application == name:
                continue
            if len(name) > MAX_NAME or is_reserved(name):
                continue
            preferred, installed = self._candidates.prior, self._candidates.installed
            dependencies = DependencyReader(self._validated, preferred, {requirement.requirer: {key: name}})
            candidates = CandidateFinder(self._validated, preferred, self._catalog, dependencies, installed=installed)
            file = application_file(name)
            dedicated = Requirement(name, requirement.blueprint, requirement.range, requirer=name, written=file, chain=(name,))
            if self._is_unsolvable([*core, dedicated], candidates):
                continue
            solution = self._solution([*roots, dedicated], candidates)
            if solution is None or all(d.bind_key != key for d in solution[requirement.requirer].verified.blueprint.spec.depends):
                continue
            yield (
                f"give {requirement.requirer} its own: declare {name} of {requirement.blueprint} {requirement.range}, "
                f"and set spec.bind.{key} to {name} in {declared.source.file}"
            )

    def _is_unsolvable(self, core: Sequence[Requirement], candidates: CandidateFinder) -> bool:
        """Returns whether a change leaves the conflict itself: a search of the few that conflict is cheap, of all it is not."""
        return isinstance(solve(core, candidates, steps=MAX_FIX_STEPS), NoSolution)

    def _solution(self, roots: Sequence[Requirement], candidates: CandidateFinder) -> Solution | None:
        """Returns a solution that would be accepted; None when there is none within MAX_FIX_STEPS."""
        match solve(roots, candidates, steps=MAX_FIX_STEPS):
            case NoSolution() | SearchLimitExceeded() | CyclicSolution():
                return None
            case solution:
                excluded = any(candidate.exclusion for candidate in solution.values())
                return None if excluded or any(unknown_binds(self._validated, solution)) else solution

    def _bind_key(self, requirement: Requirement) -> str | None:
        """Returns the key of a dependency in the `bind` of its requirer; None when its first candidate has no such dependency."""
        declared = self._validated.declared[requirement.requirer]
        first = next(self._candidates.of([root_requirement(declared)]), None)
        depends = first.verified.blueprint.spec.depends if first is not None and not first.exclusion else []
        return next((dependency.bind_key for dependency in depends if dependency.name == requirement.blueprint), None)
