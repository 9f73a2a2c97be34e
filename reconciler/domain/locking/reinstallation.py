"""Detects changes by which Flux uninstalls an Application and installs it anew, and whether a document confirms them.

From helm-controller's source (`ReleaseTargetChanged`): a release is uninstalled when its storage Namespace, its target Namespace,
its name or the name of its chart changes. A HelmRelease with another name or in another Namespace is another object: Flux prunes
the old one, which uninstalls its release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.lock import EnvironmentLock, Package


def reinstall_causes(prior: EnvironmentLock, old: Package, lock: EnvironmentLock, new: Package) -> tuple[str, ...]:
    """Returns why a package is uninstalled and installed anew on a cluster, as changes in a few words; empty if it is not.

    The chart's name counts where both locks know it: those of the older format do not.
    """
    if not {*old.placements} & {*new.placements}:
        return ()
    before, after = _identity(prior, old), _identity(lock, new)
    changes = {what: f"{value} -> {after[what]}" for what, value in before.items() if after.get(what, value) != value}
    if changes.get("storage Namespace") == changes.get("fluxNamespace"):  # by default it is the same one
        changes.pop("storage Namespace", None)
    return tuple(f"{what} {change}" for what, change in changes.items())


def unconfirmed_reinstalls(
    prior: EnvironmentLock | None, lock: EnvironmentLock, confirmed: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yields each Application that would be installed anew although no document says so: its name, a message, and a hint.

    Args:
        prior: the lock of what is installed; None when nothing is.
        lock: the new lock.
        confirmed: by Application, the entry that may be given up: `spec.reinstall` of environment.yaml. It is good once, since
            the Application has another entry afterwards.
    """
    installed = {package.application: package for package in prior.packages} if prior else {}
    for package in lock.packages:
        old = installed.get(package.application)
        causes = reinstall_causes(prior, old, lock, package) if prior and old else ()
        if prior is None or old is None or not causes:
            continue
        name = package.application
        message = f"{name} would be uninstalled and installed anew ({', '.join(causes)})"
        if old.suspend and (prior.flux_namespace, old.object_name) != (lock.flux_namespace, package.object_name):
            yield name, f"{message}, and Flux uninstalls nothing that is suspended", "take `suspend` away first"
        elif confirmed.get(name) != old.entry:
            hint = "what it stores may be lost; if that is intended, say so in environment.yaml, spec.reinstall"
            yield name, message, f"{hint}: {{{name}: {old.entry}}}"


def _identity(lock: EnvironmentLock, package: Package) -> dict[str, str]:
    """What Flux and Helm know an installed release by; in the order of a message."""
    identity = {
        "fluxNamespace": lock.flux_namespace,
        "HelmRelease": package.object_name,
        "release": package.release_name,
        "Namespace": package.namespace,
        "storage Namespace": package.release.storage_namespace or lock.flux_namespace,
    }
    if package.chart.name is not None:
        identity["chart"] = package.chart.name
    return identity
