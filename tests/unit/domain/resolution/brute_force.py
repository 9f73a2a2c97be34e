"""A second answer to "which versions?", written from the rules of the documents alone, by trying every combination.

It exists to be compared with `reconciler.domain.resolution.resolver`, shares no line with it, and knows nothing of how it works.
All it borrows is which version fits which range, and which of two versions is newer (`reconciler.domain.versions`). It is for
small
worlds: one catalog, no `when`, no two dependencies of one Application with one name, and no Blueprint that brings along
itself for itself alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from reconciler.domain.versions import is_older, newest_first, satisfies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.blueprint import Blueprint, Dependency
    from reconciler.model.lock import Package

MAX_STEPS = 4000  # combinations, whole or begun: beyond it a world is not small

Versions = dict[str, str]  # the version of each Application


class TooLargeError(Exception):
    """There are too many combinations to try them all."""


class BlueprintRequest(NamedTuple):
    """A demand on an Application: by a Blueprint that depends on it, or (without a requirer) by the person who declared it."""

    blueprint: str
    range: str
    requirer: str = ""


@dataclass(frozen=True, repr=False)
class ResolutionInput:
    """All that a resolution depends on.

    Attributes:
        wish: what people want.
        held: what the catalog has.
        untrusted: (short name, version) of what in it may not be used.
        prior: the last lock's packages, by Application.
        only_asked_downgrades: whether an older version than the locked one must have been asked for by a person.
    """

    wish: ValidatedInput
    held: tuple[Blueprint, ...]
    untrusted: frozenset[tuple[str, str]] = frozenset()
    prior: Mapping[str, Package] = field(default_factory=dict)
    only_asked_downgrades: bool = True

    def __repr__(self) -> str:
        """Return a line per thing, for a failing example is read by people."""
        lines = []
        for name, declared in self.wish.declared.items():
            spec = declared.application.spec
            lines.append(f"application {name}: {spec.blueprint.name} {spec.blueprint.version}, bind {spec.bind}")
        for one in self.held:
            depends = [(d.bind_key, d.name, d.version, "shared" if d.values is None else "dedicated") for d in one.spec.depends]
            lines.append(f"{one.name}@{one.version} needs {depends}, blocks {one.spec.upgrades.blocks}")
        lines += [f"locked {name}: {package.blueprint}@{package.version}" for name, package in self.prior.items()]
        return "\n".join(["World(", *lines, f"untrusted {sorted(self.untrusted)})"])

    def versions_of(self, blueprint: str) -> list[Blueprint]:
        """All versions of a Blueprint, the newest first."""
        found = {b.version: b for b in self.held if b.name == blueprint}
        return [found[version] for version in newest_first(found)]

    def is_usable(self, blueprint: str, version: str) -> bool:
        """Whether a version is there and trusted."""
        there = any((one.name, one.version) == (blueprint, version) for one in self.held)
        return there and (blueprint.removeprefix("bp-"), version) not in self.untrusted

    def locked(self, application: str, blueprint: str) -> str | None:
        """The version that the prior lock has for an Application, if it was of that Blueprint."""
        package = self.prior.get(application)
        return package.version if package and package.blueprint == blueprint else None


def target(world: ResolutionInput, application: str, dependency: Dependency) -> str:
    """The Application that is to serve an Application's dependency."""
    declared = world.wish.declared.get(application)
    bound = declared.application.spec.bind if declared else {}
    if dependency.bind_key in bound:
        return bound[dependency.bind_key]
    short = dependency.name.removeprefix("bp-")
    return short if dependency.values is None else f"{application}-{short}"


def asks(world: ResolutionInput, chosen: Mapping[str, Blueprint]) -> dict[str, list[BlueprintRequest]]:
    """Every demand on each Application that is reached, as far as versions are chosen."""
    found: dict[str, list[BlueprintRequest]] = defaultdict(list)
    for name, declared in sorted(world.wish.declared.items()):
        wanted = declared.application.spec.blueprint
        found[name].append(BlueprintRequest("bp-" + wanted.name.removeprefix("bp-"), wanted.version))
    waiting = list(found)
    for name in waiting:
        for dependency in chosen[name].spec.depends if name in chosen else ():
            needed = target(world, name, dependency)
            if needed not in found:
                waiting.append(needed)
            found[needed].append(BlueprintRequest(dependency.name, dependency.version, name))
    return dict(found)


