"""When a status is told, in a time of the tests' own."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from reconciler.domain.status.throttle import MAX_BURST, StatusThrottle
from reconciler.model.status import Condition, EnvironmentStatus, StatusMetadata

STEP = 0.01


def status(number: int) -> EnvironmentStatus:
    ready = Condition(type="Ready", status="False", reason="Progressing", message=str(number))
    return EnvironmentStatus(metadata=StatusMetadata(name="acme-prod"), input="m", conditions=[ready], applications=[])


def told(changes: list[float], until: float) -> list[tuple[float, int]]:
    """When what is told, if the world changes at some times, and every change and every wish to look again leads to a look."""
    pace, on_branch, now, due = StatusThrottle(), status(0), 0.0, 0.0
    pace.pushed(-100.0)
    lines = []
    while now < until:
        number = sum(1 for at in changes if at <= now)
        new = any(now - STEP < at <= now for at in changes)
        if new or now >= due:
            due = until
            wait = pace.wait_before_observing(now)
            if wait is None:
                seen = status(number)
                wait = pace.hold_back(seen, on_branch, now, news=False)
                if wait is None and seen != on_branch:
                    pace.pushed(now)
                    on_branch = seen
                    lines.append((now, number))
            if wait is not None:
                due = now + wait
        now += STEP
    return lines


def test_a_change_by_itself_is_told_at_once() -> None:
    ((at, number),) = told([10.0], 20.0)
    assert number == 1
    assert at == pytest.approx(10.0, abs=2 * STEP)


def test_a_burst_is_told_at_its_beginning_and_its_end() -> None:
    burst = [10.0 + n * 0.02 for n in range(150)]
    (_, first), (at, last) = told(burst, 20.0)
    assert (first, last) == (1, 150)
    assert burst[-1] < at < burst[-1] + 0.3


def test_of_a_long_burst_people_see_something_now_and_then() -> None:
    burst = [10.0 + n * 0.02 for n in range(1_000)]
    lines = told(burst, 40.0)
    assert 4 <= len(lines) <= 7
    assert lines[-1][1] == 1_000
    assert all(b - a <= MAX_BURST + 1.5 for (a, _), (b, _) in pairwise(lines))


@pytest.mark.parametrize("seed", range(30))
def test_no_more_than_one_a_second_and_the_last_always_lands_soon(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a script
    changes = sorted(dice.uniform(0, 20) for _ in range(dice.choice([1, 5, 30, 300])))
    lines = told(changes, 40.0)
    assert lines[-1][1] == len(changes)
    assert lines[-1][0] <= changes[-1] + 1.2
    assert all(b - a >= 1.0 - 2 * STEP for (a, _), (b, _) in pairwise(lines))
