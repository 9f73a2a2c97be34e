"""A keyed queue with due times: no key is worked on twice at once, and no burst is lost or doubled."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass


@dataclass
class _Due:
    """When a key is due to fetch and to observe, in seconds of the monotonic clock."""

    fetch_at: float = math.inf
    observe_at: float = math.inf

    @property
    def first(self) -> float:
        """The earlier of both times."""
        return min(self.fetch_at, self.observe_at)


@dataclass(frozen=True)
class Item:
    """A key that is due. `fetch` is whether its repository must be fetched; otherwise only its releases are observed."""

    key: str
    fetch: bool


class WorkQueue:
    """Keys with two kinds of due times each, in seconds of the monotonic clock. Safe for use by several threads.

    A key that becomes due while it is worked on waits until `done`, and is then taken once, however often it was added.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._due: dict[str, _Due] = {}
        self._running: set[str] = set()
        self._closed = False

    def add(self, key: str, *, after: float = 0.0, fetch: bool) -> None:
        """Make a key due in some seconds; an earlier due time stays."""
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
                        self._due[key] = _Due(fetch_at=due.fetch_at)  # only observed now; the fetch stays due at its time
                    return Item(key, fetch=due.fetch_at <= now)
                self._condition.wait(None if first == math.inf else first - now)
            return None

    def done(self, key: str) -> None:
        """Release a key that was taken."""
        with self._condition:
            self._running.discard(key)
            self._condition.notify()

    def depth(self) -> int:
        """The number of due keys that wait for a worker, or for `done`."""
        with self._condition:
            now = time.monotonic()
            return sum(due.first <= now for due in self._due.values())

    def forget(self, key: str) -> None:
        """Drop a key; a pass in progress finishes."""
        with self._condition:
            self._due.pop(key, None)

    def close(self) -> None:
        """Close the queue: every `take` returns None from now on."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
