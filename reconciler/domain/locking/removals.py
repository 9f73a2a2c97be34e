"""Keeps in a lock what is being uninstalled: Flux prunes all at once, and Helm needs the Namespace until it has uninstalled.

So a removal is two commits. In the first the HelmRelease and its source go, and the lock lists the release under `removing`. When
it is gone from every placement, the second drops it from there, and its Namespace with it. A cluster that is no placement any
more keeps its folder: Flux deletes nothing where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.lock import Removal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from reconciler.model.lock import EnvironmentLock, Package, ReleaseKey


def with_removals(prior: EnvironmentLock | None, lock: EnvironmentLock) -> EnvironmentLock:
    """Returns a new lock with what is still to be uninstalled: of the last lock's packages, and of those it removes already."""
    if prior is None:
        return lock
    wanted = _releases(lock)
    installed = (*(_removal_of(prior, package) for package in prior.packages), *prior.removing)
    removing = [removal for each in installed if (removal := _without(each, wanted)) is not None]
    former = {*prior.former_placements, *(cluster for removal in removing for cluster in removal.placements)}
    return lock.model_copy(
        update={
            "removing": sorted(removing, key=lambda removal: (removal.application, removal.entry)),
            "former_placements": sorted(former.difference(lock.placements or ())),
        }
    )


def without(lock: EnvironmentLock, finished: Collection[Removal]) -> EnvironmentLock:
    """Returns a lock without some of its removals, after which nothing of them is left but an empty folder."""
    gone = {key for removal in finished for key in removal.releases}
    return lock.model_copy(update={"removing": [removal for removal in lock.removing if not removal.releases <= gone]})


def settled(lock: EnvironmentLock) -> EnvironmentLock:
    """Returns a lock without what only depends on what ran before: locks are compared like this."""
    return lock.model_copy(update={"removing": [], "former_placements": []})


def suspended_removals(prior: EnvironmentLock | None, lock: EnvironmentLock) -> Iterator[tuple[str, str, str]]:
    """Yields each suspended Application that a new lock removes, on some cluster: its name, a message, and a hint.

    helm-controller takes the finalizer off a suspended HelmRelease that is deleted, and uninstalls nothing.
    """
    wanted = _releases(lock)
    if prior is None:
        return
    for package in (package for package in prior.packages if package.suspend):
        removal = _without(_removal_of(prior, package), wanted)
        if removal is not None:
            where = ", ".join(removal.placements)
            message = f"{package.application} would be removed from {where}, and Flux uninstalls nothing that is suspended"
            yield package.application, message, "take `suspend` away first, and remove it when it runs again"


def _releases(lock: EnvironmentLock) -> frozenset[ReleaseKey]:
    """Returns the HelmReleases of a lock's packages."""
    return frozenset(
        (cluster, lock.flux_namespace, package.object_name) for package in lock.packages for cluster in package.placements
    )


def _removal_of(lock: EnvironmentLock, package: Package) -> Removal:
    return Removal(
        application=package.application,
        blueprint=package.blueprint,
        version=package.version,
        placements=package.placements,
        flux_namespace=lock.flux_namespace,
        release=package.release,
        entry=package.entry,
    )


def _without(removal: Removal, wanted: Collection[ReleaseKey]) -> Removal | None:
    """Returns a removal without the releases that are wanted; None when nothing is left of it."""
    gone = [cluster for cluster, *_ in sorted(removal.releases.difference(wanted))]
    return removal.model_copy(update={"placements": gone}) if gone else None
