"""Hosts that do not answer are left alone where a mirror stands for them."""

from __future__ import annotations

import pytest

from reconciler.adapters.registry.circuit_breaker import FIRST
from reconciler.adapters.registry.client import Registry
from reconciler.model.errors import UnavailableError
from tests.support.fakes import ManualClock
from tests.support.registry_server import HostileRegistry, Reply


def test_a_host_that_is_silent_is_left_alone_and_then_asked_once() -> None:
    clock, replies = ManualClock(), [Reply(status=200, body=b'{"tags": ["1"]}', pause=30)]
    with HostileRegistry(lambda _: replies[0]) as server:
        registry = Registry(plain_http=[server.host], has_mirror=[server.host], timeout=0.2, attempts=2, clock=clock)
        with pytest.raises(UnavailableError, match="did not respond within"):
            registry.tags(f"{server.host}/a")
        assert len(server.requests) == 2
        with pytest.raises(UnavailableError, match="requested again in 30 s"):
            registry.resolve(f"{server.host}/b", "1")
        assert len(server.requests) == 2
        clock.now += FIRST
        with pytest.raises(UnavailableError, match="did not respond within"):
            registry.tags(f"{server.host}/a")
        assert len(server.requests) == 3
        with pytest.raises(UnavailableError, match="requested again in 60 s"):
            registry.tags(f"{server.host}/a")
        clock.now += 2 * FIRST
        replies[:] = [Reply(body=b'{"tags": ["1"]}')]
        assert registry.tags(f"{server.host}/a") == ("1",)
        assert registry.tags(f"{server.host}/a") == ("1",)


def test_a_host_that_nothing_stands_for_is_asked_each_time() -> None:
    with HostileRegistry(lambda _: Reply()) as server:
        gone = server.host
    registry = Registry(plain_http=[gone], timeout=0.2, attempts=1)
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"the connection to .* failed"):
            registry.tags(f"{gone}/a")
