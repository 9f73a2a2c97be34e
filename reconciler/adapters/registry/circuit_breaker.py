"""Hosts that do not answer, and until when they are left alone because there is another place to ask.

A site without a way to the world would otherwise wait for a time-out for each artifact.
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

FIRST = 30.0  # seconds a host is left alone for; twice as long after each time that it is silent again
MAX_OPEN = 600.0


@dataclass(frozen=True)
class _OpenCircuit:
    until: float
    length: float


class HostCircuitBreaker:
    """What is known of silent hosts. Safe for use by several threads.

    Args:
        hosts: those that may be left alone.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, hosts: Collection[str], clock: Callable[[], float]) -> None:
        self._hosts = frozenset(hosts)
        self._clock = clock
        self._lock = threading.Lock()
        self._rests: dict[str, _OpenCircuit] = {}

    @contextlib.contextmanager
    def guard(self, host: str, what: str) -> Iterator[bool]:
        """Ask a host: yields whether it was silent the last time, and sees from the ReconcilerError that comes whether it is now.

        Raises:
            UnavailableError: it was silent a short while ago.
        """
        again = self._enter(host, what)
        try:
            yield again
        except NoResponseError:
            self._leave_alone(host)
            raise
        except ReconcilerError:
            self._answers(host)
            raise
        self._answers(host)

    def _enter(self, host: str, what: str) -> bool:
        with self._lock:
            rest = self._rests.get(host)
            if rest is None:
                return False
            if (left := rest.until - self._clock()) > 0:
                raise UnavailableError(f"{what}: {host} did not answer a moment ago, and is asked again in {left:.0f} s")
            length = min(2 * rest.length, MAX_OPEN)  # one thread asks; the others go on without the host meanwhile
            self._rests[host] = _OpenCircuit(self._clock() + length, length)
            return True

    def _leave_alone(self, host: str) -> None:
        if host in self._hosts:
            with self._lock:  # many may be waiting for it now; the first to give up says for how long
                self._rests.setdefault(host, _OpenCircuit(self._clock() + FIRST, FIRST))

    def _answers(self, host: str) -> None:
        with self._lock:
            self._rests.pop(host, None)
