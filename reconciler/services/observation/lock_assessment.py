"""Assesses every package of a lock on every placement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.domain.readiness.assessment import ExpectedRelease, Verdict, assess
from reconciler.domain.readiness.helm_release import text_field
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.lock import EnvironmentLock, Package, ReleaseKey
    from reconciler.model.observation import Observation
    from reconciler.model.status import EnvironmentStatus
    from reconciler.services.observation.ports import AssessmentLimits, ClusterView

# A lock entry on a cluster: Application, cluster, the digest of the entry.
ObservedEntry = tuple[str, str, str]

# The entries that were observed on a cluster at some time, and whether each was ready then.
ObservedReadiness = dict[ObservedEntry, bool]


def assess_lock(
    lock: EnvironmentLock,
    rendered: Mapping[ReleaseKey, str],
    view: ClusterView,
    limits: AssessmentLimits,
    *,
    committed: float,
    now: float,
    observed: ObservedReadiness,
) -> dict[tuple[str, str], Verdict]:
    """Assess all packages of a lock.

    Args:
        lock: the resolved lock.
        rendered: the digests of the HelmReleases in the files of its commit (`model.canonical.release_digest`).
        view: the observed state of the clusters.
        limits: the limits for assessing observations.
        committed: when the lock was committed, in seconds since the epoch.
        now: seconds since the epoch.
        observed: the entries observed before. The progress deadline applies to new entries: one that was ready has met it.

    Returns:
        A verdict by Application and cluster.
    """
    verdicts: dict[tuple[str, str], Verdict] = {}
    for package in lock.packages:
        observations = {
            cluster: view.observe(cluster, lock.flux_namespace, package.object_name) for cluster in package.placements
        }
        for cluster, observation in _with_shared(observations).items():
            digest = rendered.get((cluster, lock.flux_namespace, package.object_name))
            release = _expected_release(lock, package, cluster, digest, limits, committed, observed)
            verdicts[package.application, cluster] = assess(release, observation, now)
    return verdicts


def _with_shared(observations: Mapping[str, Observation]) -> Mapping[str, Observation]:
    """The observations of one package by cluster; those of one and the same object name each other's cluster.

    Two kubeconfigs that lead to one cluster would otherwise make both placements Ready by what runs on one.
    """
    clusters: dict[str, list[str]] = {}
    for cluster, observation in observations.items():
        uid = text_field(mapping(mapping(observation.release).get("metadata")), "uid")
        if uid:
            clusters.setdefault(uid, []).append(cluster)
    others = {
        cluster: next(other for other in shared if other != cluster)
        for shared in clusters.values()
        if len(shared) > 1
        for cluster in shared
    }
    return {
        cluster: replace(observation, shared_with=others[cluster]) if cluster in others else observation
        for cluster, observation in observations.items()
    }


def observed_entries(lock: EnvironmentLock, verdicts: dict[tuple[str, str], Verdict]) -> ObservedReadiness:
    """The entries of a lock that the verdicts observed on its clusters."""
    return {
        (p.application, cluster, p.entry): verdict.ready == "True"
        for p in lock.packages
        for cluster in p.placements
        if (verdict := verdicts[p.application, cluster]).evidence is not None and verdict.evidence.entry == p.entry
    }


def observed_in_status(status: EnvironmentStatus | None) -> ObservedReadiness:
    """The entries observed in the last status, which carries them over a restart."""
    return {
        (application.name, placement.cluster, placement.evidence.entry): placement.ready == "True"
        for application in (status.applications if status else ())
        for placement in application.placements
        if placement.evidence is not None and placement.evidence.entry is not None
    }


def merge_observed(before: ObservedReadiness, now: ObservedReadiness) -> ObservedReadiness:
    """Merge two sets of observed entries; an entry that was ready in either is ready."""
    return before | {entry: ready or before.get(entry, False) for entry, ready in now.items()}


def _expected_release(
    lock: EnvironmentLock,
    package: Package,
    cluster: str,
    digest: str | None,
    limits: AssessmentLimits,
    committed: float,
    observed: ObservedReadiness,
) -> ExpectedRelease:
    key = (package.application, cluster, package.entry)
    return ExpectedRelease(
        application=package.application,
        release=package.object_name,
        cluster=cluster,
        namespace=lock.flux_namespace,
        version=package.version,
        digest=package.digest,
        entry=package.entry,
        release_digest=digest,
        was_there=key in observed,
        committed=0.0 if observed.get(key) else committed,
        stale_after=limits.stale_after,
        progress_deadline=limits.progress_deadline,
    )
