"""The smallest change that would help, tried before it is told: which version would do, or which dependency to give its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
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
    """Changes that would make a wish possible.

    Args:
        wish: what people want.
        candidates: what can be chosen for it.
        catalog: what can be installed.
    """

    def __init__(self, wish: ValidatedInput, candidates: CandidateFinder, catalog: Catalog) -> None:
        self._wish = wish
        self._candidates = candidates
        self._catalog = catalog

    def first_fix(self, roots: Sequence[Requirement], core: Sequence[Requirement], contested: Sequence[Requirement]) -> str:
        """The first change that helps, in a sentence; empty when no single one of those that were tried does.

        Args:
            roots: all that people declared.
            core: those of them that cannot be had together.
            contested: the needs on the Application over which they clash.
        """
        # Who came last gives way first: what runs already was possible before.
        order = sorted(core, key=lambda r: (r.application in self._candidates.prior, r.application))[:MAX_FIX_TRIES]
        sentences = (*self._other_versions(roots, order), *self._own_dependencies(roots, contested))
        return next((one for one in sentences if one), "")

    def version_request(self, one: Requirement | Candidate, versions: Iterable[str]) -> str:
        """The first of some versions that would do if a person asked for it alone, in a few words; empty when none does.

        Args:
            one: whose; what is dedicated to somebody cannot be declared.
            versions: which, the best first.
        """
        if one.lineage or is_reserved(one.application):
            return ""
        for version in islice(versions, MAX_FIX_TRIES):
            wish = self._asked(one, version)
            prior, installed = self._candidates.prior, self._candidates.installed
            roots = [root_requirement(d) for _, d in sorted(wish.declared.items())]
            if (
                self._solution(
                    roots, CandidateFinder(wish, prior, self._catalog, DependencyReader(wish, prior), installed=installed)
                )
                is not None
            ):
                file = application_file(one.application)
                if one.application in self._wish.declared:
                    return f"ask for {one.blueprint} {version} in {file}"
                return f"declare it: {file} with {one.blueprint} {version}"
        return ""

    def _asked(self, one: Requirement | Candidate, version: str) -> ValidatedInput:
        """The wish, with one Application declared in exactly one version."""
        declared = self._wish.declared.get(one.application, self._wish.declared[one.chain[0]])
        application = declared.application
        if one.application in self._wish.declared:
            wanted = application.spec.blueprint.model_copy(update={"version": version})
            changed = application.model_copy(update={"spec": application.spec.model_copy(update={"blueprint": wanted})})
        else:
            spec = ApplicationSpec(blueprint=BlueprintRef(name=one.blueprint, version=version))
            changed = application.model_copy(update={"metadata": ApplicationMetadata(name=one.application), "spec": spec})
        return replace(
            self._wish, declared={**self._wish.declared, one.application: DeclaredApplication(changed, declared.source)}
        )

    def _other_versions(self, roots: Sequence[Requirement], order: Iterable[Requirement]) -> Iterator[str]:
        for root in order:
            widened = root_requirement(self._wish.declared[root.application], range_="*")
            found = self._solution([widened if one is root else one for one in roots], self._candidates)
            if found is None:
                continue
            source = self._wish.declared[root.application].source
            place = source.problem("", "", ("spec", "blueprint", "version"), at_value=True).place
            version = found[root.application].version
            yield f"{root.blueprint} {version} for {root.application} would do, instead of {root.range} at {place}"

    def _own_dependencies(self, roots: Sequence[Requirement], contested: Sequence[Requirement]) -> Iterator[str]:
        for need in contested[:MAX_FIX_TRIES]:
            declared = self._wish.declared.get(need.requirer)
            if need.declared or declared is None:
                continue
            key, name = self._key(need), f"{need.requirer}-{short_name(need.blueprint)}"
            if key is None or name in self._wish.declared or need.application == name:
                continue
            if len(name) > MAX_NAME or is_reserved(name):
                continue
            prior, installed = self._candidates.prior, self._candidates.installed
            needs = DependencyReader(self._wish, prior, {need.requirer: {key: name}})
            candidates = CandidateFinder(self._wish, prior, self._catalog, needs, installed=installed)
            own = Requirement(name, need.blueprint, need.range, requirer=name, written=application_file(name), chain=(name,))
            found = self._solution([*roots, own], candidates)
            if found is None or all(d.bind_key != key for d in found[need.requirer].verified.blueprint.spec.depends):
                continue
            yield (
                f"give {need.requirer} its own: declare {name} of {need.blueprint} {need.range}, "
                f"and set spec.bind.{key} to {name} in {declared.source.file}"
            )

    def _solution(self, roots: Sequence[Requirement], candidates: CandidateFinder) -> Solution | None:
        """Returns a solution that would be accepted; None when there is none within MAX_FIX_STEPS."""
        match solve(roots, candidates, steps=MAX_FIX_STEPS):
            case NoSolution() | SearchLimitExceeded() | CyclicSolution():
                return None
            case solution:
                excluded = any(candidate.exclusion for candidate in solution.values())
                return None if excluded or any(unknown_binds(self._wish, solution)) else solution

    def _key(self, need: Requirement) -> str | None:
        """The word by which the requirer's `bind` speaks of a dependency."""
        declared = self._wish.declared[need.requirer]
        first = next(self._candidates.of([root_requirement(declared)]), None)
        depends = first.verified.blueprint.spec.depends if first is not None and not first.exclusion else []
        return next((d.bind_key for d in depends if d.name == need.blueprint), None)
