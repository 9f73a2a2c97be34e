"""Recovers from a status what a lost lock had installed, so that nothing of it is forgotten or pruned at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.lock import UNSEALED, EnvironmentLock, LockedSovereign, LockMetadata, Removal

if TYPE_CHECKING:
    from reconciler.model.status import ApplicationStatus, EnvironmentStatus, RemovalStatus


def lock_of_status(status: EnvironmentStatus, flux_namespace: str) -> EnvironmentLock:
    """Returns a lock without packages that removes all that a status names; the next lock takes what it wants out of that.

    Args:
        status: the last status.
        flux_namespace: the Namespace of the HelmReleases, which no status names.
    """
    named: dict[str, list[ApplicationStatus | RemovalStatus]] = {}
    parts: tuple[ApplicationStatus | RemovalStatus, ...] = (*status.applications, *status.removing)
    for each in parts:
        named.setdefault(each.name, []).append(each)
    removing = [
        Removal(
            application=name,
            blueprint=told[0].blueprint,
            version=told[0].version,
            placements=sorted({placement.cluster for part in told for placement in part.placements}),
            flux_namespace=flux_namespace,
            entry=UNSEALED,
        )
        for name, told in sorted(named.items())
    ]
    return EnvironmentLock(
        metadata=LockMetadata(name=status.metadata.name),
        sovereign=LockedSovereign(name="", interval="", timeout=""),
        organization="",
        placements=[],
        flux_namespace=flux_namespace,
        removing=removing,
    )
