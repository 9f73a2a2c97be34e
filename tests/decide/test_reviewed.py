"""Which versions stay because people reviewed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.reviewed import brought, keeping, packages_of
from tests.decide.builders import lock_of, package

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
    kept = keeping(packages_of(prior), brought(prior, planned))
    assert {name: p.version for name, p in kept.items()} == versions(prior) | versions(planned)


@given(locks, locks, locks)
def test_what_changed_since_it_was_planned_stays(prior: EnvironmentLock, planned: EnvironmentLock, now: EnvironmentLock) -> None:
    before, there, wanted = versions(prior), versions(now), versions(planned)
    kept = keeping(packages_of(now), brought(prior, planned))
    assert {name: p.version for name, p in kept.items()} == {
        name: wanted[name] if name in wanted and there.get(name) == before.get(name) else there[name]
        for name in {*there, *(n for n in wanted if n not in before)}
    }


def test_of_two_that_bring_the_same_the_later_one_is_kept() -> None:
    both = [*brought(None, lock_of(package("db", "1.0.0"))), *brought(None, lock_of(package("db", "1.1.0")))]
    assert keeping({}, both)["db"].version == "1.1.0"


def test_without_a_lock_there_are_no_packages() -> None:
    assert packages_of(None) == {}
