"""Skips hosts that recently did not respond, where a mirror can serve instead.

A site without a connection to the internet would otherwise wait for a time-out for each artifact.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.adapters.registry.responses import NoResponseError
from reconciler.model.errors import ReconcilerError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

FIRST = 30.0  # seconds that a host is skipped; twice as long after each further failure to respond
MAX_OPEN = 600.0


@dataclass(frozen=True)
class _OpenCircuit:
    until: float
    length: float


class HostCircuitBreaker:
    """A circuit breaker for each host that has an alternative. Safe for use by several threads.

    Args:
        hosts: the hosts that may be skipped.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, hosts: Collection[str], clock: Callable[[], float]) -> None:
        self._hosts = frozenset(hosts)
        self._clock = clock
        self._lock = threading.Lock()
        self._open_circuits: dict[str, _OpenCircuit] = {}

    @contextlib.contextmanager
    def guard(self, host: str, what: str) -> Iterator[bool]:
        """Guards a request to a host; yields whether the host failed to respond last time, and records whether it does now.

        Raises:
            UnavailableError: the host recently failed to respond, and the request is skipped.
        """
        is_probe = self._enter(host, what)
        try:
            yield is_probe
        except NoResponseError:
            self._open(host)
            raise
        except ReconcilerError:
            self._close(host)
            raise
        self._close(host)

    def _enter(self, host: str, what: str) -> bool:
        with self._lock:
            circuit = self._open_circuits.get(host)
            if circuit is None:
                return False
            if (remaining := circuit.until - self._clock()) > 0:
                raise UnavailableError(f"{what}: {host} recently did not respond, and is requested again in {remaining:.0f} s")
            length = min(2 * circuit.length, MAX_OPEN)  # this thread probes the host; the others skip it in the meantime
            self._open_circuits[host] = _OpenCircuit(self._clock() + length, length)
            return True

    def _open(self, host: str) -> None:
        if host in self._hosts:
            with self._lock:  # several threads may time out on it now; the first one sets the duration
                self._open_circuits.setdefault(host, _OpenCircuit(self._clock() + FIRST, FIRST))

    def _close(self, host: str) -> None:
        with self._lock:
            self._open_circuits.pop(host, None)
