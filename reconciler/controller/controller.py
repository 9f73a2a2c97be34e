"""The service: passes for ever, over all Environments, a few at a time, never two over the same one."""

from __future__ import annotations

import math
import random
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from reconciler.controller.wakeup_limiter import WakeupLimiter
from reconciler.controller.work_queue import Item, WorkQueue
from reconciler.domain.blocker import Unavailable
from reconciler.model.errors import ConcurrentUpdateError, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.controller.health import Health
    from reconciler.services.environment_pass import EnvironmentPass

# The key under which the queue holds the search for new Environments: no Environment is called so.
DISCOVER: Final = "?"
FIRST_RETRY: Final = 1.0
MAX_RETRY: Final = 300.0
SEARCH_PAUSE: Final = 5.0
"""Seconds between searches that deliveries about unknown repositories ask for."""

log = structlog.get_logger()


class Controller:
    """Runs passes until it is stopped.

    Args:
        targets: finds the Environments there are now, by key; raises a ReconcilerError when it cannot tell.
        environment_pass: makes the passes over one Environment.
        workers: how many passes run at once.
        poll: seconds between looks at a repository; each is spread by a fifth, so that they do not march in step.
        discover: seconds between searches for Environments.
        health: is told what comes of it all.
        tend: what is to be done now and then about an Environment's repository (owner/name); raises no ReconcilerError.
        publish_policies: posts whether the EnvironmentPolicies can be used, after a pass that may have read them anew; raises no
            ReconcilerError.
    """

    def __init__(
        self,
        targets: Callable[[], Mapping[str, EnvironmentTarget]],
        environment_pass: Callable[[EnvironmentTarget], EnvironmentPass],
        *,
        workers: int,
        poll: float,
        discover: float,
        health: Health,
        after_pass: Callable[[str], None] = lambda _: None,
        publish_policies: Callable[[], None] = lambda: None,
    ) -> None:
        self.health = health
        self._after_pass, self._publish_policies = after_pass, publish_policies
        self._targets = targets
        self._make = environment_pass
        self._poll = poll
        self._discover = discover
        self._queue = WorkQueue()
        self.health.metrics.gauge("reconciler_queue_depth", "Environments that are due and wait for a worker.", self._queue.depth)
        self._wakes = WakeupLimiter()
        self._lock = threading.Lock()
        self._known: dict[str, EnvironmentPass] = {}
        self._repositories: dict[str, str] = {}
        self._placed: dict[str, frozenset[str]] = {}
        self._failures: dict[str, int] = {}
        self._searched = -math.inf
        self._threads = [threading.Thread(target=self._work, name=f"worker {n}", daemon=True) for n in range(workers)]

    def start(self) -> None:
        """Start working; returns at once."""
        self._queue.add(DISCOVER, fetch=True)
        for thread in self._threads:
            thread.start()

    def stop(self, grace: float) -> bool:
        """Start no more passes, and wait some seconds for those under way.

        Returns:
            Whether all of them ended. One that did not may be killed: the next pass finishes its job.
        """
        self._queue.close()
        until = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def cluster_changed(self, context: str) -> None:
        """Look again at what runs, for every Environment that was last placed on a cluster."""
        with self._lock:
            keys = [key for key, clusters in self._placed.items() if context in clusters]
        for key in keys:
            self._queue.add(key, fetch=False)

    def wake(self, repository: str) -> bool:
        """Look at once at each Environment in a repository, also at one that waits because it failed.

        A burst of deliveries is a few looks (`controller.wakeup_limiter`).

        Args:
            repository: owner/name in any letters, as Gitea has it. One that is not known yet may be new: it is searched for, but
                not more often than every few seconds.

        Returns:
            Whether there is such an Environment.
        """
        wanted = repository.lower()
        with self._lock:
            keys = [key for key, where in self._repositories.items() if where.lower() == wanted]
            pause = self._searched + SEARCH_PAUSE - time.monotonic()
        for key in keys:
            self._wake(key)
        if not keys:
            self._queue.add(DISCOVER, after=max(0.0, pause), fetch=True)
        return bool(keys)

    def wake_all(self) -> None:
        """Look at once at every Environment."""
        with self._lock:
            keys = list(self._known)
        for key in keys:
            self._wake(key)

    def liveness_problems(self) -> list[str]:
        """What is wrong with the service itself, in words; nothing while it lives."""
        dead = sum(not thread.is_alive() for thread in self._threads)
        return [f"{dead} of {len(self._threads)} workers ended"] if dead else []

    def _wake(self, key: str) -> None:
        self._queue.add(key, after=self._wakes.request(key), fetch=True)

    def _work(self) -> None:
        while (item := self._queue.take()) is not None:
            try:
                if item.key == DISCOVER:
                    self._search()
                else:
                    self._pass(item)
                    self._look_after(item)
            except Exception:  # one Environment's surprise must not end the work on the others
                log.exception("a pass failed in a way that nobody foresaw", environment=item.key)
                self._requeue(item.key, failed=True)
            finally:
                self._queue.done(item.key)

    def _look_after(self, item: Item) -> None:
        if not item.fetch:
            return
        self._publish_policies()
        with self._lock:
            repository = self._repositories.get(item.key)
        if repository is not None:
            self._after_pass(repository)

    def _search(self) -> None:
        with self._lock:
            self._searched = time.monotonic()
        try:
            targets = self._targets()
        except ReconcilerError as fault:
            log.warning("environments cannot be searched for", why=str(fault))
            self._queue.add(DISCOVER, after=self._discover, fetch=True)
            return
        with self._lock:
            new = {key: target for key, target in targets.items() if key not in self._known}
            gone = [key for key in self._known if key not in targets]
            for key in gone:
                del self._known[key]
                self._repositories.pop(key, None)
                self._placed.pop(key, None)
                self._failures.pop(key, None)
        for key in gone:
            self._queue.forget(key)
            self._wakes.forget(key)
            log.info("environment is gone", environment=key)
        for key, target in new.items():
            try:
                passes = self._make(target)
            except ReconcilerError as fault:  # this one is tried again at the next search, and the others need not wait for it
                log.warning("environment cannot be watched", environment=key, why=str(fault))
                continue
            with self._lock:
                self._known[key] = passes
                if target.repository is not None:
                    self._repositories[key] = target.repository
            log.info("environment is watched", environment=key)
        self.health.discovered(self._known)
        for key in new.keys() & self._known.keys():
            self._queue.add(key, fetch=True)
        self._queue.add(DISCOVER, after=_jittered(self._discover), fetch=True)

    def _pass(self, item: Item) -> None:
        with self._lock:
            passes = self._known.get(item.key)
        if passes is None:
            return
        if item.fetch and (waited := self._wakes.start(item.key)) is not None:
            self.health.metrics.record_wakeup(waited)
        try:
            outcome = self.health.measured_pass(item, passes.run)
        except ConcurrentUpdateError as fault:
            log.info("looked at again", environment=item.key, why=fault.message)
            self._requeue(item.key, failed=True)
            return
        except ReconcilerError as fault:
            log.warning("pass failed", environment=item.key, kind=fault.reason, why=str(fault))
            self._requeue(item.key, failed=True)
            return
        self._index_clusters(item.key, passes.clusters)
        if outcome.observe_after is not None:
            self._queue.add(item.key, after=outcome.observe_after, fetch=False)
        if outcome.fetch_after is not None:
            self._queue.add(item.key, after=outcome.fetch_after, fetch=True)
        if item.fetch:
            self._requeue(item.key, failed=isinstance(outcome.blocker, Unavailable))

    def _index_clusters(self, key: str, clusters: frozenset[str]) -> None:
        """Note which clusters wake an Environment. What a new one said before this was noted is looked at now."""
        with self._lock:
            if key not in self._known:
                return
            new = clusters - self._placed.get(key, frozenset())
            self._placed[key] = clusters
        if new:
            self._queue.add(key, fetch=False)

    def _requeue(self, key: str, *, failed: bool) -> None:
        """Put a key back: after the poll interval, or after ever longer pauses while it fails."""
        if key not in self._known and key != DISCOVER:
            return  # it went while it was worked on
        if not failed:
            self._failures.pop(key, None)
            self._queue.add(key, after=_jittered(self._poll), fetch=True)
            return
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(FIRST_RETRY * 2 ** min(failures - 1, 30), max(self._poll, MAX_RETRY))
        self._queue.add(key, after=_jittered(pause), fetch=True)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
