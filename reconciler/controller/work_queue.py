"""A keyed queue with due times: no key is worked on twice at once, no burst is lost or doubled, and reviews wait for passes."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass


@dataclass
class _Due:
    """When a key is due to fetch, to observe and to review, in seconds of the monotonic clock."""

    fetch_at: float = math.inf
    observe_at: float = math.inf
    review_at: float = math.inf

    @property
    def pass_at(self) -> float:
        """When a pass is due."""
        return min(self.fetch_at, self.observe_at)


@dataclass(frozen=True)
class Item:
    """A key that is due.

    Attributes:
        key: the key.
        fetch: whether its repository must be fetched; otherwise only its releases are observed.
        review: whether its pull requests are to be reviewed, instead of a pass.
    """

    key: str
    fetch: bool
    review: bool = False


class WorkQueue:
    """Keys with three kinds of due times each, in seconds of the monotonic clock. Safe for use by several threads.

    A key that becomes due while it is worked on waits until `done`, and is then taken once, however often it was added. A review
    is taken only while no pass is due, of the key that waits for the longest.

    Args:
        max_reviews: the number of reviews that may run at once.
    """

    def __init__(self, max_reviews: float = math.inf) -> None:
        self._max_reviews = max_reviews
        self._reviewing: set[str] = set()
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

    def add_review(self, key: str) -> None:
        """Make the review of a key's pull requests due now, behind those that are due already."""
        with self._condition:
            due = self._due.setdefault(key, _Due())
            due.review_at = min(due.review_at, time.monotonic())
            self._condition.notify()

    def take(self) -> Item | None:
        """Wait for the first key that is due and not worked on; None once the queue is closed."""
        with self._condition:
            while not self._closed:
                now = time.monotonic()
                free = [(key, due) for key, due in self._due.items() if key not in self._running]
                first, key = min(((due.pass_at, key) for key, due in free), default=(math.inf, ""))
                if first <= now:
                    return self._take_pass(key, now)
                review_at, key = min(((due.review_at, key) for key, due in free), default=(math.inf, ""))
                if review_at <= now and len(self._reviewing) < self._max_reviews:
                    return self._take_review(key)
                self._condition.wait(None if first == math.inf else first - now)
            return None

    def _take_pass(self, key: str, now: float) -> Item:
        due = self._due.pop(key)
        self._running.add(key)
        # what is only observed now stays due to be fetched at its time, and a review stays due
        fetch_at = due.fetch_at if due.fetch_at > now else math.inf
        if min(fetch_at, due.review_at) < math.inf:
            self._due[key] = _Due(fetch_at=fetch_at, review_at=due.review_at)
        return Item(key, fetch=due.fetch_at <= now)

    def _take_review(self, key: str) -> Item:
        self._due[key].review_at = math.inf
        if self._due[key].pass_at == math.inf:
            del self._due[key]
        self._running.add(key)
        self._reviewing.add(key)
        return Item(key, fetch=False, review=True)

    def done(self, key: str) -> None:
        """Release a key that was taken."""
        with self._condition:
            self._running.discard(key)
            self._reviewing.discard(key)
            self._condition.notify()

    def depth(self) -> int:
        """The number of keys that are due for a pass and wait for a worker, or for `done`."""
        with self._condition:
            now = time.monotonic()
            return sum(due.pass_at <= now for due in self._due.values())

    def waiting_since(self) -> float | None:
        """Since when the pass that waits for the longest is due, in seconds of the monotonic clock; None when none is due."""
        with self._condition:
            first = min((due.pass_at for due in self._due.values()), default=math.inf)
            return first if first <= time.monotonic() else None

    def forget(self, key: str) -> None:
        """Drop a key; a pass in progress finishes."""
        with self._condition:
            self._due.pop(key, None)

    def close(self) -> None:
        """Close the queue: every `take` returns None from now on."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
