"""The controller: reconciles all Environments until it is stopped, several at a time, never one twice at once."""

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
from reconciler.services.containment import contained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.controller.health import Health
    from reconciler.services.environment_pass import EnvironmentPass

# The key of the search for Environments in the work queue: no Environment can have this name.
DISCOVER: Final = "?"
FIRST_RETRY: Final = 1.0
MAX_RETRY: Final = 300.0
SEARCH_PAUSE: Final = 5.0
"""Seconds between searches that deliveries for unknown repositories cause."""
RENEWED_AT: Final = 0.8
"""Part of the time for which an observation counts, after which to observe again."""
STUCK_INTERVALS: Final = 3
MIN_STUCK: Final = 600.0
"""Seconds, at least, for which a worker may be busy with one pass: the first one over a large Environment verifies everything."""

log = structlog.get_logger()


class Controller:
    """Runs passes until it is stopped.

    Args:
        targets: returns the current Environments by key; raises a ReconcilerError when they cannot be read.
        environment_pass: builds the passes over one Environment.
        workers: the number of passes that run at once.
        poll: seconds between fetches of a repository, each varied by a fifth, so that the fetches do not synchronize.
        discover: seconds between searches for Environments.
        health: records the results.
        after_pass: the maintenance of an Environment's repository (owner/name) after a pass; raises no ReconcilerError.
        publish_policies: posts whether the EnvironmentPolicies are valid, after a pass that may have refreshed them; raises no
            ReconcilerError.
        clock_ahead: returns the seconds by which this machine's clock is ahead of the forge's.
        stuck_after: seconds of one pass, or without any, after which the service is no longer live; by default `STUCK_INTERVALS`
            poll intervals, and at least `MIN_STUCK`.
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
        clock_ahead: Callable[[], float] = lambda: 0.0,
        stuck_after: float | None = None,
    ) -> None:
        self.health = health
        self._after_pass, self._publish_policies = after_pass, publish_policies
        self._targets = targets
        self._build_pass = environment_pass
        self._poll = poll
        self._discover = discover
        self._stuck_after = max(STUCK_INTERVALS * poll, MIN_STUCK) if stuck_after is None else stuck_after
        self._queue = WorkQueue(max_reviews=max(1, workers - 1))  # a worker is left for passes, where there is more than one
        self._busy_since: dict[str, float] = {}
        self.health.metrics.gauge("reconciler_queue_depth", "Environments that are due and wait for a worker.", self._queue.depth)
        ahead = "By how much this machine's clock is ahead of the forge's; negative where it is behind."
        self.health.metrics.gauge("reconciler_clock_ahead_seconds", ahead, clock_ahead)
        self._limiter = WakeupLimiter()
        self._lock = threading.Lock()
        self._passes: dict[str, EnvironmentPass] = {}
        self._repositories: dict[str, str] = {}
        self._locations: dict[str, str] = {}  # the clone url of each
        self._clusters: dict[str, frozenset[str]] = {}
        self._failures: dict[str, int] = {}
        self._searched_at = -math.inf
        self._threads = [threading.Thread(target=self._work, name=f"worker {n}", daemon=True) for n in range(workers)]

    def start(self) -> None:
        """Start the workers; return at once."""
        self._queue.add(DISCOVER, fetch=True)
        for thread in self._threads:
            thread.start()

    def stop(self, grace: float) -> bool:
        """Start no more passes, and wait some seconds for the running ones.

        Returns:
            Whether all of them ended. One that did not may be killed: the next pass finishes its work.
        """
        self._queue.close()
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def cluster_changed(self, context: str) -> None:
        """Observe the releases of every Environment with a placement on a cluster."""
        with self._lock:
            keys = [key for key, clusters in self._clusters.items() if context in clusters]
        for key in keys:
            self._queue.add(key, fetch=False)

    def wake(self, repository: str) -> bool:
        """Reconcile each Environment in a repository at once, also one that waits after a failure.

        A burst of deliveries causes a few fetches (`controller.wakeup_limiter`).

        Args:
            repository: owner/name, case-insensitive as on Gitea. An unknown one may be new: it causes a search, at most one in
                `SEARCH_PAUSE`.

        Returns:
            Whether there is such an Environment.
        """
        name = repository.lower()
        with self._lock:
            keys = [key for key, repository_name in self._repositories.items() if repository_name.lower() == name]
            delay = self._searched_at + SEARCH_PAUSE - time.monotonic()
        for key in keys:
            self._wake(key)
        if not keys:
            self._queue.add(DISCOVER, after=max(0.0, delay), fetch=True)
        return bool(keys)

    def wake_all(self) -> None:
        """Reconcile every Environment at once."""
        with self._lock:
            keys = list(self._passes)
        for key in keys:
            self._wake(key)

    def liveness_problems(self) -> list[str]:
        """Messages about workers that ended or make no progress, and about work that nobody takes; empty while it is live.

        That a process answers says nothing: it is live while it reconciles (akuity/kargo#6790).
        """
        now, problems = time.monotonic(), []
        if dead := sum(not thread.is_alive() for thread in self._threads):
            problems.append(f"{dead} of {len(self._threads)} workers ended")
        with self._lock:
            stuck = sorted(key for key, since in self._busy_since.items() if now - since > self._stuck_after)
        problems += [f"a worker has been busy with {key} for more than {self._stuck_after:g} s" for key in stuck]
        waiting_since = self._queue.waiting_since()
        if not problems and waiting_since is not None and now - waiting_since > self._stuck_after:
            problems.append(f"a pass has been due for more than {self._stuck_after:g} s, and no worker has taken it")
        return problems

    def _wake(self, key: str) -> None:
        self._queue.add(key, after=self._limiter.request(key), fetch=True)

    def _work(self) -> None:
        while (item := self._queue.take()) is not None:
            with self._lock:
                self._busy_since[item.key] = time.monotonic()
            try:
                with contained("the work on an Environment", environment=item.key):  # a defect must not end the worker
                    self._do(item)
            except BaseException:  # noqa: BLE001 - was logged; a library's exit is not the process's, which ends by `stop`
                self._requeue(item.key, failed=True)
            finally:
                with self._lock:
                    self._busy_since.pop(item.key, None)
                self._queue.done(item.key)

    def _do(self, item: Item) -> None:
        if item.key == DISCOVER:
            self._search()
        elif item.review:
            self._review(item.key)
        else:
            self._pass(item)
            self._follow_up(item)

    def _review(self, key: str) -> None:
        """Review pull requests of one Environment for its share of time; what remains waits behind passes and other reviews."""
        with self._lock:
            environment_pass = self._passes.get(key)
        if environment_pass is None:
            return
        progress = environment_pass.review()
        if not progress.is_done:
            self._queue.add_review(key)
        elif progress.fetch_after is not None:
            self._queue.add(key, after=progress.fetch_after, fetch=True)

    def _follow_up(self, item: Item) -> None:
        """Run what follows a fetch: post the policies' status, and maintain the repository."""
        if not item.fetch:
            return
        with self._lock:
            repository = self._repositories.get(item.key)
        if repository is not None:
            self._after_pass(repository)
        self._publish_policies()

    def _search(self) -> None:
        """Search for Environments: forget those that are gone, and reconcile the new ones."""
        with self._lock:
            self._searched_at = time.monotonic()
        try:
            targets = self._targets()
        except ReconcilerError as error:
            log.warning("environments cannot be discovered", why=str(error))
            self._queue.add(DISCOVER, after=self._discover, fetch=True)
            return
        with self._lock:
            new = {key: target for key, target in targets.items() if key not in self._passes or self._is_moved(key, target)}
            gone = [key for key in self._passes if key not in targets]
            for key in gone:
                del self._passes[key]
                self._repositories.pop(key, None)
                self._locations.pop(key, None)
                self._clusters.pop(key, None)
                self._failures.pop(key, None)
        for key in gone:
            self._queue.forget(key)
            self._limiter.forget(key)
            log.info("environment removed", environment=key)
        for key, target in new.items():
            try:
                with contained("preparing the passes over an Environment", environment=key):
                    environment_pass = self._build_pass(target)
            except ReconcilerError as error:  # it is retried at the next search, and does not delay the others
                log.warning("environment cannot be reconciled", environment=key, why=str(error))
                continue
            with self._lock:
                self._passes[key], self._locations[key] = environment_pass, target.url
                if target.repository is not None:
                    self._repositories[key] = target.repository
            log.info("environment added", environment=key)
        self.health.discovered(self._passes)
        for key in new.keys() & self._passes.keys():
            self._queue.add(key, fetch=True)
        self._queue.add(DISCOVER, after=_jittered(self._discover), fetch=True)

    def _is_moved(self, key: str, target: EnvironmentTarget) -> bool:
        """Whether an Environment has another url than before: its repository was renamed."""
        return self._locations.get(key) != target.url

    def _pass(self, item: Item) -> None:
        """Run one pass over an Environment, and schedule the next."""
        with self._lock:
            environment_pass = self._passes.get(item.key)
        if environment_pass is None:
            return
        if item.fetch and (delay := self._limiter.start(item.key)) is not None:
            self.health.metrics.record_wakeup(delay)
        try:
            outcome = self.health.measured_pass(item, environment_pass.reconcile)
        except ConcurrentUpdateError as error:
            log.info("pass repeated, since a branch moved", environment=item.key, why=error.message)
            self._requeue(item.key, failed=True)
            return
        except ReconcilerError as error:
            log.warning("pass failed", environment=item.key, kind=error.reason, why=str(error))
            self._requeue(item.key, failed=True)
            return
        if item.key not in self._passes:
            return  # it was removed during the pass
        self._index_clusters(item.key, environment_pass.clusters)
        if outcome.observe_after is not None:
            self._queue.add(item.key, after=outcome.observe_after, fetch=False)
        if outcome.fetch_after is not None:
            self._queue.add(item.key, after=outcome.fetch_after, fetch=True)
        # An answer that nobody renews would be counted for longer than it holds.
        self._queue.add(item.key, after=RENEWED_AT * self.health.stale_after, fetch=False)
        if item.fetch:
            self._queue.add_review(item.key)
            self._requeue(item.key, failed=outcome.is_main_read and isinstance(outcome.blocker, Unavailable))

    def _index_clusters(self, key: str, clusters: frozenset[str]) -> None:
        """Record which clusters wake an Environment. For a new cluster, observe at once: its earlier events woke nobody."""
        with self._lock:
            if key not in self._passes:
                return
            new = clusters - self._clusters.get(key, frozenset())
            self._clusters[key] = clusters
        if new:
            self._queue.add(key, fetch=False)

    def _requeue(self, key: str, *, failed: bool) -> None:
        """Schedule the next pass: after the poll interval, or with exponential backoff while it fails."""
        if key not in self._passes and key != DISCOVER:
            return  # it was removed during the pass
        if not failed:
            self._failures.pop(key, None)
            self._queue.add(key, after=_jittered(self._poll), fetch=True)
            return
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(FIRST_RETRY * 2 ** min(failures - 1, 30), max(self._poll, MAX_RETRY))
        self._queue.add(key, after=_jittered(pause), fetch=True)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
