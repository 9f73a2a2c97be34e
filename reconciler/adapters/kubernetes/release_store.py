"""What is known of one cluster's HelmReleases, and since when."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.model.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.adapters.kubernetes.release_projection import Key, ReleaseObject, Releases, WatchEvent
    from reconciler.model.observation import Failure


class ReleaseStore:
    """What is known of one cluster's HelmReleases. It has no clock: moments are given, in seconds of any steady clock.

    What it shows of a HelmRelease was true at a moment no older than the age it tells. Therefore only two things make it
    younger, a complete list and a confirmation, and each by the moment at which it was surely true, not by that at which we
    heard of it. Single events do not: they may have waited in a buffer for as long as this process stood still.

    One thread tells it, any number look. What tells returns whether those who look should look again.
    """

    def __init__(self, now: float) -> None:
        self._lock = threading.Lock()
        self._releases: Releases = {}
        self._failure: Failure | None = None
        self._listed = False
        self._true_at = now

    def __len__(self) -> int:
        """How many HelmReleases are known."""
        return len(self._releases)

    def replace(self, releases: Releases, asked: float) -> bool:
        """All HelmReleases, as they were not before the moment the list was asked for, and a watch goes on from there."""
        with self._lock:
            self._releases, self._listed, self._failure = releases, True, None
            self._true_at = max(self._true_at, asked)
        return True

    def apply(self, changes: Iterable[WatchEvent]) -> bool:
        """What the watch told, in its order."""
        news = False
        with self._lock:
            for change in changes:
                if change.key is None or self._releases.get(change.key) == change.release:
                    continue
                news = True
                if change.release is None:
                    del self._releases[change.key]
                else:
                    self._releases[change.key] = change.release
        return news

    def confirm_until(self, moment: float) -> None:
        """Until this moment the watch told all there was to tell."""
        with self._lock:
            self._true_at = max(self._true_at, moment)

    def mark_unreachable(self, failure: Failure) -> bool:
        """The API did not answer, or not so that it makes sense. That is no news: what was said before stands, and ages."""
        with self._lock:
            if self._listed or self._failure is not None:
                return False
            self._failure = failure
        return True

    def mark_denied(self, failure: Failure) -> bool:
        """The API will not show HelmReleases, or has none, or there is no way to ask: nothing seen before counts any more."""
        with self._lock:
            news = failure != self._failure
            self._releases, self._listed, self._failure = {}, False, failure
        return news

    def observe(self, key: Key, now: float) -> Observation:
        """A look at one HelmRelease. Its age is never negative."""
        with self._lock:
            release: ReleaseObject | None = self._releases.get(key)
            return Observation(self._failure, self._listed, max(0.0, now - self._true_at), release)
