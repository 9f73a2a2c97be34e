"""The health of the service: the results of passes, whether each Environment was reconciled once, and how long ago."""

from __future__ import annotations

import math
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, assert_never

import structlog

from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.model.errors import ConcurrentUpdateError

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.controller.ports import Measurements
    from reconciler.controller.work_queue import Item
    from reconciler.services.reconcile.outcome import ReconcileOutcome

_TRUTHS: Final = ("True", "False", "Unknown")

log = structlog.get_logger()


class Run(Protocol):
    """A pass; `EnvironmentPass.reconcile` in production."""

    def __call__(self, *, fetch: bool) -> ReconcileOutcome:
        """Make the pass."""


class Health:
    """The health of the service. Safe for use by several threads. Times are seconds of the monotonic clock.

    Args:
        metrics: records the measurements.
        stale_after: seconds after which an answer about an Environment no longer counts.
    """

    def __init__(self, metrics: Measurements, stale_after: float = 60.0) -> None:
        self.metrics, self.stale_after = metrics, stale_after
        self._lock = threading.Lock()
        self._without_pass: set[str] | None = None  # the keys of the first search without a pass yet
        self._fetched_at: dict[str, float] = {}
        self._ready: dict[str, tuple[str, float]] = {}
        counts = {truth: partial(self._count, truth) for truth in _TRUTHS}
        self.metrics.watch_each("reconciler_environments", "Environments, by their condition Ready.", "ready", counts)
        self.metrics.gauge(
            "reconciler_look_age_seconds",
            "Since the last good look at a repository: of the Environment that waits for longest.",
            self._age,
        )

    def discovered(self, keys: Collection[str]) -> None:
        """Record which Environments exist."""
        with self._lock:
            current, now = set(keys), time.monotonic()
            self._without_pass = current if self._without_pass is None else self._without_pass & current
            self._fetched_at = {key: self._fetched_at.get(key, now) for key in current}
            self._ready = {key: ready for key, ready in self._ready.items() if key in current}

    def measured_pass(self, item: Item, run: Run) -> ReconcileOutcome:
        """Make a pass, and record and log its result; its exceptions are raised."""
        started = time.monotonic()
        result, outcome = "failed", None
        try:
            outcome = run(fetch=item.fetch)
            result = _result(outcome)
        except ConcurrentUpdateError:
            result = "conflict"
            raise
        finally:
            seconds = time.monotonic() - started
            self.metrics.record_pass(result, seconds)
            self._record(item, outcome)
        _log_pass(item.key, outcome, seconds)
        return outcome

    def readiness_problems(self) -> list[str]:
        """What is missing until each Environment of the first search had a pass, whatever its result; afterwards always empty."""
        with self._lock:
            if self._without_pass is None:
                return ["no search for Environments has succeeded yet"]
            waiting = len(self._without_pass)
        return [f"Environments that were not looked at yet: {waiting}"] if waiting else []

    def _record(self, item: Item, outcome: ReconcileOutcome | None) -> None:
        with self._lock:
            if self._without_pass is not None:
                self._without_pass.discard(item.key)
            if outcome is None or item.key not in self._fetched_at:
                return
            if item.fetch:
                self._fetched_at[item.key] = time.monotonic()
            if outcome.status is not None:
                self._ready[item.key] = outcome.status.condition("Ready").status, time.monotonic()

    def _count(self, truth: str) -> int:
        with self._lock:
            oldest = time.monotonic() - self.stale_after
            answers = (self._ready.get(key, ("Unknown", math.inf)) for key in self._fetched_at)
            return sum((ready if at >= oldest else "Unknown") == truth for ready, at in answers)

    def _age(self) -> float:
        with self._lock:
            now = time.monotonic()
            return now - min(self._fetched_at.values(), default=now)


def _result(outcome: ReconcileOutcome) -> str:
    match outcome.blocker:
        case Refused():
            return "refused"
        case Held() | Unavailable():
            return "blocked"
        case None:
            return "changed" if outcome.pushed else "unchanged"
        case _:
            assert_never(outcome.blocker)


def _log_pass(key: str, outcome: ReconcileOutcome, seconds: float) -> None:
    """Log a pass; at level info only if it pushed something."""
    facts = {"environment": key, "main": outcome.main, "pushed": list(outcome.pushed), "seconds": round(seconds, 3)}
    if outcome.blocker is not None:
        facts["blocker"] = f"{outcome.blocker.reason}: {outcome.blocker.message}"
    if outcome.status is not None:
        ready = outcome.status.condition("Ready")
        facts["ready"] = f"{ready.status} ({ready.reason})"
    if outcome.pushed:
        log.info("pass", **facts)
    else:
        log.debug("pass", **facts)
