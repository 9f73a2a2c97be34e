"""The service: passes for ever, over all Environments, a few at a time, never two over the same one."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from reconciler.loop.queue import Item, Queue
from reconciler.model.faults import Fault, Moved, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.loop.passes import Outcome, Reconciliation
    from reconciler.loop.targets import Target

# The key under which the queue holds the search for new Environments: no Environment is called so.
DISCOVER: Final = "?"
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0

log = structlog.get_logger()


class Service:
    """Runs passes until it is stopped.

    Args:
        targets: finds the Environments there are now, by key; raises a Fault when it cannot tell.
        reconciliation: makes the passes of one.
        workers: how many passes run at once.
        poll: seconds between looks at a repository; each is spread by a fifth, so that they do not march in step.
        discover: seconds between searches for Environments.
    """

    def __init__(
        self,
        targets: Callable[[], Mapping[str, Target]],
        reconciliation: Callable[[Target], Reconciliation],
        *,
        workers: int,
        poll: float,
        discover: float,
    ) -> None:
        self._targets = targets
        self._make = reconciliation
        self._poll = poll
        self._discover = discover
        self._queue = Queue()
        self._lock = threading.Lock()
        self._known: dict[str, Reconciliation] = {}
        self._placed: dict[str, frozenset[str]] = {}
        self._failures: dict[str, int] = {}
        self._threads = [threading.Thread(target=self._work, name=f"worker {n}", daemon=True) for n in range(workers)]

    def start(self) -> None:
        """Start working; returns at once."""
        self._queue.add(DISCOVER, look=True)
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
            self._queue.add(key, look=False)

    def _work(self) -> None:
        while (item := self._queue.take()) is not None:
            try:
                if item.key == DISCOVER:
                    self._search()
                else:
                    self._pass(item)
            except Exception:  # one Environment's surprise must not end the work on the others
                log.exception("a pass failed in a way that nobody foresaw", environment=item.key)
                self._again(item.key, failed=True)
            finally:
                self._queue.done(item.key)

    def _search(self) -> None:
        try:
            targets = self._targets()
        except Fault as fault:
            log.warning("environments cannot be searched for", why=str(fault))
            self._queue.add(DISCOVER, after=self._discover, look=True)
            return
        with self._lock:
            new = {key: target for key, target in targets.items() if key not in self._known}
            gone = [key for key in self._known if key not in targets]
            for key in gone:
                del self._known[key]
                self._placed.pop(key, None)
                self._failures.pop(key, None)
        for key in gone:
            self._queue.drop(key)
            log.info("environment is gone", environment=key)
        for key, target in new.items():
            try:
                reconciliation = self._make(target)
            except Fault as fault:  # this one is tried again at the next search, and the others need not wait for it
                log.warning("environment cannot be watched", environment=key, why=str(fault))
                continue
            with self._lock:
                self._known[key] = reconciliation
            log.info("environment is watched", environment=key)
            self._queue.add(key, look=True)
        self._queue.add(DISCOVER, after=_spread(self._discover), look=True)

    def _pass(self, item: Item) -> None:
        with self._lock:
            reconciliation = self._known.get(item.key)
        if reconciliation is None:
            return
        began = time.monotonic()
        try:
            outcome = reconciliation.run(look=item.look)
        except Moved as fault:
            log.info("looked at again", environment=item.key, why=fault.message)
            self._again(item.key, failed=True)
            return
        except Fault as fault:
            log.warning("pass failed", environment=item.key, kind=kind_of(fault), why=str(fault))
            self._again(item.key, failed=True)
            return
        self._place(item.key, reconciliation.clusters)
        if outcome.again is not None:
            self._queue.add(item.key, after=outcome.again, look=False)
        _tell(item.key, outcome, time.monotonic() - began)
        if item.look:
            self._again(item.key, failed=outcome.hitch is not None and not outcome.hitch.refused)

    def _place(self, key: str, clusters: frozenset[str]) -> None:
        """Note which clusters wake an Environment. What a new one said before this was noted is looked at now."""
        with self._lock:
            if key not in self._known:
                return
            new = clusters - self._placed.get(key, frozenset())
            self._placed[key] = clusters
        if new:
            self._queue.add(key, look=False)

    def _again(self, key: str, *, failed: bool) -> None:
        """Put a key back: after the poll interval, or after ever longer pauses while it fails."""
        if key not in self._known and key != DISCOVER:
            return  # it went while it was worked on
        if not failed:
            self._failures.pop(key, None)
            self._queue.add(key, after=_spread(self._poll), look=True)
            return
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 30), max(self._poll, LONGEST_PAUSE))
        self._queue.add(key, after=_spread(pause), look=True)


def _spread(seconds: float) -> float:
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret


def _tell(key: str, outcome: Outcome, seconds: float) -> None:
    """One line for a pass that changed something; a quiet pass is quiet."""
    facts = {"environment": key, "main": outcome.main, "pushed": list(outcome.pushed), "seconds": round(seconds, 3)}
    if outcome.hitch is not None:
        facts["hitch"] = f"{outcome.hitch.reason}: {outcome.hitch.message}"
    if outcome.status is not None:
        ready = outcome.status.condition("Ready")
        facts["ready"] = f"{ready.status} ({ready.reason})"
    if outcome.pushed:
        log.info("pass", **facts)
    else:
        log.debug("pass", **facts)
