"""What resolvelib asks while it resolves: who needs what, which versions will do, and why none does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resolvelib import AbstractProvider, ResolutionTooDeep

from reconciler.decide.catalog import Catalog, PassedOver, Verified
from reconciler.decide.versions import fits, newest_first
from reconciler.model.blueprint import Dependency, short_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.decide.validate import Wish
    from reconciler.model.lock import Package
    from reconciler.model.problem import Problem


MAX_STEPS = 5_000_000  # of comparing a demand with a choice: what a round costs grows with the number of Applications


@dataclass(frozen=True)
class Need:
    """Someone's demand on an Application.

    Attributes:
        application: whose version is demanded.
        blueprint: the full name of the Blueprint it must be of.
        range: the versions that will do.
        requirer: the Application that demands it: itself when a person declared it.
        written: the file, or `bp-name@version` when a Blueprint says so.
        chain: the Applications from a declared one down to the requirer.
        catalog: the catalog it must come from, if that was said.
        values: the values that a dedicated dependency is to have.
        lineage: the Blueprints, from the first on, each of which has the next for itself alone, and the last this one.
    """

    application: str
    blueprint: str
    range: str
    requirer: str
    written: str
    chain: tuple[str, ...] = field(compare=False)
    catalog: str | None = None
    values: Mapping[str, Any] | None = field(default=None, compare=False)
    lineage: tuple[str, ...] = field(default=(), compare=False)

    @property
    def endless(self) -> bool:
        """Whether it would go on for ever: a Blueprint brings along its own, which brings along its own, and so on."""
        return self.blueprint in self.lineage


@dataclass(frozen=True)
class Choice:
    """One version of a Blueprint for one Application, the chain that led to it, and the Blueprints for which it is dedicated."""

    application: str
    artifact: str
    verified: Verified = field(compare=False)
    chain: tuple[str, ...] = field(compare=False)
    lineage: tuple[str, ...] = field(default=(), compare=False)


class Provider(AbstractProvider[Need, Choice, str]):
    """What resolvelib asks of us; it caches nothing itself, the Catalog does."""

    def __init__(self, wish: Wish, prior: Mapping[str, Package], catalog: Catalog) -> None:
        self._wish = wish
        self._prior = prior
        self._catalog = catalog
        self._steps = 0

    def identify(self, requirement_or_candidate: Need | Choice) -> str:
        """The Application: there is one version of each."""
        return requirement_or_candidate.application

    def get_preference(
        self, identifier: str, resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any
    ) -> tuple[bool, str]:
        """What caused a conflict first, then by name: the order does not depend on that of the files."""
        del resolutions, candidates, information
        caused = any(identifier in {c.requirement.application, c.requirement.requirer} for c in backtrack_causes)
        return (not caused, identifier)

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Need]],
        incompatibilities: Mapping[str, Iterator[Choice]],
    ) -> Any:
        """The versions that meet all needs of an Application, asked for one by one as resolvelib tries them."""
        needs = list(requirements[identifier])
        excluded = {choice.artifact for choice in incompatibilities[identifier]}
        return lambda: (choice for choice in self._choices(needs) if choice.artifact not in excluded)

    def is_satisfied_by(self, requirement: Need, candidate: Choice) -> bool:
        """Whether a choice meets a need; raises ResolutionTooDeep when there was too much to compare."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise ResolutionTooDeep(self._steps)
        blueprint = candidate.verified.blueprint
        return requirement.blueprint == blueprint.name and fits(blueprint.version, requirement.range)

    def get_dependencies(self, candidate: Choice) -> list[Need]:
        """What a choice needs in turn."""
        return [self._need(candidate, dependency) for dependency in candidate.verified.blueprint.spec.depends]

    def hopeless(self, need: Need) -> Problem | None:
        """The problem of a demand that no version at all can meet."""
        if next(self._choices([need]), None) is not None:
            return None
        return self._no_candidate(need, [need])

    def conflict(self, needs: Iterable[Need]) -> tuple[Problem, ...]:
        """The problem of demands that cannot be met together."""
        ordered = sorted(
            dict.fromkeys(needs), key=lambda n: (n.application, n.requirer != n.application, n.written, n.range, n.chain)
        )
        for need in ordered:
            if next(self._choices([need]), None) is None:
                return (self._no_candidate(need, ordered),)
        first = ordered[0]
        demands = "; ".join(f"{' -> '.join(n.chain)} needs {n.blueprint} {n.range} ({n.written})" for n in ordered)
        return (
            self._at(
                first,
                "Conflict",
                f"no one version of {first.application} suits all who need it: {demands}",
                hint="widen one of these ranges, or bind one of them to an Application of its own",
            ),
        )

    def _need(self, candidate: Choice, dependency: Dependency) -> Need:
        blueprint = candidate.verified.blueprint
        target = self._target(candidate.application, dependency)
        dedicated = target not in self._wish.declared and dependency.values is not None
        return Need(
            application=target,
            blueprint=dependency.name,
            range=dependency.version,
            requirer=candidate.application,
            written=f"{blueprint.name}@{blueprint.version}",
            chain=candidate.chain,
            values=dependency.values,
            lineage=(*candidate.lineage, blueprint.name) if dedicated else (),
        )

    def _target(self, application: str, dependency: Dependency) -> str:
        declared = self._wish.declared.get(application)
        bound = declared.application.spec.bind.get(dependency.key) if declared else None
        if bound is not None:
            return bound
        short = short_name(dependency.name)
        return short if dependency.values is None else f"{application}-{short}"

    def _choices(self, needs: list[Need]) -> Iterator[Choice]:
        """The versions that meet all of some Application's needs: the locked one, then the newest first."""
        first = min(needs, key=lambda n: (len(n.chain), n.chain))
        if any(n.blueprint != first.blueprint or n.endless for n in needs):
            return
        catalogs = {n.catalog for n in needs if n.catalog is not None}
        if len(catalogs) > 1:
            return
        wanted = next(iter(catalogs), None)
        chain = first.chain if first.requirer == first.application else (*first.chain, first.application)
        locked = self._locked(first, needs, wanted)
        if locked is not None:
            yield from self._usable(first, chain, self._of_lock(locked))
            if self._lost(locked) is not None:
                # Trust that was lost blocks and moves nobody (trust.md, law 5): at most the same version, signed anew.
                yield from self._usable(first, chain, self._catalog.get(_home(locked), first.blueprint, locked.version, None))
                return
        seen = (_home(locked), locked.version) if locked is not None else None
        for home, version in self._listed(first.blueprint, wanted):
            if (home, version) != seen and all(fits(version, n.range) for n in needs):
                yield from self._usable(first, chain, self._catalog.get(home, first.blueprint, version, None))

    def _locked(self, first: Need, needs: list[Need], wanted: str | None) -> Package | None:
        """The last lock's package of an Application, if it still meets all needs."""
        locked = self._prior.get(first.application)
        if locked is None or locked.blueprint != first.blueprint or wanted not in {None, _home(locked)}:
            return None
        if not _home(locked) or not locked.digest.startswith("sha256:"):
            return None  # a damaged lock costs only its preference
        return locked if all(fits(locked.version, n.range) for n in needs) else None

    def _of_lock(self, locked: Package) -> Verified | PassedOver:
        return self._catalog.get(_home(locked), locked.blueprint, locked.version, locked.digest)

    def _lost(self, locked: Package) -> PassedOver | None:
        found = self._of_lock(locked)
        return found if isinstance(found, PassedOver) else None

    @staticmethod
    def _usable(first: Need, chain: tuple[str, ...], found: Verified | PassedOver) -> Iterator[Choice]:
        if isinstance(found, Verified):
            yield Choice(first.application, found.artifact, found, chain, first.lineage)

    def _listed(self, blueprint: str, wanted: str | None) -> Iterator[tuple[str, str]]:
        found = self._catalog.find(blueprint)
        homes = [home for home in found if wanted in {None, home}]
        if len(homes) == 1:  # a name found in two catalogs is nobody's until the Application says which
            for version in newest_first(found[homes[0]]):
                yield homes[0], version

    def _no_candidate(self, need: Need, needs: list[Need]) -> Problem:
        if need.endless:
            circle = " -> ".join((*need.lineage[need.lineage.index(need.blueprint) :], need.blueprint))
            return self._at(need, "Cycle", f"these Blueprints each bring along the next, without end: {circle}")
        together = [n for n in needs if n.application == need.application]
        locked = self._locked(need, together, need.catalog)
        if locked is not None and (lost := self._lost(locked)) is not None:
            return self._at(
                need,
                lost.code,
                f"{self._says(need)}, locked to {locked.version}, which may no longer be used: {lost.reason}",
                hint="what runs is left running; to move, ask for a range without this version",
            )
        catalogs = self._catalog.find(need.blueprint)
        if len(catalogs) > 1 and need.catalog is None:
            return self._at(
                need,
                "AmbiguousBlueprint",
                f"{need.blueprint} is in more than one catalog: {', '.join(sorted(catalogs))}",
                hint="say which with spec.blueprint.catalog",
            )
        versions = newest_first(v for home, vs in catalogs.items() if need.catalog in {None, home} for v in vs)
        if not versions:
            where = f"the catalog {need.catalog}" if need.catalog else "any catalog"
            return self._at(need, "UnknownBlueprint", f"{self._says(need)}, which is not in {where}", at_name=True)
        in_range = [v for v in versions if all(fits(v, n.range) for n in together)]
        home = need.catalog or next(iter(catalogs))
        over = [got for v in in_range if isinstance(got := self._catalog.get(home, need.blueprint, v, None), PassedOver)]
        if not over:
            newest = ", ".join(versions[:3])
            return self._at(
                need,
                "NoVersion",
                f"{self._says(need)}; there are {len(versions)} versions, none in this range",
                hint=f"the newest are {newest}",
            )
        reasons = "; ".join(f"{one.version}: {one.reason}" for one in over[:3])
        funnel = f"found {len(versions)}, in range {len(in_range)}, usable 0"
        return self._at(need, over[0].code, f"{self._says(need)}; {funnel}: {reasons}")

    def _says(self, need: Need) -> str:
        via = f" (through {' -> '.join(need.chain)}, in {need.written})" if need.requirer != need.application else ""
        return f"{need.requirer} needs {need.blueprint} {need.range}{via}"

    def _at(self, need: Need, code: str, message: str, *, hint: str = "", at_name: bool = False) -> Problem:
        """A problem at the place in a person's file where the chain begins."""
        source = self._wish.declared[need.chain[0]].source
        way = ("spec", "blueprint", "name" if at_name or need.requirer != need.application else "version")
        return source.problem(code, message, way, at_value=True, hint=hint)


def _home(package: Package) -> str:
    """The catalog that a package came from."""
    return package.artifact.removeprefix("oci://").rpartition("/")[0]
