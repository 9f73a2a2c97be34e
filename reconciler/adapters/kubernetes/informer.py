"""Keeps what one cluster's HelmReleases are."""

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
    """Follows one cluster in a thread of its own, from now until it is stopped."""

    def __init__(
        self, kubeconfig: bytes, context: str, *, stale_after: float, allow_exec: bool, on_change: Callable[[], None]
    ) -> None:
        self.fingerprint = hashlib.sha256(kubeconfig).hexdigest()
        self._on_change = on_change
        self._stop = threading.Event()
        self._first_answer = threading.Event()
        self._sight = ReleaseStore(time.monotonic())
        self._follower = Reflector(
            lambda: ClusterClient(kubeconfig, context, allow_exec=allow_exec),
            self._sight,
            context=context,
            window=max(1, int(stale_after / 3)),  # so that what is seen of a healthy cluster is never near to stale
            clock=time.monotonic,
            stopped=self._stop.is_set,
            on_change=self._changed,
        )
        self._thread = threading.Thread(target=self._run, name=f"observe {context}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End observing; returns at once. A thread that waits for an answer to begin takes until that call's time-out."""
        self._stop.set()
        self._follower.interrupt()

    def join(self, seconds: float) -> bool:
        """Wait for the thread of a stopped observer; whether it has ended."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until the cluster has been listed, or could not be."""
        self._first_answer.wait(seconds)

    def observe(self, namespace: str, name: str) -> Observation:
        """What is known now of one HelmRelease."""
        return self._sight.observe((namespace, name), time.monotonic())

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = self._follower.run_once()
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _changed(self) -> None:
        self._first_answer.set()
        self._on_change()
