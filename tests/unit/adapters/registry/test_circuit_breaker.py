"""How often a silent host is tried again, in a time of the tests' own."""

from __future__ import annotations

import contextlib
import threading

import pytest

from reconciler.adapters.registry.circuit_breaker import FIRST, MAX_OPEN, HostCircuitBreaker
from reconciler.adapters.registry.responses import NoResponseError
from reconciler.model.errors import UnavailableError
from tests.support.fakes import ManualClock


def fall_silent(silences: HostCircuitBreaker) -> None:
    with pytest.raises(NoResponseError), silences.guard("host", "it"):
        raise NoResponseError("no answer")


def test_a_host_that_stays_silent_is_asked_ever_more_rarely() -> None:
    clock = ManualClock()
    silences = HostCircuitBreaker(["host"], clock)
    for seconds in (FIRST, 60, 120, 240, 480, MAX_OPEN, MAX_OPEN):
        fall_silent(silences)
        clock.now += seconds - 1
        with pytest.raises(UnavailableError, match="requested again in 1 s"), silences.guard("host", "it"):
            pass
        clock.now += 1


def test_one_asks_a_silent_host_and_the_others_go_on_without_it() -> None:
    clock = ManualClock()
    silences = HostCircuitBreaker(["host"], clock)
    fall_silent(silences)
    clock.now += FIRST
    with silences.guard("host", "it") as again:
        assert again
        with pytest.raises(UnavailableError, match="requested again"), silences.guard("host", "it"):
            pass
    with silences.guard("host", "it") as again:
        assert not again, "it answered"


def test_many_that_wait_for_a_host_at_the_same_time_are_one_silence() -> None:
    silences, together = HostCircuitBreaker(["host"], ManualClock()), threading.Barrier(8)

    def wait() -> None:
        with contextlib.suppress(NoResponseError), silences.guard("host", "it"):
            together.wait()
            raise NoResponseError("no answer")

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(UnavailableError, match="requested again in 30 s"), silences.guard("host", "it"):
        pass
