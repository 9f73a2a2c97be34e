"""Assesses the readiness of one Environment's lock, from observed HelmRelease conditions alone."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.services.observation.flux_diagnostics import FluxDiagnostics
from reconciler.services.observation.lock_assessment import (
    ObservedReadiness,
    assess_lock,
    merge_observed,
    observed_entries,
    observed_in_status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.readiness.assessment import Verdict
    from reconciler.model.lock import EnvironmentLock, ReleaseKey
    from reconciler.model.status import EnvironmentStatus
    from reconciler.services.observation.ports import AssessmentLimits, ClusterView


def clusters_of(lock: EnvironmentLock | None) -> frozenset[str]:
    """The clusters on which a lock has something: a package, or what is being uninstalled."""
    if lock is None:
        return frozenset()
    packages, removing = (each.placements for each in lock.packages), (each.placements for each in lock.removing)
    return frozenset(chain.from_iterable(chain(packages, removing)))


class ReadinessObserver:
    """Observes the readiness of one Environment from pass to pass.

    Args:
        clusters: the clusters.
        limits: the limits for assessing observations.
    """

    def __init__(self, clusters: ClusterView, limits: AssessmentLimits) -> None:
        self._clusters, self._limits = clusters, limits
        self._observed: ObservedReadiness = {}
        self._diagnostics = FluxDiagnostics(clusters)

    def start(self, lock: EnvironmentLock | None, *, wait: float) -> None:
        """Start to observe every cluster of a lock, and wait up to some seconds for the first response of each."""
        for seconds in sorted({0.0, wait}):  # all are started before the first wait
            for cluster in sorted(clusters_of(lock)):
                self._clusters.observe_cluster(cluster, wait=seconds)

    def verdicts(
        self, lock: EnvironmentLock, rendered: Mapping[ReleaseKey, str], committed: int, status: EnvironmentStatus | None
    ) -> dict[tuple[str, str], Verdict]:
        """Assess every package of a lock on every placement.

        Args:
            lock: the resolved lock.
            rendered: the digests of the HelmReleases in its commit.
            committed: when it was committed, in seconds since the epoch.
            status: the last published status: it carries over a restart which releases were ready.

        Returns:
            A verdict by Application and cluster.
        """
        # An entry that the documents dropped must not be reported as removed from the cluster when they add it again.
        locked = {(p.application, cluster, p.entry) for p in lock.packages for cluster in p.placements}
        self._observed = {entry: ready for entry, ready in self._observed.items() if entry in locked}
        observed = merge_observed(self._observed, observed_in_status(status))
        limits, now = self._limits, time.time()
        verdicts = assess_lock(lock, rendered, self._clusters, limits, committed=committed, now=now, observed=observed)
        self._observed = merge_observed(observed, observed_entries(lock, verdicts))
        return self._diagnostics.with_diagnostics(verdicts, lock.flux_namespace, age=time.time() - committed)
