"""What a resolution is, shown in small random worlds against a solver that tries every combination."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconciler.domain.resolution.resolver import resolve
from tests.support.builders import BlueprintCatalog, versions
from tests.unit.domain.resolution.brute_force import ResolutionInput, Versions, first_guess, is_newer, kept
from tests.unit.domain.resolution.random_catalogs import RandomCase, is_contested, shuffled, worlds

CASES, FRESH_CASES = worlds(), worlds(locks_too=False)
# A failing world prints itself, made small; to explain it too would take minutes.
SMALL = settings(deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])


def found(world: ResolutionInput) -> Versions | None:
    """What `resolve` finds in a world."""
    resolution, problems = resolve(world.wish, world.prior, BlueprintCatalog(*world.held, untrusted=world.untrusted))
    assert resolution is not None or problems
    return versions(resolution) if resolution else None


@settings(SMALL, max_examples=300)
@given(CASES)
def test_a_resolution_is_found_exactly_where_there_is_one(case: RandomCase) -> None:
    answer = found(case.world)
    assert answer in case.right if case.right else answer is None


@settings(SMALL, max_examples=150)
@given(CASES)
def test_nothing_moves_that_could_have_stayed_with_all_that_stays(case: RandomCase) -> None:
    if answer := found(case.world):
        stays = kept(case.world, answer)
        moved = (set(answer) & set(case.world.prior)) - stays
        better = [other for other in case.right if stays <= kept(case.world, other) and moved & kept(case.world, other)]
        assert better == []


@settings(SMALL, max_examples=150)
@given(CASES)
def test_a_lock_that_still_holds_is_kept_whole(case: RandomCase) -> None:
    whole = [one for one in case.right if kept(case.world, one) == set(one)]
    if whole:
        assert [found(case.world)] == whole


@settings(SMALL, max_examples=150)
@given(FRESH_CASES)
def test_where_nothing_is_locked_no_other_resolution_is_newer(case: RandomCase) -> None:
    if answer := found(case.world):
        assert [other for other in case.right if is_newer(other, answer)] == []


@settings(SMALL, max_examples=150)
@given(CASES)
def test_what_has_to_move_moves_to_the_newest(case: RandomCase) -> None:
    if answer := found(case.world):
        stays = kept(case.world, answer)
        assert [o for o in case.right if kept(case.world, o) == stays and is_newer(o, answer)] == []


@settings(SMALL, max_examples=100)
@given(CASES, st.integers(0, 1000))
def test_order_does_not_count(case: RandomCase, seed: int) -> None:
    world, again = case.world, shuffled(case.world, random.Random(seed))  # noqa: S311 - no secret
    first = resolve(world.wish, world.prior, BlueprintCatalog(*world.held, untrusted=world.untrusted))
    assert resolve(again.wish, again.prior, BlueprintCatalog(*again.held, untrusted=again.untrusted)) == first


@settings(SMALL, max_examples=100)
@given(CASES)
def test_what_cannot_be_resolved_is_told_at_lines_of_the_peoples_files(case: RandomCase) -> None:
    world = case.world
    resolution, problems = resolve(world.wish, world.prior, BlueprintCatalog(*world.held, untrusted=world.untrusted))
    if resolution is None:
        files = {one.source.file for one in world.wish.declared.values()}
        assert problems
        assert [p for p in problems if p.file not in files or p.line < 1 or p.severity != "error"] == []


def test_the_random_worlds_are_worth_trying() -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=250,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.nested_given],
    )
    @given(CASES)
    def look(case: RandomCase) -> None:
        moved = bool(case.right and case.world.prior) and all(kept(case.world, one) != set(one) for one in case.right)
        seen["all"] += 1
        seen["right"] += bool(case.right)
        seen["choice"] += len(case.right) > 1
        seen["contested"] += is_contested(case.world)
        seen["not at first guess"] += bool(case.right) and first_guess(case.world) not in case.right
        seen["moved"] += moved

    look()
    share = {what: seen[what] / seen["all"] for what in seen}
    assert 0.3 < share["right"] < 0.7  # about 0.54
    assert share["choice"] > 0.08  # about 0.2
    assert share["contested"] > 0.15  # about 0.3
    assert share["not at first guess"] > 0.005  # about 0.05
    assert share["moved"] > 0.02  # about 0.11
