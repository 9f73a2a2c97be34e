"""Observes how far the removals of a lock are on their clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.readiness.removal import UNSEEN, RemovalProgress, assess_removal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.lock import EnvironmentLock, ReleaseKey, Removal
    from reconciler.model.status import EnvironmentStatus
    from reconciler.services.observation.ports import AssessmentLimits, ClusterView


def observe_removals(
    lock: EnvironmentLock, view: ClusterView, limits: AssessmentLimits, *, status: EnvironmentStatus | None, age: float
) -> Mapping[ReleaseKey, RemovalProgress]:
    """Observe every release that a lock removes: how far that is, by its cluster, Namespace and name.

    Args:
        lock: the lock.
        view: the clusters.
        limits: the limits for assessing observations.
        status: the last status: it tells which releases were seen since they are removed.
        age: seconds since the lock was committed.
    """
    told = [(removal.name, placement) for removal in status.removing for placement in removal.placements] if status else []
    seen = {(name, placement.cluster) for name, placement in told if placement.reason not in UNSEEN}
    return {
        key: assess_removal(
            removal,
            key[0],
            view.observe(*key),
            stale_after=limits.stale_after,
            may_come=age <= limits.apply_grace and (removal.application, key[0]) not in seen,
        )
        for removal in lock.removing
        for key in removal.releases
    }


def finished_removals(
    lock: EnvironmentLock, progress: Mapping[ReleaseKey, RemovalProgress], *, age: float, settle: float
) -> tuple[Removal, ...]:
    """The removals whose releases are gone from every cluster.

    Those that began together end in one commit: none counts before all are gone, or some seconds have passed.

    Args:
        lock: the lock.
        progress: of each release that it removes.
        age: seconds since the lock was committed.
        settle: seconds that one waits for the others.
    """
    finished = tuple(removal for removal in lock.removing if all(progress[key].is_gone for key in removal.releases))
    return finished if len(finished) == len(lock.removing) or age > settle else ()
