"""All clusters that there are kubeconfigs for."""

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
"""Seconds that closing waits for threads: those of clusters that answer end in milliseconds, and no thread holds up an exit."""


class ClusterPool:
    """All clusters whose kubeconfigs lie in a directory, by context name; a file may come, change or go at any time.

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
        self._observers: dict[str, Informer] = {}

    def close(self) -> None:
        """Stop all observing."""
        with self._lock:
            observers = list(self._observers.values())
            self._observers.clear()
        for observer in observers:
            observer.stop()
        until = time.monotonic() + CLOSING
        for observer in observers:
            observer.join(until - time.monotonic())

    def kubeconfig(self, context: str) -> bytes | None:
        """The content of a context's kubeconfig, or None when there is none."""
        if self._directory is None or context != Path(context).name:  # a name, and no way to somewhere else
            return None
        for name in (context, f"{context}.yaml", f"{context}.kubeconfig"):
            with contextlib.suppress(OSError):
                return (self._directory / name).read_bytes()
        return None

    def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
        """See to it that a cluster is observed as its kubeconfig now is; wait some seconds for a first answer."""
        content = self.kubeconfig(context)
        with self._lock:
            observer = self._observers.get(context)
            if observer is not None and (content is None or hashlib.sha256(content).hexdigest() != observer.fingerprint):
                observer.stop()
                observer = self._observers.pop(context, None) and None
            if observer is None and content is not None:
                observer = Informer(
                    content,
                    context,
                    stale_after=self._stale_after,
                    allow_exec=self._allow_exec,
                    on_change=lambda: self._on_change(context),
                )
                self._observers[context] = observer
        if observer is not None:
            observer.wait(wait)

    def observe(self, context: str, namespace: str, name: str) -> Observation:
        """What is known now of one HelmRelease on one cluster."""
        with self._lock:
            observer = self._observers.get(context)
        if observer is None:
            return Observation(failure=Failure("KubeconfigMissing", f"there is no kubeconfig for {context}"))
        return observer.observe(namespace, name)

    def request_reconcile(self, context: str, namespace: str) -> None:
        """Ask Flux on a cluster to fetch the Environment's repository at once.

        Raises a ReconcilerError; Missing where there is none.
        """
        with contextlib.closing(self._client(context)) as cluster:
            cluster.request_reconcile(namespace)

    def flux_sources(self, context: str, namespace: str, application: str) -> Mapping[str, Mapping[str, Any] | None]:
        """What stands behind an Application's HelmRelease on a cluster, asked now; see `ClusterClient.sources`.

        Takes seconds at worst. Raises a ReconcilerError; Missing where there is no kubeconfig.
        """
        with contextlib.closing(self._client(context)) as cluster:
            return cluster.sources(namespace, application)

    def _client(self, context: str) -> ClusterClient:
        content = self.kubeconfig(context)
        if content is None:
            raise NotFoundError(f"there is no kubeconfig for {context}")
        return ClusterClient(content, context, allow_exec=self._allow_exec)
