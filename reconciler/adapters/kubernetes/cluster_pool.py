"""Observes every cluster that has a kubeconfig in a directory."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.adapters.kubernetes.api import ClusterClient
from reconciler.adapters.kubernetes.informer import Informer
from reconciler.model.errors import NotFoundError
from reconciler.model.observation import Failure, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLOSING: Final = 1.0
"""Seconds that `close` waits for threads: those of responding clusters end in milliseconds, and no thread may delay an exit."""


class ClusterPool:
    """The clusters whose kubeconfigs are in a directory, by context name; a file may be added, changed or deleted at any time.

    A file `<context>`, `<context>.yaml` or `<context>.kubeconfig` is the kubeconfig of that context.
    """

    def __init__(
        self, directory: Path | None, *, stale_after: float, allow_exec: bool, on_change: Callable[[str], None] = lambda _: None
    ) -> None:
        self._directory = directory
        self._stale_after = stale_after
        self._allow_exec = allow_exec
        self._on_change = on_change
        self._lock = threading.Lock()
        self._informers: dict[str, Informer] = {}

    def close(self) -> None:
        """Stops all informers."""
        with self._lock:
            informers = list(self._informers.values())
            self._informers.clear()
        for informer in informers:
            informer.stop()
        deadline = time.monotonic() + CLOSING
        for informer in informers:
            informer.join(deadline - time.monotonic())

    def kubeconfig(self, context: str) -> bytes | None:
        """Returns the content of a context's kubeconfig, or None when it does not exist."""
        if self._directory is None or context != Path(context).name:  # a file name, not a path out of the directory
            return None
        for name in (context, f"{context}.yaml", f"{context}.kubeconfig"):
            with contextlib.suppress(OSError):
                return (self._directory / name).read_bytes()
        return None

    def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
        """Starts, restarts or stops a cluster's informer by its current kubeconfig; waits up to `wait` s for a first result."""
        content = self.kubeconfig(context)
        with self._lock:
            informer = self._informers.get(context)
            if informer is not None and (content is None or hashlib.sha256(content).hexdigest() != informer.fingerprint):
                informer.stop()
                informer = self._informers.pop(context, None) and None
            if informer is None and content is not None:
                informer = Informer(
                    content,
                    context,
                    stale_after=self._stale_after,
                    allow_exec=self._allow_exec,
                    on_change=lambda: self._on_change(context),
                )
                self._informers[context] = informer
        if informer is not None:
            informer.wait(wait)

    def observe(self, context: str, namespace: str, name: str) -> Observation:
        """Returns the current observation of one HelmRelease on one cluster."""
        with self._lock:
            informer = self._informers.get(context)
        if informer is None:
            return Observation(failure=Failure("KubeconfigMissing", f"there is no kubeconfig for {context}"))
        return informer.observe(namespace, name)

    def request_reconcile(self, context: str, namespace: str) -> None:
        """Requests from Flux on a cluster that it fetches the Environment's repository at once.

        Raises a ReconcilerError; NotFoundError where there is no such repository or kubeconfig.
        """
        with contextlib.closing(self._client(context)) as cluster:
            cluster.request_reconcile(namespace)

    def flux_sources(self, context: str, namespace: str, application: str) -> Mapping[str, Mapping[str, Any] | None]:
        """Fetches the Flux sources of an Application's HelmRelease from a cluster; see `ClusterClient.sources`.

        Takes seconds at worst. Raises a ReconcilerError; NotFoundError where there is no kubeconfig.
        """
        with contextlib.closing(self._client(context)) as cluster:
            return cluster.sources(namespace, application)

    def _client(self, context: str) -> ClusterClient:
        content = self.kubeconfig(context)
        if content is None:
            raise NotFoundError(f"there is no kubeconfig for {context}")
        return ClusterClient(content, context, allow_exec=self._allow_exec)
