"""Assesses what runs of one Environment's lock, from observed HelmRelease conditions alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reconciler.loop.behind import Behind
from reconciler.loop.branches import RESOLVED
from reconciler.loop.judge import Sightings, judge, remember, sightings, told

if TYPE_CHECKING:
    from reconciler.decide.readiness import Verdict
    from reconciler.loop.branches import Branches
    from reconciler.loop.judge import ClusterView, Limits
    from reconciler.model.lock import EnvironmentLock


class ReadinessObserver:
    """The readiness of one Environment, from pass to pass.

    Args:
        branches: its branches as last fetched.
        clusters: where it runs.
        limits: within which observations are assessed.
    """

    def __init__(self, branches: Branches, clusters: ClusterView, limits: Limits) -> None:
        self._branches, self._clusters, self._limits = branches, clusters, limits
        self._seen: Sightings = {}
        self._behind = Behind(clusters)

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters that the lock at the head of `resolved` places Applications on."""
        lock = self._branches.lock()
        return frozenset(c for p in lock.packages for c in p.placements) if lock else frozenset()

    def start(self, *, wait: float) -> None:
        """See to it that every cluster is observed, and wait up to some seconds for the first answer of each."""
        for patience in sorted({0.0, wait}):  # they all begin before any of them is waited for
            for cluster in sorted(self.clusters):
                self._clusters.ensure(cluster, wait=patience)

    def verdicts(self, lock: EnvironmentLock) -> dict[tuple[str, str], Verdict]:
        """Assess every package of a lock on every placement, by Application and cluster."""
        # What people took away was not "removed by somebody", should they ever want it again.
        wanted = {(p.application, cluster, p.entry) for p in lock.packages for cluster in p.placements}
        self._seen = {one: ready for one, ready in self._seen.items() if one in wanted}
        committed = self._branches.time(RESOLVED)
        seen = remember(self._seen, told(self._branches.status()))
        verdicts = judge(lock, self._clusters, self._limits, committed=committed, now=time.time(), seen=seen)
        self._seen = remember(seen, sightings(lock, verdicts))
        return self._behind.quoted(verdicts, lock.flux_namespace, age=time.time() - committed)
