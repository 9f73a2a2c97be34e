from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.loop import wakes
from reconciler.loop.wakes import MOST, SPAN, Wakes

if TYPE_CHECKING:
    import pytest


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


def test_a_burst_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Wakes()
    for _ in range(MOST):
        one.ask("a")
        one.begin("a")
    assert one.ask("a") > 0
    monkeypatch.setattr(wakes, "SPAN", 0.0)
    assert one.ask("a") == 0
    monkeypatch.undo()
    one.forget("a")
    assert one.ask("a") == 0


def test_the_wait_is_counted_from_the_first_delivery() -> None:
    one = Wakes()
    one.ask("a")
    one._asked["a"] -= 10
    one.ask("a")
    assert 10 <= (one.begin("a") or 0) < 20
