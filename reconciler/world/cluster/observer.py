"""Keeps what one cluster's HelmReleases are."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from typing import TYPE_CHECKING, Any

from reconciler.model.faults import Fault
from reconciler.model.observation import Failure, Observation
from reconciler.world.cluster.api import ClusterClient, Expired, Releases, failure_of, trim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Observer:
    """Keeps what one cluster's HelmReleases are, in a thread of its own."""

    def __init__(
        self, kubeconfig: bytes, context: str, *, stale_after: float, allow_exec: bool, on_change: Callable[[], None]
    ) -> None:
        self.context = context
        self.fingerprint = hashlib.sha256(kubeconfig).hexdigest()
        self._kubeconfig = kubeconfig
        self._allow_exec = allow_exec
        self._window = max(1, int(stale_after / 3))  # each window that ends well proves that the server still answers
        self._on_change = on_change
        self._lock = threading.Lock()
        self._releases: Releases = {}
        self._failure: Failure | None = None
        self._listed = False
        self._last_good = time.monotonic()
        self._stop = threading.Event()
        self._first_answer = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"observe {context}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End observing; the thread ends by itself at the latest when its watch window does."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait until the cluster has been listed, or could not be."""
        self._first_answer.wait(seconds)

    def observe(self, namespace: str, name: str) -> Observation:
        """What is known now of one HelmRelease."""
        with self._lock:
            age = time.monotonic() - self._last_good
            return Observation(self._failure, self._listed, age, self._releases.get((namespace, name)))

    def _run(self) -> None:
        pause = 1.0
        while not self._stop.is_set():
            try:
                cluster = ClusterClient(self._kubeconfig, self.context, allow_exec=self._allow_exec)
                with contextlib.closing(cluster):
                    self._follow(cluster)
            except Fault as fault:
                self._failed(failure_of(fault))
            except Exception as error:  # noqa: BLE001 - a thread that died in silence would leave an old answer standing
                self._failed(Failure("WatchFailed", f"what {self.context} answered was not understood ({type(error).__name__})"))
            pause = 1.0 if self._failure is None else min(pause * 2, 15.0)
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _follow(self, cluster: ClusterClient) -> None:
        while not self._stop.is_set():
            releases, version = cluster.releases()
            self._set(releases)
            try:
                while not self._stop.is_set():
                    version = self._window_from(cluster, version)
            except Expired:
                continue

    def _window_from(self, cluster: ClusterClient, version: str) -> str:
        newest = version

        def on_event(kind: str, item: Mapping[str, Any]) -> None:
            nonlocal newest
            newest = item["metadata"]["resourceVersion"]
            self._event(kind, item)

        cluster.watch(version, self._window, on_event)
        self._alive()
        return newest

    def _set(self, releases: Releases) -> None:
        with self._lock:
            changed = not self._listed or self._failure is not None or releases != self._releases
            self._releases, self._listed, self._failure = releases, True, None
            self._last_good = time.monotonic()
        self._first_answer.set()
        if changed:
            self._on_change()

    def _event(self, kind: str, item: Mapping[str, Any]) -> None:
        changed = False
        with self._lock:
            self._last_good = time.monotonic()
            if kind in {"ADDED", "MODIFIED"}:
                key, release = trim(item)
                changed = self._releases.get(key) != release
                self._releases[key] = release
            elif kind == "DELETED":
                changed = self._releases.pop(trim(item)[0], None) is not None
        if changed:
            self._on_change()

    def _alive(self) -> None:
        with self._lock:
            self._last_good = time.monotonic()

    def _failed(self, failure: Failure) -> None:
        """Note a failure. One that says "no answer" is left to age: what was seen still counts until it is stale."""
        with self._lock:
            transient = failure.reason == "WatchFailed" and self._listed
            changed = not transient and failure != self._failure
            if not transient:
                self._failure = failure
        self._first_answer.set()
        if changed:
            self._on_change()
