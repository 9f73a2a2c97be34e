"""Observes the HelmReleases of one cluster in a thread."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from typing import TYPE_CHECKING

from reconciler.adapters.kubernetes.api import ClusterClient
from reconciler.adapters.kubernetes.reflector import Reflector
from reconciler.adapters.kubernetes.release_store import ReleaseStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.observation import Observation


class Informer:
    """An observer of one cluster in a thread of its own, from its construction until `stop`."""

    def __init__(
        self, kubeconfig: bytes, context: str, *, stale_after: float, allow_exec: bool, on_change: Callable[[], None]
    ) -> None:
        self.fingerprint = hashlib.sha256(kubeconfig).hexdigest()
        self._on_change = on_change
        self._stop = threading.Event()
        self._first_result = threading.Event()
        self._store = ReleaseStore(time.monotonic())
        self._reflector = Reflector(
            lambda: ClusterClient(kubeconfig, context, allow_exec=allow_exec),
            self._store,
            context=context,
            window=max(1, int(stale_after / 3)),  # so that the observed state of a healthy cluster is never nearly stale
            clock=time.monotonic,
            stopped=self._stop.is_set,
            on_change=self._changed,
        )
        self._thread = threading.Thread(target=self._run, name=f"observe {context}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Requests the end of the thread without waiting; it may last until the time-out of the call that it waits for."""
        self._stop.set()
        self._reflector.interrupt()

    def join(self, seconds: float) -> bool:
        """Waits for the thread of a stopped informer; returns whether it has ended."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Waits for the first successful or failed list of the cluster."""
        self._first_result.wait(seconds)

    def observe(self, namespace: str, name: str) -> Observation:
        """Returns the current observation of one HelmRelease."""
        return self._store.observe((namespace, name), time.monotonic())

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = self._reflector.run_once()
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _changed(self) -> None:
        self._first_result.set()
        self._on_change()
