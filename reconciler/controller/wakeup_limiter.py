"""Limits the fetches that deliveries cause: the first ones at once, later ones of a burst after a delay."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BURST: Final = 3
"""Fetches of one Environment that deliveries may cause within `WINDOW`: two pushes and a merge need not wait for each other."""
WINDOW: Final = 3.0
"""Seconds."""


class WakeupLimiter:
    """Limits wake-ups by key. Safe for use by several threads.

    Args:
        clock: seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._requested: dict[str, float] = {}
        self._starts: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=BURST))

    def request(self, key: str) -> float:
        """Record a delivery; return the seconds until its fetch may start, which are 0 except in a burst."""
        now = self._clock()
        with self._lock:
            self._requested.setdefault(key, now)
            starts = self._starts[key]
            return max(0.0, starts[0] + WINDOW - now) if len(starts) == BURST else 0.0

    def start(self, key: str) -> float | None:
        """Record the start of a fetch; return the seconds since the first delivery that it answers, None without one."""
        now = self._clock()
        with self._lock:
            requested = self._requested.pop(key, None)
            if requested is None:
                return None
            self._starts[key].append(now)
            return now - requested

    def forget(self, key: str) -> None:
        """Drop a key that is gone."""
        with self._lock:
            self._requested.pop(key, None)
            self._starts.pop(key, None)
