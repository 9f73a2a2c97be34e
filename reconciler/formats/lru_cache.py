"""Keeps values by key within a bound on their weight: a least-recently-used cache (LRU) for several threads.

cachetools has an LRU too, which weighs values by a function and leaves the lock to its caller: what it would spare here is a
dozen lines, for a dependency and its type stubs.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

V = TypeVar("V")


class LruCache(Generic[V]):
    """An LRU cache: values by key, of which the least recently used go first. Safe for use by several threads.

    Args:
        weight: what all values together may weigh, in the caller's own measure.
    """

    def __init__(self, weight: int) -> None:
        self._limit = weight
        self._room = weight
        self._kept: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The value of a key, if it is still here."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: V, weight: int) -> None:
        """Keep a value; others go until there is room. One that is too heavy even alone is not kept."""
        with self._lock:
            self._drop(key)
            if weight > self._limit:
                return
            self._kept[key] = (value, weight)
            self._room -= weight
            while self._room < 0:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        _, weight = self._kept.pop(key, (None, 0))
        self._room += weight
