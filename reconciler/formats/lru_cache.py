"""Stores values by key within a bound on their weight: a least-recently-used cache (LRU) for several threads.

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
    """An LRU cache: values by key, of which the least recently used are evicted first. Safe for use by several threads.

    Args:
        weight: the limit of the weight of all values together, in a unit of the caller's.
    """

    def __init__(self, weight: int) -> None:
        self._limit = weight
        self._free = weight
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """Returns the value of a key, or None when it is not in the cache."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, value: V, weight: int) -> None:
        """Stores a value, evicting others until it fits. A value above the limit is not stored."""
        with self._lock:
            self._drop(key)
            if weight > self._limit:
                return
            self._entries[key] = (value, weight)
            self._free -= weight
            while self._free < 0:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        _, weight = self._entries.pop(key, (None, 0))
        self._free += weight
