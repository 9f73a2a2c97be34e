"""Which Environment is due: a keyed queue with times. No key is worked on twice at once, and no burst is lost or doubled."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass


@dataclass
class _Due:
    fetch_at: float = math.inf
    observe_at: float = math.inf

    @property
    def first(self) -> float:
        return min(self.fetch_at, self.observe_at)


@dataclass(frozen=True)
class Item:
    """A key that is due; `fetch` says whether its repository is, or only what runs."""

    key: str
    fetch: bool


class WorkQueue:
    """Keys with two kinds of due times each. Times are seconds of the monotonic clock; safe for use by several threads.

    A key that becomes due while it is worked on waits until `done`, and is then taken once, however often it was added.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._due: dict[str, _Due] = {}
        self._running: set[str] = set()
        self._closed = False

    def add(self, key: str, *, after: float = 0.0, fetch: bool) -> None:
        """Make a key due in some seconds, or leave it due earlier if it is."""
        at = time.monotonic() + after
        with self._condition:
            due = self._due.setdefault(key, _Due())
            if fetch:
                due.fetch_at = min(due.fetch_at, at)
            else:
                due.observe_at = min(due.observe_at, at)
            self._condition.notify()

    def take(self) -> Item | None:
        """Wait for the first key that is due and not worked on; None once the queue is closed."""
        with self._condition:
            while not self._closed:
                now = time.monotonic()
                ready = [(due.first, key) for key, due in self._due.items() if key not in self._running]
                first, key = min(ready, default=(math.inf, ""))
                if first <= now:
                    due = self._due.pop(key)
                    self._running.add(key)
                    if now < due.fetch_at < math.inf:
                        self._due[key] = _Due(fetch_at=due.fetch_at)  # only a glance now; the look stays due in its time
                    return Item(key, fetch=due.fetch_at <= now)
                self._condition.wait(None if first == math.inf else first - now)
            return None

    def done(self, key: str) -> None:
        """Say that a key taken is no longer worked on."""
        with self._condition:
            self._running.discard(key)
            self._condition.notify()

    def depth(self) -> int:
        """How many keys are due now and wait for a worker, or for the work on them to end."""
        with self._condition:
            now = time.monotonic()
            return sum(due.first <= now for due in self._due.values())

    def forget(self, key: str) -> None:
        """Forget a key; one being worked on is let finish."""
        with self._condition:
            self._due.pop(key, None)

    def close(self) -> None:
        """Let every `take` return None from now on."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
