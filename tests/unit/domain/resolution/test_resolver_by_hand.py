"""Resolutions that are known without computing them: `resolve` and the solver that tries everything must both agree.

The random worlds of test_resolve_properties.py meet such cases seldom, or could not say by themselves which side is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.resolution.resolver import resolve
from tests.support.builders import BlueprintCatalog, application, blueprint, need, versions, wish
from tests.unit.domain.resolution.brute_force import ResolutionInput, Versions, is_newer, kept, solutions
from tests.unit.domain.resolution.random_catalogs import locked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.blueprint import Blueprint
    from reconciler.model.lock import Package


def many(name: str, *numbers: str, **spec: Any) -> list[Blueprint]:
    return [blueprint(name, number, **spec) for number in numbers]


def lock(*runs: tuple[str, Blueprint]) -> Mapping[str, Package]:
    return {application: locked(one, application) for application, one in runs}


def answer(world: ResolutionInput) -> Versions | None:
    """What is found; the solver must have it as the one that nothing beats, or have none."""
    resolution, problems = resolve(world.wish, world.prior, BlueprintCatalog(*world.held, untrusted=world.untrusted))
    right = solutions(world)
    if resolution is None:
        assert problems
        assert right == []
        return None
    found = versions(resolution)
    assert found in right
    assert not [o for o in right if kept(world, o) > kept(world, found)]
    assert not [o for o in right if kept(world, o) == kept(world, found) and is_newer(o, found)]
    return found


def test_a_conflict_deep_down_is_solved_by_an_older_version_high_up() -> None:
    held = (
        blueprint("web", "2.0.0", depends=[need("api", "^2")]),
        blueprint("web", "1.0.0", depends=[need("api", "^1")]),
        blueprint("api", "2.0.0", depends=[need("store")]),
        blueprint("api", "1.0.0"),
        blueprint("store", depends=[need("db", "^2")]),
        blueprint("shop", depends=[need("db", "^1")]),
        *many("db", "1.0.0", "2.0.0"),
    )
    found = answer(ResolutionInput(wish(application("shop"), application("web")), held))
    assert found == {"api": "1.0.0", "db": "1.0.0", "shop": "1.0.0", "web": "1.0.0"}


def test_a_cycle_of_the_newest_version_is_avoided_by_an_older_one() -> None:
    held = (
        blueprint("a", "1.0.0"),
        blueprint("a", "1.1.0", depends=[need("b")]),
        blueprint("b", depends=[need("a")]),
    )
    assert answer(ResolutionInput(wish(application("a")), held)) == {"a": "1.0.0"}
    assert answer(ResolutionInput(wish(application("a"), application("b")), held)) == {"a": "1.0.0", "b": "1.0.0"}
    assert answer(ResolutionInput(wish(application("a", version="^1.1")), held)) is None


def test_a_dedicated_dependency_closes_no_cycle_with_the_shared_one_of_its_blueprint() -> None:
    held = (blueprint("a", depends=[need("b", values={})]), blueprint("b", depends=[need("c")]), blueprint("c"))
    found = answer(ResolutionInput(wish(application("a"), application("b")), held))
    assert found == {"a": "1.0.0", "a-b": "1.0.0", "b": "1.0.0", "c": "1.0.0"}


@pytest.mark.parametrize(("asked", "expected"), [("*", "2.0.0"), ("^1", "1.9.0"), ("<2", "1.9.0"), ("^3", None)])
def test_a_person_asks_for_an_older_version_by_a_range_without_the_locked_one(asked: str, expected: str | None) -> None:
    web = many("web", "1.0.0", "1.9.0", "2.0.0")
    found = answer(ResolutionInput(wish(application("web", version=asked)), tuple(web), prior=lock(("web", web[-1]))))
    assert found == ({"web": expected} if expected else None)


def test_a_blueprint_alone_does_not_bring_a_running_application_back() -> None:
    web = [blueprint("web", f"{n}.0.0", depends=[need("db", f"^{n}")]) for n in (1, 2)]
    db = many("db", "1.0.0", "2.0.0")
    back, prior = application("web", version="^1"), lock(("web", web[1]), ("db", db[1]))
    assert answer(ResolutionInput(wish(back), (*web, *db), prior=prior)) is None
    assert answer(ResolutionInput(wish(back, application("db")), (*web, *db), prior=prior)) is None
    told = ResolutionInput(wish(back, application("db", version="^1")), (*web, *db), prior=prior)
    assert answer(told) == {"db": "1.0.0", "web": "1.0.0"}
    assert not told.only_asked_downgrades or solutions(told)


def test_other_builds_of_the_locked_version_are_not_older() -> None:
    web = many("web", "1.0.0+a", "1.0.0+b")
    for one in web:
        assert answer(ResolutionInput(wish(application("web")), tuple(web), prior=lock(("web", one)))) == {"web": one.version}
    assert answer(ResolutionInput(wish(application("web")), tuple(web))) == {"web": "1.0.0+b"}
    distrusted = ResolutionInput(wish(application("web")), tuple(web), untrusted=frozenset({("web", "1.0.0+b")}))
    assert answer(distrusted) == {"web": "1.0.0+a"}


@pytest.mark.parametrize(
    ("runs", "asked", "expected"),
    [
        ("1.0.0", ">=1.5.0", "1.5.0"),  # one step at a time
        ("1.5.0", "^2", "2.0.0"),
        ("1.0.0", "^2", None),
        ("1.0.0", "*", "1.0.0"),
        ("2.0.0", "^2", "2.0.0"),
        (None, "^2", "2.0.0"),  # nothing runs, so nothing is upgraded
    ],
)
def test_a_version_cannot_be_reached_from_those_it_blocks(runs: str | None, asked: str, expected: str | None) -> None:
    web = [*many("web", "1.0.0", "1.5.0"), blueprint("web", "2.0.0", upgrades={"blocks": ["<1.5.0", "2.x"]})]
    prior = lock(*(("web", one) for one in web if one.version == runs))
    found = answer(ResolutionInput(wish(application("web", version=asked)), tuple(web), prior=prior))
    assert found == ({"web": expected} if expected else None)


def test_a_blocked_upgrade_of_a_dependency_keeps_its_requirer_on_an_older_version() -> None:
    web = [blueprint("web", f"1.{n}.0", depends=[need("db", f"^{n}")]) for n in (1, 2, 3)]
    db = [*many("db", "1.0.0", "2.0.0"), blueprint("db", "3.0.0", upgrades={"blocks": ["^1"]})]
    world = ResolutionInput(wish(application("web", version=">1.1.0")), (*web, *db), prior=lock(("web", web[0]), ("db", db[0])))
    assert answer(world) == {"db": "2.0.0", "web": "1.2.0"}


def test_what_a_dedicated_application_runs_blocks_only_itself() -> None:
    web = blueprint("web", depends=[need("db", values={})])
    db = [blueprint("db"), blueprint("db", "2.0.0", upgrades={"blocks": ["^1"]})]
    wanted = wish(application("web"), application("own", "bp-web"))
    assert answer(ResolutionInput(wanted, (web, *db), prior=lock(("web-db", db[0])))) == {
        "own": "1.0.0",
        "own-db": "2.0.0",
        "web": "1.0.0",
        "web-db": "1.0.0",
    }


@pytest.mark.parametrize("names", [("web", "shop"), ("shop", "web")])
def test_whoever_asks_away_from_a_version_that_lost_its_trust_is_heard(names: tuple[str, str]) -> None:
    # One asks for any version, so it alone would be held back; the other asks for a later one, so somebody asked to move.
    patient, urgent = names
    db = many("db", "1.0.0", "1.1.0")
    held = (blueprint(patient, depends=[need("db")]), blueprint(urgent, depends=[need("db", "^1.1")]), *db)
    both = wish(application("web"), application("shop"))
    lost = frozenset({("db", "1.0.0")})
    assert answer(ResolutionInput(both, held, lost, lock(("db", db[0])))) == {"db": "1.1.0", "shop": "1.0.0", "web": "1.0.0"}
    assert answer(ResolutionInput(wish(application(patient)), held, lost, lock(("db", db[0])))) is None


def test_trust_that_is_lost_by_what_is_no_longer_needed_holds_nobody_back() -> None:
    db = blueprint("db")
    web = [blueprint("web", depends=[need("db")]), blueprint("web", "2.0.0")]
    world = ResolutionInput(
        wish(application("web", version="^2")), (*web, db), frozenset({("db", "1.0.0")}), lock(("web", web[0]), ("db", db))
    )
    assert answer(world) == {"web": "2.0.0"}


@pytest.mark.parametrize(("asked", "expected"), [("*", None), ("^2", None), ("^1", "1.0.0"), ("^3", "3.0.0")])
def test_a_locked_version_that_is_gone_is_left_only_when_a_person_asks(asked: str, expected: str | None) -> None:
    held = tuple(many("web", "1.0.0", "2.1.0", "3.0.0"))
    world = ResolutionInput(wish(application("web", version=asked)), held, prior=lock(("web", blueprint("web", "2.0.0"))))
    assert answer(world) == ({"web": expected} if expected else None)


def test_of_two_newer_versions_the_one_that_leaves_others_alone_is_chosen() -> None:
    web = [
        blueprint("web", "1.0.0", depends=[need("db", "^1")]),
        blueprint("web", "2.0.0", depends=[need("db", "^1")]),
        blueprint("web", "2.1.0", depends=[need("db", "^2")]),
    ]
    db = many("db", "1.0.0", "1.1.0", "2.0.0")
    world = ResolutionInput(wish(application("web", version="^2")), (*web, *db), prior=lock(("web", web[0]), ("db", db[0])))
    assert answer(world) == {"db": "1.0.0", "web": "2.0.0"}


def test_of_two_things_that_cannot_both_stay_one_does() -> None:
    held = (
        *(blueprint(name, f"{n}.0.0", depends=[need("db", f"^{n}")]) for name in ("web", "shop") for n in (1, 2)),
        *many("db", "1.0.0", "2.0.0"),
    )
    by = {(one.name, one.version): one for one in held}
    prior = lock(("web", by["bp-web", "1.0.0"]), ("shop", by["bp-shop", "2.0.0"]))
    found = answer(ResolutionInput(wish(application("web"), application("shop", version=">1")), held, prior=prior))
    assert found == {"db": "2.0.0", "shop": "2.0.0", "web": "2.0.0"}
    free = answer(ResolutionInput(wish(application("web")), held, prior=prior))
    assert free == {"db": "1.0.0", "web": "1.0.0"}


def test_a_locked_pre_release_stays_while_the_range_names_it_and_gives_way_when_it_does_not() -> None:
    web = many("web", "1.0.0", "1.1.0-rc.1", "1.1.0-rc.2", "1.1.0")
    prior = lock(("web", web[1]))
    for asked, expected in (
        ("^1.1.0-rc.1", "1.1.0-rc.1"),
        (">=1.1.0-rc.2", "1.1.0"),
        ("*", "1.1.0"),
        (">=1.0.0 <1.1.0", "1.0.0"),
    ):
        assert answer(ResolutionInput(wish(application("web", version=asked)), tuple(web), prior=prior)) == {"web": expected}


@pytest.mark.parametrize("asked", ["<1.1.0", "<=1.1.0", "<1.1.0 || ^9", ">=1.0.0 <1.1.0", "1.0.0 - 1.1.0", "<1.1"])
def test_no_pre_release_comes_in_below_the_upper_end_of_a_range(asked: str) -> None:
    assert answer(ResolutionInput(wish(application("web", version=asked)), tuple(many("web", "1.0.0", "1.1.0-rc.1")))) == {
        "web": "1.0.0"
    }


def test_the_lock_of_a_shared_application_says_nothing_of_a_dedicated_one_nor_the_reverse() -> None:
    db = many("db", "1.0.0", "1.1.0")
    held = (blueprint("web", depends=[need("db", values={})]), blueprint("shop", depends=[need("db")]), *db)
    both = wish(application("web"), application("shop"))
    for name, expected in (("db", ("1.0.0", "1.1.0")), ("web-db", ("1.1.0", "1.0.0"))):
        found = answer(ResolutionInput(both, held, prior=lock((name, db[0]))))
        assert found is not None
        assert (found["db"], found["web-db"]) == expected


def test_what_is_bound_leaves_the_shared_application_out() -> None:
    db = many("db", "1.0.0", "2.0.0")
    held = (
        blueprint("web", depends=[need("db", "^1", alias="store"), need("cache")]),
        blueprint("cache", depends=[need("db")]),
        *db,
    )
    wanted = wish(application("web", bind={"store": "old"}), application("old", "bp-db"))
    assert answer(ResolutionInput(wanted, held)) == {"cache": "1.0.0", "db": "2.0.0", "old": "1.0.0", "web": "1.0.0"}
