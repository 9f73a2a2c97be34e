"""Stores one cluster's HelmReleases, and since when they are current."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.model.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.adapters.kubernetes.release_projection import Key, ReleaseObject, Releases, WatchEvent
    from reconciler.model.observation import Failure


class ReleaseStore:
    """The observed state of one cluster's HelmReleases. It has no clock: times are arguments, in seconds of any monotonic clock.

    An observation of a HelmRelease was true at a moment no older than its age. Therefore only two events reduce the age, a
    complete list and a confirmation, and each to the moment at which it was certainly true, not to that of its arrival. Single
    watch events do not: they may have waited in a buffer for as long as this process was suspended.

    One thread writes, any number read. Each writing method returns whether readers should observe again.
    """

    def __init__(self, now: float) -> None:
        self._lock = threading.Lock()
        self._releases: Releases = {}
        self._failure: Failure | None = None
        self._listed = False
        self._true_at = now

    def __len__(self) -> int:
        """The number of HelmReleases."""
        return len(self._releases)

    def replace(self, releases: Releases, requested: float) -> bool:
        """Stores a complete list of HelmReleases, which is current as of `requested`, the time at which it was requested."""
        with self._lock:
            self._releases, self._listed, self._failure = releases, True, None
            self._true_at = max(self._true_at, requested)
        return True

    def apply(self, events: Iterable[WatchEvent]) -> bool:
        """Applies the events of a watch, in their order."""
        changed = False
        with self._lock:
            for event in events:
                if event.key is None or self._releases.get(event.key) == event.release:
                    continue
                changed = True
                if event.release is None:
                    del self._releases[event.key]
                else:
                    self._releases[event.key] = event.release
        return changed

    def confirm_until(self, moment: float) -> None:
        """Records that the watch had reported all changes until this moment."""
        with self._lock:
            self._true_at = max(self._true_at, moment)

    def mark_unreachable(self, failure: Failure) -> bool:
        """Records that the API did not respond, or not properly: the observed state remains and ages."""
        with self._lock:
            if self._listed or self._failure is not None:
                return False
            self._failure = failure
        return True

    def mark_denied(self, failure: Failure) -> bool:
        """Records that access to HelmReleases is denied or impossible: the observed state is cleared."""
        with self._lock:
            changed = failure != self._failure
            self._releases, self._listed, self._failure = {}, False, failure
        return changed

    def observe(self, key: Key, now: float) -> Observation:
        """Returns the observation of one HelmRelease; its age is never negative."""
        with self._lock:
            release: ReleaseObject | None = self._releases.get(key)
            age = max(0.0, now - self._true_at)
            if release is not None and "unreadable" in release:
                return Observation(self._failure, self._listed, age, unreadable=str(release["unreadable"]))
            return Observation(self._failure, self._listed, age, release)
