"""What runs of a lock, judged: every package on every placement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.readiness.assessment import ExpectedRelease, Verdict, assess

if TYPE_CHECKING:
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.status import EnvironmentStatus
    from reconciler.services.observation.ports import AssessmentLimits, ClusterView

# An entry on a cluster: Application, cluster, the lock's digest over what is to run.
ObservedEntry = tuple[str, str, str]

# What was on a cluster at some time, and whether it was ready then.
Sightings = dict[ObservedEntry, bool]


def assess_lock(
    lock: EnvironmentLock, view: ClusterView, limits: AssessmentLimits, *, committed: float, now: float, seen: Sightings
) -> dict[tuple[str, str], Verdict]:
    """Judge all of a lock.

    Args:
        lock: what is to run.
        view: what is seen.
        limits: within which to judge.
        committed: when the lock was committed, seconds since the epoch.
        now: seconds since the epoch.
        seen: what was on a cluster before. The deadline is for what is to come: what was ready already has met it.

    Returns:
        A verdict by Application and cluster.
    """
    verdicts: dict[tuple[str, str], Verdict] = {}
    for package in lock.packages:
        for cluster in package.placements:
            entry = _entry(lock, package, cluster, limits, committed, seen)
            observation = view.observe(cluster, entry.namespace, entry.application)
            verdicts[package.application, cluster] = assess(entry, observation, now)
    return verdicts


def observed_entries(lock: EnvironmentLock, verdicts: dict[tuple[str, str], Verdict]) -> Sightings:
    """What of a lock the verdicts have seen on its clusters."""
    return {
        (p.application, cluster, p.entry): verdict.ready == "True"
        for p in lock.packages
        for cluster in p.placements
        if (verdict := verdicts[p.application, cluster]).evidence is not None and verdict.evidence.entry == p.entry
    }


def sightings_from_status(status: EnvironmentStatus | None) -> Sightings:
    """What the last status says was seen: it remembers over a restart."""
    return {
        (application.name, placement.cluster, placement.evidence.entry): placement.ready == "True"
        for application in (status.applications if status else ())
        for placement in application.placements
        if placement.evidence is not None and placement.evidence.entry is not None
    }


def merge_observed(before: Sightings, now: Sightings) -> Sightings:
    """Both; what was ready once has been."""
    return before | {one: ready or before.get(one, False) for one, ready in now.items()}


def _entry(
    lock: EnvironmentLock, package: Package, cluster: str, limits: AssessmentLimits, committed: float, seen: Sightings
) -> ExpectedRelease:
    sighting = (package.application, cluster, package.entry)
    return ExpectedRelease(
        application=package.application,
        cluster=cluster,
        namespace=lock.flux_namespace,
        version=package.version,
        digest=package.digest,
        entry=package.entry,
        spec_digest=package.spec_digest,
        was_there=sighting in seen,
        committed=0.0 if seen.get(sighting) else committed,
        stale_after=limits.stale_after,
        progress_deadline=limits.progress_deadline,
    )
