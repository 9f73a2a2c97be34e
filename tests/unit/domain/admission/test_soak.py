from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.admission.soak import ObservedStatus, SoakTime, new_packages, soaked
from tests.support.builders import lock_of, package

if TYPE_CHECKING:
    from reconciler.model.lock import EnvironmentLock

A, B, C = "sha256:a", "sha256:b", "sha256:c"


def hours(history: list[ObservedStatus], digest: str = A, *, until: int = 100, now: int = 100) -> int:
    return soaked(history, [digest], until=until, now=now)[0].seconds


def test_time_while_it_is_ready_counts_until_it_was_last_known_to() -> None:
    assert hours([ObservedStatus(10, {A: True})]) == 90
    assert hours([ObservedStatus(10, {A: True})], until=40) == 30
    assert hours([ObservedStatus(10, {A: True})], until=400) == 90, "nothing after now counts"
    assert hours([ObservedStatus(10, {A: False})]) == 0
    assert hours([]) == 0


def test_an_unhealthy_hour_does_not_count_and_takes_nothing_away() -> None:
    assert hours([ObservedStatus(10, {A: True}), ObservedStatus(40, {A: False}), ObservedStatus(60, {A: True})]) == 30 + 40


def test_another_digest_begins_from_nothing_and_the_old_one_keeps_its_time() -> None:
    history = [ObservedStatus(10, {A: True}), ObservedStatus(40, {B: True}), ObservedStatus(60, {A: True, B: True})]
    assert soaked(history, [A, B, C], until=100, now=100) == (
        SoakTime(A, 70, ready=True, seen=True),
        SoakTime(B, 60, ready=True, seen=True),
        SoakTime(C, 0, ready=False, seen=False),
    )


def test_nothing_is_ready_while_nobody_watches() -> None:
    assert soaked([ObservedStatus(10, {A: True})], [A], until=40, now=100) == (SoakTime(A, 30, ready=False, seen=True),)


def test_time_that_nobody_watched_is_taken_out() -> None:
    assert hours([ObservedStatus(10, {A: True}), ObservedStatus(60, {A: True}, unwatched_since=20)]) == 10 + 40
    assert hours([ObservedStatus(10, {A: True}), ObservedStatus(60, {A: True}, unwatched_since=70)]) == 90
    assert (
        hours([ObservedStatus(10, {A: True}), ObservedStatus(30, {A: True}), ObservedStatus(60, {A: True}, unwatched_since=20)])
        == 10 + 40
    )


def test_a_clock_that_runs_backwards_or_far_ahead_adds_nothing() -> None:
    assert hours([ObservedStatus(10, {A: True}), ObservedStatus(50, {A: True}), ObservedStatus(20, {A: True})]) == 90
    assert hours([ObservedStatus(10, {A: False}), ObservedStatus(50, {A: True}), ObservedStatus(20, {A: False})]) == 0
    assert hours([ObservedStatus(10, {A: False}), ObservedStatus(10**9, {A: True}), ObservedStatus(20, {A: False})]) == 0
    assert hours([ObservedStatus(10, {A: False}), ObservedStatus(10**9, {A: True})]) == 0
    assert hours([ObservedStatus(-(10**9), {A: False}), ObservedStatus(20, {A: True})]) == 80


_digests = st.dictionaries(st.sampled_from([A, B, C]), st.booleans())
_points = st.builds(ObservedStatus, st.integers(0, 60), _digests, st.none() | st.integers(0, 60))


@settings(max_examples=400)
@given(st.lists(_points, max_size=12), st.integers(0, 70), st.integers(0, 70))
def test_second_by_second_it_is_the_same(history: list[ObservedStatus], until: int, now: int) -> None:
    """An oracle of its own: which status is the newest at each second, and did somebody watch?"""
    expected = dict.fromkeys((A, B, C), 0)
    for second in range(min(until, now)):
        newest = next((n for n in reversed(range(len(history))) if history[n].at <= second), None)
        if newest is None:
            continue
        gaps = [(one.unwatched_since, one.at) for one in history[newest + 1 :] if one.unwatched_since is not None]
        if any(begin <= second < end for begin, end in gaps):
            continue
        for digest, ready in history[newest].ready.items():
            expected[digest] += ready
    found = soaked(history, (A, B, C), until=until, now=now)
    assert {one.digest: one.seconds for one in found} == expected


@given(st.lists(_points, max_size=12), st.integers(0, 70), st.integers(0, 70), st.integers(0, 12))
def test_what_is_left_out_only_takes_time_away(history: list[ObservedStatus], until: int, now: int, left: int) -> None:
    whole, part = (soaked(some, (A, B, C), until=until, now=now) for some in (history, history[left:]))
    assert all(one.seconds <= all_.seconds for one, all_ in zip(part, whole, strict=True))


def test_what_must_have_soaked() -> None:
    old, new, moved = package("db"), package("shop"), package("db", artifact="oci://registry.example/bp-db@sha256:" + "f" * 64)
    before = lock_of(old)

    def after(*packages: object) -> EnvironmentLock:
        return before.model_copy(update={"packages": list(packages)})

    assert new_packages(before, after(old)) == ()
    assert new_packages(before, after()) == (), "what is removed needs no soak"
    assert new_packages(before, after(old.model_copy(update={"values": {"size": 2}}))) == ()
    assert new_packages(before, after(old, new)) == (new,)
    assert new_packages(before, after(moved)) == (moved,)
    assert new_packages(None, after(old)) == (old,)
