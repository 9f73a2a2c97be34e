"""Small random worlds to resolve: a few Blueprints in a few versions, some Applications, and often a prior lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hypothesis import assume
from hypothesis import strategies as st

from reconciler.domain.validation.environment import DeclaredApplication, ValidatedInput
from tests.support.builders import application, blueprint, need, package, verified, wish
from tests.unit.domain.resolution.brute_force import ResolutionInput, TooLargeError, Versions, asks, solutions

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from reconciler.model.blueprint import Blueprint
    from reconciler.model.lock import Package

T = TypeVar("T")

NAMES = ("a", "b", "c", "d", "e", "f")
VERSIONS = ("1.0.0", "1.2.0", "1.2.3", "1.2.3+build.7", "1.3.0-rc.1", "2.0.0-rc.1", "2.0.0", "2.1.0", "3.0.0")
RANGES = ("*", "^1", "^2", ">=1 <3", ">=1.2", "<2", "~1.2", "1.x || 3.x", "1.2.0 - 2.0.0", ">=1.3.0-rc.0")
BEFORE_A_VERSION = ("^", "~", ">=", "<=", "")

# Made once: making a strategy takes longer than drawing from it.
FORMS = st.sampled_from((*RANGES, *BEFORE_A_VERSION, *BEFORE_A_VERSION))
TAGS = st.lists(st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=4, unique=True), min_size=3, max_size=len(NAMES))
CHANCES = {share: st.integers(0, share - 1).map((share - 1).__eq__) for share in (2, 3, 4, 6, 8, 10, 12, 25)}
FOLLOWERS = {left: st.lists(st.integers(1, left), min_size=1, max_size=3, unique=True) for left in range(1, len(NAMES))}
PLACES = {size: st.integers(0, size - 1) for size in range(1, 40)}


def pick(draw: st.DrawFn, options: Sequence[T]) -> T:
    """One of them; the first in the simplest case."""
    return options[draw(PLACES[len(options)])]


def rarely(draw: st.DrawFn, share: int) -> bool:
    """Yes once in so many times; no in the simplest case."""
    return draw(CHANCES[share])


def range_near(draw: st.DrawFn, versions: Sequence[str]) -> str:
    """A range, often such that one of these versions fits."""
    form = draw(FORMS)
    return form + pick(draw, versions) if form in BEFORE_A_VERSION else form


def dependencies(draw: st.DrawFn, index: int, tags: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """What a version of a Blueprint needs: later Blueprints, and now and then an earlier one, with which it may close a cycle."""
    left = len(tags) - index - 1
    followers = draw(FOLLOWERS[left]) if left and not rarely(draw, 4) else []
    found = []
    for other in (index + step for step in followers):
        more: dict[str, Any] = {"alias": f"my-{NAMES[other]}"} if rarely(draw, 4) else {}
        more |= {"values": {}} if rarely(draw, 4) else {}
        found.append(need(NAMES[other], range_near(draw, tags[other]), **more))
    if rarely(draw, 25):
        found.append(need(NAMES[pick(draw, range(index + 1))], alias="back"))
    return found


class RandomCase(NamedTuple):
    """A world, and all answers that are right in it."""

    world: ResolutionInput
    right: list[Versions]


def shelves(draw: st.DrawFn) -> list[Blueprint]:
    """What a catalog has."""
    tags = draw(TAGS)
    found = []
    for index, versions in enumerate(tags):
        for version in versions:
            blocks = [range_near(draw, versions)] if rarely(draw, 8) else []
            depends = dependencies(draw, index, tags)
            found.append(blueprint(NAMES[index], version, depends=depends, upgrades={"blocks": blocks}))
    return found


def wishes(draw: st.DrawFn, held: Sequence[Blueprint]) -> list[dict[str, Any]]:
    """What people want: Applications called like a Blueprint (which others then share) or by a name of their own."""
    blueprints = sorted({one.name for one in held})
    chosen: dict[str, str] = {}
    for first in [pick(draw, blueprints) for _ in range(1 + pick(draw, range(4)))]:
        called = first.removeprefix("bp-") if rarely(draw, 2) else f"own{len(chosen)}"
        chosen[called] = pick(draw, blueprints) if rarely(draw, 25) else first
    found = []
    for name, of in chosen.items():
        versions = [one for one in held if one.name == of]
        always = set.intersection(*({d.bind_key for d in one.spec.depends} for one in versions))
        bound = {key: pick(draw, sorted(chosen)) for key in sorted(always) if rarely(draw, 2)}
        bind = {key: to for key, to in bound.items() if to != name and (suits(versions, key, chosen[to]) or rarely(draw, 10))}
        found.append(application(name, of, range_near(draw, [one.version for one in versions]), bind=bind))
    return found


def suits(versions: Sequence[Blueprint], key: str, blueprint_: str) -> bool:
    """Whether what all versions mean by a key is a certain Blueprint."""
    return {d.name for one in versions for d in one.spec.depends if d.bind_key == key} == {blueprint_}


def locks(draw: st.DrawFn, world: ResolutionInput) -> dict[str, Package]:
    """A lock that once held, when people asked for any version; some of it may be stale since."""
    asked = {name: with_spec(one, version="*") for name, one in world.wish.declared.items()}
    possible = solutions(replace(world, wish=ValidatedInput(world.wish.environment, asked)))
    if not possible:
        return {}
    versions = pick(draw, possible[:30])
    before = {
        name: next(b for b in world.versions_of(blueprint_of(world, name)) if b.version == versions[name]) for name in versions
    }
    for name in {one.name.removeprefix("bp-"): 0 for one in world.held}:
        if rarely(draw, 8) and name not in world.wish.declared:
            before[name] = pick(draw, world.versions_of(f"bp-{name}"))
    return {name: locked(one, name) for name, one in before.items() if not rarely(draw, 10)}


def with_spec(declared: DeclaredApplication, *, version: str = "", turned: bool = False) -> DeclaredApplication:
    """The same Application with another range, or with its `bind` written in the other order."""
    spec = declared.application.spec
    wanted = spec.blueprint.model_copy(update={"version": version or spec.blueprint.version})
    bind = dict(reversed(spec.bind.items())) if turned else spec.bind
    changed = spec.model_copy(update={"blueprint": wanted, "bind": bind})
    return replace(declared, application=declared.application.model_copy(update={"spec": changed}))


def locked(one: Blueprint, application_: str) -> Package:
    """The package of a lock by which an Application runs this version."""
    return package(application_, one.version, blueprint=one.name, artifact=verified(one).artifact)


def blueprint_of(world: ResolutionInput, name: str) -> str:
    """The Blueprint of an Application: the declared one, else what its name ends with."""
    declared = world.wish.declared.get(name)
    return declared.application.spec.blueprint.name if declared else f"bp-{name.rpartition('-')[2]}"


@st.composite
def worlds(draw: st.DrawFn, *, locks_too: bool = True) -> RandomCase:
    """A world, and all answers that are right in it."""
    held = shelves(draw)
    wanted = wishes(draw, held)
    world = ResolutionInput(wish(*wanted), tuple(held))
    try:
        before = locks(draw, world) if locks_too and not rarely(draw, 4) else {}
        versions = [(one.name.removeprefix("bp-"), one.version) for one in held]
        untrusted = frozenset(pick(draw, versions) for _ in range(1 + pick(draw, range(2)))) if rarely(draw, 3) else frozenset()
        # A locked version that is lost blocks: that is shown by hand.
        usable = {(one.name, one.version) for one in held} - {(f"bp-{name}", version) for name, version in untrusted}
        sound = {name: one for name, one in before.items() if (one.blueprint, one.version) in usable}
        world = replace(world, prior=sound, untrusted=untrusted)
        return RandomCase(world, solutions(world))
    except TooLargeError:
        assume(False)
        raise


def shuffled(world: ResolutionInput, order: random.Random) -> ResolutionInput:
    """The same world, told in another order: files, their `bind`, tags and packages."""

    def mixed(items: Iterable[T]) -> list[T]:
        listed = list(items)
        order.shuffle(listed)
        return listed

    declared = {name: with_spec(one, turned=True) for name, one in mixed(world.wish.declared.items())}
    wanted = ValidatedInput(world.wish.environment, declared)
    return replace(world, wish=wanted, held=tuple(mixed(world.held)), prior=dict(mixed(world.prior.items())))


def is_contested(world: ResolutionInput) -> bool:
    """Whether, at the newest versions, some Application is asked for in two different ranges."""
    chosen: dict[str, Blueprint] = {}
    while undecided := {n: asked[0].blueprint for n, asked in asks(world, chosen).items() if n not in chosen}:
        chosen |= {name: world.versions_of(of)[0] for name, of in undecided.items()}
    return any(len({ask.range for ask in asked}) > 1 for asked in asks(world, chosen).values())
