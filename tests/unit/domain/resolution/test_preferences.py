"""Which versions stay because people reviewed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.resolution.preferences import reviewed_by_plan, version_preferences, whole_lock
from reconciler.model.lock import packages_of
from tests.support.builders import lock_of, package

if TYPE_CHECKING:
    from reconciler.model.lock import EnvironmentLock

locks = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])).map(
    lambda versions: lock_of(*(package(name, version) for name, version in versions.items()))
)


def versions(lock: EnvironmentLock) -> dict[str, str]:
    return {p.application: p.version for p in lock.packages}


@given(locks, locks)
def test_what_a_plan_brings_makes_its_packages_of_what_it_was_planned_upon(
    prior: EnvironmentLock, planned: EnvironmentLock
) -> None:
    kept = version_preferences(prior, reviewed_by_plan(prior, None, planned)) or packages_of(prior)
    assert {name: p.version for name, p in kept.items()} == versions(prior) | versions(planned)


@given(locks, locks, locks)
def test_what_changed_since_it_was_planned_stays(prior: EnvironmentLock, planned: EnvironmentLock, now: EnvironmentLock) -> None:
    before, there, wanted = versions(prior), versions(now), versions(planned)
    kept = version_preferences(now, reviewed_by_plan(prior, None, planned)) or packages_of(now)
    assert {name: p.version for name, p in kept.items()} == {
        name: wanted[name] if name in wanted and there.get(name) == before.get(name) else there[name]
        for name in {*there, *(n for n in wanted if n not in before)}
    }


@given(locks, locks, locks)
def test_what_main_comes_to_without_it_is_not_brought(
    prior: EnvironmentLock, planned: EnvironmentLock, main: EnvironmentLock
) -> None:
    new = {one.package.application: one.package.version for one in reviewed_by_plan(prior, main, planned)}
    assert new == {
        name: version
        for name, version in versions(planned).items()
        if version != versions(prior).get(name) and versions(main).get(name) in {versions(prior).get(name), None}
    }


def test_of_two_that_bring_the_same_the_later_one_is_kept() -> None:
    both = [reviewed_by_plan(None, None, lock_of(package("db", version))) for version in ("1.0.0", "1.1.0")]
    kept = version_preferences(None, [one for some in both for one in some])
    assert kept is not None
    assert kept["db"].version == "1.1.0"


def test_what_is_held_stays_where_nothing_else_was_reviewed() -> None:
    held = lock_of(package("db", "1.1.0"), package("web", "1.1.0"))
    kept = version_preferences(lock_of(package("db")), whole_lock(lock_of(package("db")), lock_of(package("db", "1.2.0"))), held)
    assert kept is not None
    assert {name: p.version for name, p in kept.items()} == {"db": "1.2.0", "web": "1.1.0"}


def test_without_anything_reviewed_nothing_is_kept_but_what_is_installed() -> None:
    assert version_preferences(None, ()) is None
    assert version_preferences(lock_of(package("db")), ()) is None
