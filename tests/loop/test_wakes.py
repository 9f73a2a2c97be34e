from __future__ import annotations

from reconciler.loop.wakes import MOST, SPAN, Wakes


def test_a_few_looks_begin_at_once_and_a_burst_waits() -> None:
    one = Wakes()
    for _ in range(MOST):
        assert one.ask("a") == 0
        assert one.begin("a") is not None
    assert 0 < one.ask("a") <= SPAN
    assert one.ask("b") == 0, "another Environment's burst is its own"


def test_any_number_of_deliveries_before_a_look_is_one() -> None:
    one = Wakes()
    assert [one.ask("a") for _ in range(1000)] == [0.0] * 1000
    assert one.begin("a") is not None
    assert one.begin("a") is None
    assert one.ask("a") == 0


def test_looks_that_nobody_called_for_do_not_count() -> None:
    one = Wakes()
    assert [one.begin("a") for _ in range(2 * MOST)] == [None] * (2 * MOST)
    assert one.ask("a") == 0


def test_a_burst_is_forgotten_in_time_or_with_its_key() -> None:
    now = 100.0
    one = Wakes(lambda: now)
    for _ in range(MOST):
        one.ask("a")
        one.begin("a")
    assert one.ask("a") == SPAN
    now += SPAN - 1
    assert one.ask("a") == 1
    now += 1
    assert one.ask("a") == 0
    now -= SPAN
    one.forget("a")
    assert one.ask("a") == 0


def test_the_wait_is_counted_from_the_first_delivery() -> None:
    now = 100.0
    one = Wakes(lambda: now)
    one.ask("a")
    now += 10
    one.ask("a")
    assert one.begin("a") == 10