def suits(version: str, range_: str) -> bool:
    """Whether a version is in a range; a pre-release only where the range names one of that very version."""
    number, dash, _ = version.partition("+")[0].partition("-")
    return satisfies(version, range_) and (not dash or f"{number}-" in range_)


def may_be_chosen(world: ResolutionInput, application: str, one: Blueprint, demands: Sequence[BlueprintRequest]) -> bool:
    """Whether a version suits an Application on which there are these demands; further ones can only forbid it."""
    if not all(ask.blueprint == one.name and suits(one.version, ask.range) for ask in demands):
        return False
    locked = world.locked(application, one.name)
    if not world.is_usable(one.name, one.version):
        return False
    if locked is None or locked == one.version:
        return True
    if any(suits(locked, blocked) for blocked in one.spec.upgrades.blocks):
        return False
    asked = any(not ask.requirer and not suits(locked, ask.range) for ask in demands)
    return asked or not world.only_asked_downgrades or not is_older(one.version, locked)


def keeps_back(world: ResolutionInput, application: str, one: Blueprint, demands: Sequence[BlueprintRequest]) -> bool:
    """Whether an Application would leave a locked version that nobody asked it to leave, only since it can no longer be used."""
    locked = world.locked(application, one.name)
    if locked is None or locked == one.version or world.is_usable(one.name, locked):
        return False
    return all(suits(locked, ask.range) for ask in demands)


def has_cycle(world: ResolutionInput, chosen: Mapping[str, Blueprint]) -> bool:
    """Whether an Application needs itself, through however many others."""
    graph = {name: {target(world, name, d) for d in one.spec.depends} for name, one in chosen.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


def solutions(world: ResolutionInput) -> list[Versions]:
    """Every way to give each Application that is reached one version which meets all demands on it, without a cycle.

    Raises:
        TooLargeError: there are too many combinations.
    """
    steps = iter(range(MAX_STEPS))
    return [{name: one.version for name, one in sorted(chosen.items())} for chosen in _extended(world, {}, steps)]


def _extended(world: ResolutionInput, chosen: dict[str, Blueprint], steps: Iterator[int]) -> Iterator[dict[str, Blueprint]]:
    if next(steps, None) is None:
        raise TooLargeError
    demands = asks(world, chosen)
    if not all(may_be_chosen(world, name, one, demands[name]) for name, one in chosen.items()):
        return
    undecided = [name for name in demands if name not in chosen]
    if undecided:
        name = undecided[0]
        for one in world.versions_of(demands[name][0].blueprint):
            yield from _extended(world, {**chosen, name: one}, steps)
    elif not has_cycle(world, chosen) and not any(keeps_back(world, n, one, demands[n]) for n, one in chosen.items()):
        yield chosen


def first_guess(world: ResolutionInput) -> Versions | None:
    """What comes of deciding each Application once, when it is first met: the locked version, else the newest that suits."""
    chosen: dict[str, Blueprint] = {}
    while undecided := [name for name in asks(world, chosen) if name not in chosen]:
        name = undecided[0]
        demands = asks(world, chosen)[name]
        locked = world.locked(name, demands[0].blueprint)
        suiting = [v for v in world.versions_of(demands[0].blueprint) if may_be_chosen(world, name, v, demands)]
        if not suiting:
            return None
        chosen[name] = next((v for v in suiting if v.version == locked), suiting[0])
    return {name: one.version for name, one in sorted(chosen.items())}


def kept(world: ResolutionInput, versions: Versions) -> set[str]:
    """The Applications that stay in their locked version."""
    return {name for name, version in versions.items() if name in world.prior and world.prior[name].version == version}


def is_newer(one: Versions, other: Versions) -> bool:
    """Whether, of the same Applications, none is older in the first and one is newer."""
    if one.keys() != other.keys() or one == other:
        return False
    return all(newest_first((one[name], other[name]))[0] == one[name] for name in one)
