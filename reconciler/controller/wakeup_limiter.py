"""Deliveries that call for looks: at once, but a burst of them is a few looks."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BURST: Final = 3
"""Looks at one Environment that deliveries may begin within `WINDOW`: two pushes and a merge need not wait for each other."""
WINDOW: Final = 3.0
"""Seconds."""


class WakeupLimiter:
    """Which keys deliveries call for. Safe for use by several threads.

    Args:
        clock: seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: dict[str, float] = {}
        self._began: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=BURST))

    def request(self, key: str) -> float:
        """Note a delivery; the seconds until its look may begin, which are none unless a burst goes on."""
        now = self._clock()
        with self._lock:
            self._asked.setdefault(key, now)
            began = self._began[key]
            return max(0.0, began[0] + WINDOW - now) if len(began) == BURST else 0.0

    def start(self, key: str) -> float | None:
        """Note that a look begins; the seconds since the first delivery that it answers, None when none called for it."""
        now = self._clock()
        with self._lock:
            asked = self._asked.pop(key, None)
            if asked is None:
                return None
            self._began[key].append(now)
            return now - asked

    def forget(self, key: str) -> None:
        """Forget a key that is gone."""
        with self._lock:
            self._asked.pop(key, None)
            self._began.pop(key, None)
