"""The protocol by which one cluster is followed: when to list, to watch, to make sure, and how long to pause when it breaks."""

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
"""Seconds that an attempt has to last for the next pause to be a first one again."""
SLACK: Final = 0.1
"""Seconds by which a window may end early for two clocks' sake, and still be whole."""
LATE: Final = 5.0
"""Seconds after which a server that does not end a window has it ended."""


class Cluster(Protocol):
    """What following needs of a cluster's API; `api.ClusterClient` in production. All of it raises ReconcilerErrors."""

    def releases(self) -> tuple[Releases, str]:
        """All HelmReleases, and the version to watch from."""

    def watch(self, version: str, seconds: int) -> Iterator[list[WatchEvent]]:
        """Begin to watch."""

    def confirm(self) -> None:
        """See that the API answers from its store."""

    def interrupt(self) -> None:
        """Make the call under way fail at once."""

    def close(self) -> None:
        """Close the connections."""


class Reflector:
    """Follows one cluster, and tells a Sight. It has no thread and never sleeps."""

    def __init__(
        self,
        connect: Callable[[], Cluster],
        sight: ReleaseStore,
        *,
        context: str,
        window: int,
        clock: Callable[[], float],
        stopped: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        """Make one.

        Args:
            connect: makes a client, from credentials as they are now.
            sight: what is told.
            context: the cluster's name, for messages.
            window: seconds that a watch is to last.
            clock: a steady one, in seconds.
            stopped: whether to end.
            on_change: called when there is something new to see.
        """
        self._connect = connect
        self._sight = sight
        self._context = context
        self._window = window
        self._clock = clock
        self._stopped = stopped
        self._on_change = on_change
        self._cluster: Cluster | None = None
        self._admitted = False
        self._pause = FIRST_BACKOFF / 2

    def interrupt(self) -> None:
        """Make the call under way fail at once, if its answer is already being read; for another thread."""
        cluster = self._cluster
        if cluster is not None:
            cluster.interrupt()

    def run_once(self) -> float:
        """Follow until something breaks, whatever it is.

        Returns:
            Seconds to pause before the next attempt.
        """
        began = self._clock()
        try:
            with closing(self._connect()) as self._cluster:
                self._follow(self._cluster)
        except ReconcilerError as fault:
            self._broke(fault)
        except Exception as error:  # noqa: BLE001 - a thread that died in silence would leave an old answer standing
            self._broke(malformed_response(error, self._context))
        finally:
            self._cluster = None
        calm = self._clock() - began >= STABLE_AFTER
        self._pause = FIRST_BACKOFF if calm else min(self._pause * 2, MAX_BACKOFF)
        return self._pause

    def _follow(self, cluster: Cluster) -> None:
        asked = self._clock()
        releases, version = cluster.releases()
        since = self._clock()
        stream = cluster.watch(version, self._window)
        if self._stopped():
            return
        # Only now: where listing is allowed and watching is not, nothing may look fresh in between.
        self._admitted = True
        self._tell(changed=self._sight.replace(releases, asked))
        while not self._stopped():
            version = self._watch(stream, version, since)
            end = since + self._window - SLACK
            if self._clock() < end or self._stopped():
                return  # it ended before its time: whatever ended it, only a new list can be trusted
            cluster.confirm()
            self._sight.confirm_until(end)
            since = self._clock()
            stream = cluster.watch(version, self._window)

    def _watch(self, stream: Iterator[list[WatchEvent]], version: str, since: float) -> str:
        """Tell what one window brings; the version to go on from."""
        for changes in stream:
            if self._stopped():
                break
            self._tell(changed=self._sight.apply(changes))
            if changes:
                version = changes[-1].version
            if len(self._sight) > MAX_RELEASES:
                raise UnavailableError(f"{self._context} has more than {MAX_RELEASES} HelmReleases")
            if self._clock() > since + self._window + LATE:
                raise UnavailableError(f"the API server of {self._context} does not end a watch when asked to")
        return version

    def _broke(self, fault: ReconcilerError) -> None:
        if self._stopped():
            return
        if isinstance(fault, UnavailableError):
            self._tell(changed=self._sight.mark_unreachable(failure_of(fault)))
        elif isinstance(fault, AccessDeniedError) and self._admitted:
            # Credentials that were good may have been renewed where the kubeconfig points. Until the next client has tried
            # them, what was seen ages.
            self._admitted = False
        else:
            self._admitted = False
            self._tell(changed=self._sight.mark_denied(failure_of(fault)))

    def _tell(self, *, changed: bool) -> None:
        if changed and not self._stopped():
            self._on_change()
