"""Reflects one cluster into its ReleaseStore: when to list, to watch and to confirm, and how long to back off after a failure."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.adapters.kubernetes.api import MAX_RELEASES
from reconciler.adapters.kubernetes.errors import failure_of, malformed_response
from reconciler.model.errors import AccessDeniedError, ReconcilerError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.adapters.kubernetes.release_projection import Releases, WatchEvent
    from reconciler.adapters.kubernetes.release_store import ReleaseStore

FIRST_BACKOFF: Final = 0.5
MAX_BACKOFF: Final = 5.0
STABLE_AFTER: Final = 5.0
"""Seconds that a run has to last for the back-off to start again at its first value."""
SLACK: Final = 0.1
"""Seconds by which a watch window may end early, because two clocks differ, and still be whole."""
LATE: Final = 5.0
"""Seconds after the end of a window at which the reflector ends it, when the server does not."""


class Cluster(Protocol):
    """The calls of a cluster's API that a reflector needs; `api.ClusterClient` in production. All may raise a ReconcilerError."""

    def releases(self) -> tuple[Releases, str]:
        """Lists all HelmReleases; returns them and the resourceVersion to watch from."""

    def watch(self, version: str, seconds: int) -> Iterator[list[WatchEvent]]:
        """Starts a watch of some seconds from a resourceVersion; yields its events in batches."""

    def confirm(self) -> None:
        """Checks that the API serves a read from its store."""

    def interrupt(self) -> None:
        """Makes the current call fail at once."""

    def close(self) -> None:
        """Closes the connections."""


class Reflector:
    """Reflects one cluster into a ReleaseStore. It has no thread and never sleeps."""

    def __init__(
        self,
        connect: Callable[[], Cluster],
        store: ReleaseStore,
        *,
        context: str,
        window: int,
        clock: Callable[[], float],
        stopped: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        """Constructs it; connects only in `run_once`.

        Args:
            connect: constructs a client with the current credentials.
            store: the store to write.
            context: the cluster's name, for messages.
            window: seconds that a watch should last.
            clock: a monotonic clock, in seconds.
            stopped: whether to end.
            on_change: called when the store has changed.
        """
        self._connect = connect
        self._store = store
        self._context = context
        self._window = window
        self._clock = clock
        self._stopped = stopped
        self._on_change = on_change
        self._cluster: Cluster | None = None
        self._was_admitted = False
        self._backoff = FIRST_BACKOFF / 2

    def interrupt(self) -> None:
        """Makes the current call fail at once, if its response is already being read; for another thread."""
        cluster = self._cluster
        if cluster is not None:
            cluster.interrupt()

    def run_once(self) -> float:
        """Lists and watch until anything fails.

        Returns:
            Seconds to pause before the next run.
        """
        began = self._clock()
        try:
            with closing(self._connect()) as self._cluster:
                self._list_and_watch(self._cluster)
        except ReconcilerError as error:
            self._record_failure(error)
        except Exception as error:  # noqa: BLE001 - a thread that died unnoticed would leave an old state in the store
            self._record_failure(malformed_response(error, self._context))
        finally:
            self._cluster = None
        stable = self._clock() - began >= STABLE_AFTER
        self._backoff = FIRST_BACKOFF if stable else min(self._backoff * 2, MAX_BACKOFF)
        return self._backoff

    def _list_and_watch(self, cluster: Cluster) -> None:
        requested = self._clock()
        releases, version = cluster.releases()
        since = self._clock()
        stream = cluster.watch(version, self._window)
        if self._stopped():
            return
        # Only now: where listing is allowed and watching is not, the store must not look current in between.
        self._was_admitted = True
        self._notify(changed=self._store.replace(releases, requested))
        while not self._stopped():
            version = self._watch(stream, version, since)
            end = since + self._window - SLACK
            if self._clock() < end or self._stopped():
                return  # the window ended early: whatever the cause, only a new list is reliable
            cluster.confirm()
            self._store.confirm_until(end)
            since = self._clock()
            stream = cluster.watch(version, self._window)

    def _watch(self, stream: Iterator[list[WatchEvent]], version: str, since: float) -> str:
        """Applies the events of one window; returns the resourceVersion to continue from."""
        for events in stream:
            if self._stopped():
                break
            self._notify(changed=self._store.apply(events))
            if events:
                version = events[-1].version
            if len(self._store) > MAX_RELEASES:
                raise UnavailableError(f"{self._context} has more than {MAX_RELEASES} HelmReleases")
            if self._clock() > since + self._window + LATE:
                raise UnavailableError(f"the API server of {self._context} does not end a watch at its time-out")
        return version

    def _record_failure(self, error: ReconcilerError) -> None:
        if self._stopped():
            return
        if isinstance(error, UnavailableError):
            self._notify(changed=self._store.mark_unreachable(failure_of(error)))
        elif isinstance(error, AccessDeniedError) and self._was_admitted:
            # Credentials that were valid may have been renewed in the files that the kubeconfig names. Until the next client has
            # tried them, the observed state ages.
            self._was_admitted = False
        else:
            self._was_admitted = False
            self._notify(changed=self._store.mark_denied(failure_of(error)))

    def _notify(self, *, changed: bool) -> None:
        if changed and not self._stopped():
            self._on_change()
