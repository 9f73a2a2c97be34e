"""Assesses what runs of one Environment's lock, from observed HelmRelease conditions alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reconciler.services.observation.flux_diagnostics import FluxDiagnostics
from reconciler.services.observation.lock_assessment import (
    Sightings,
    assess_lock,
    merge_observed,
    observed_entries,
    sightings_from_status,
)

if TYPE_CHECKING:
    from reconciler.domain.readiness.assessment import Verdict
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.status import EnvironmentStatus
    from reconciler.services.observation.ports import AssessmentLimits, ClusterView


def clusters_of(lock: EnvironmentLock | None) -> frozenset[str]:
    """The clusters that a lock places Applications on."""
    return frozenset(c for p in lock.packages for c in p.placements) if lock else frozenset()


class ReadinessObserver:
    """The readiness of one Environment, from pass to pass.

    Args:
        clusters: where it runs.
        limits: within which observations are assessed.
    """

    def __init__(self, clusters: ClusterView, limits: AssessmentLimits) -> None:
        self._clusters, self._limits = clusters, limits
        self._seen: Sightings = {}
        self._behind = FluxDiagnostics(clusters)

    def start(self, lock: EnvironmentLock | None, *, wait: float) -> None:
        """See to it that every cluster of a lock is observed, and wait up to some seconds for the first answer of each."""
        for patience in sorted({0.0, wait}):  # they all begin before any of them is waited for
            for cluster in sorted(clusters_of(lock)):
                self._clusters.observe_cluster(cluster, wait=patience)

    def verdicts(self, lock: EnvironmentLock, committed: int, status: EnvironmentStatus | None) -> dict[tuple[str, str], Verdict]:
        """Assess every package of a lock on every placement, by Application and cluster.

        Args:
            lock: what is to run.
            committed: when it was committed, in seconds since the epoch.
            status: the last one published: it remembers over a restart what was ready.
        """
        # What people took away was not "removed by somebody", should they ever want it again.
        wanted = {(p.application, cluster, p.entry) for p in lock.packages for cluster in p.placements}
        self._seen = {one: ready for one, ready in self._seen.items() if one in wanted}
        seen = merge_observed(self._seen, sightings_from_status(status))
        verdicts = assess_lock(lock, self._clusters, self._limits, committed=committed, now=time.time(), seen=seen)
        self._seen = merge_observed(seen, observed_entries(lock, verdicts))
        return self._behind.with_diagnostics(verdicts, lock.flux_namespace, age=time.time() - committed)
