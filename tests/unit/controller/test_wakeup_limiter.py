from __future__ import annotations

from reconciler.controller.wakeup_limiter import BURST, WINDOW, WakeupLimiter


def test_a_few_looks_begin_at_once_and_a_burst_waits() -> None:
    one = WakeupLimiter()
    for _ in range(BURST):
        assert one.request("a") == 0
        assert one.start("a") is not None
    assert 0 < one.request("a") <= WINDOW
    assert one.request("b") == 0, "another Environment's burst is its own"


def test_any_number_of_deliveries_before_a_look_is_one() -> None:
    one = WakeupLimiter()
    assert [one.request("a") for _ in range(1000)] == [0.0] * 1000
    assert one.start("a") is not None
    assert one.start("a") is None
    assert one.request("a") == 0


def test_looks_that_nobody_called_for_do_not_count() -> None:
    one = WakeupLimiter()
    assert [one.start("a") for _ in range(2 * BURST)] == [None] * (2 * BURST)
    assert one.request("a") == 0


def test_a_burst_is_forgotten_in_time_or_with_its_key() -> None:
    now = 100.0
    one = WakeupLimiter(lambda: now)
    for _ in range(BURST):
        one.request("a")
        one.start("a")
    assert one.request("a") == WINDOW
    now += WINDOW - 1
    assert one.request("a") == 1
    now += 1
    assert one.request("a") == 0
    now -= WINDOW
    one.forget("a")
    assert one.request("a") == 0


def test_the_wait_is_counted_from_the_first_delivery() -> None:
    now = 100.0
    one = WakeupLimiter(lambda: now)
    one.request("a")
    now += 10
    one.request("a")
    assert one.start("a") == 10
