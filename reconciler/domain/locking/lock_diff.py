"""Compares two locks for the people who review a commit: changes of running Applications come first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic.alias_generators import to_camel

from reconciler.domain.locking.reinstallation import reinstall_causes
from reconciler.model.lock import entry_content
from reconciler.model.release import ReleaseSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.lock import EnvironmentLock, Package

# Settings that only `reinstall_causes` reports: whatever changes one of them is installed anew.
_OF_IDENTITY: Final = frozenset({"object", "name", "namespace", "storage_namespace"})


@dataclass(frozen=True)
class ApplicationChange:
    """An Application that a commit adds, changes or removes.

    Attributes:
        package: its package in the new lock, or in the old one if it is removed.
        before: its package in the old lock; None if it is added.
        after: its package in the new lock; None if it is removed.
        affected_dependents: the Applications of the old lock that depend on it, directly or through others, sorted. Flux
            reconciles them again, and they wait while it is not ready.
        of_environment: the differences that it shares with every Application, in a few words each.
        reinstall_causes: why it is uninstalled and installed anew, in a few words each; empty if it is not.
    """

    package: Package
    before: Package | None
    after: Package | None
    affected_dependents: tuple[str, ...] = ()
    of_environment: tuple[str, ...] = ()
    reinstall_causes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The change in a few words."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed: uninstalled, then its Namespace is deleted"
        anew = [f"uninstalled and installed anew ({', '.join(self.reinstall_causes)})"] if self.reinstall_causes else []
        if self.before.version != self.after.version:
            return ", ".join((f"{self.before.version} -> {self.after.version}", *anew))
        differences = (*_differences(self.before, self.after), *self.of_environment)
        return ", ".join((*anew, *(text for text in differences if text not in self.reinstall_causes)))


def diff_locks(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[ApplicationChange, ...]:
    """Returns the changes from one lock to the next: those of the old lock's Applications, then the added ones, sorted by name.

    New trust evidence for the same content is not a change, nor is the same content in a newer format (`is_same`).
    """
    before = {package.application: package for package in prior.packages} if prior else {}
    after = {package.application: package for package in lock.packages}
    dependents = _direct_dependents(lock.packages)
    shared = tuple(_environment_differences(prior, lock)) if prior else ()
    changes = []
    for name in sorted(before | after):
        old, new = before.get(name), after.get(name)
        package = new or old
        if package is not None and (old is None or new is None or prior is None or not is_same(prior, old, lock, new)):
            affected = tuple(sorted(_all_dependents(name, dependents) & before.keys()))
            causes = reinstall_causes(prior, old, lock, new) if prior and old and new else ()
            changes.append(ApplicationChange(package, old, new, affected, shared, causes))
    return tuple(sorted(changes, key=lambda change: (change.before is None, change.package.application)))


def is_same(prior: EnvironmentLock, old: Package, lock: EnvironmentLock, new: Package) -> bool:
    """Returns whether the same happens to two packages on the clusters, as far as the formats of both locks know."""
    before, after = entry_content(prior, old), entry_content(lock, new)
    return all(before[key] == after[key] for key in before.keys() & after.keys())


def _differences(old: Package, new: Package) -> Iterable[str]:
    """Yields the differences in content between two packages of the same version."""
    if old.artifact != new.artifact:
        yield "republished under the same version" if old.blueprint == new.blueprint else f"{old.blueprint} -> {new.blueprint}"
    if old.values != new.values:
        yield "other values"
    for cluster in sorted({*new.placements} - {*old.placements}):
        yield f"also on {cluster}"
    for cluster in sorted({*old.placements} - {*new.placements}):
        yield f"uninstalled from {cluster}"
    if old.suspend != new.suspend:
        yield "suspended" if new.suspend else "resumed"
    if (old.depends_on, old.ordered_after) != (new.depends_on, new.ordered_after):
        yield "other dependencies"
    if old.values_from != new.values_from:
        yield "values from other objects on the cluster"
    names = sorted(set(ReleaseSettings.model_fields) - _OF_IDENTITY)
    changed = [to_camel(name) for name in names if getattr(old.release, name) != getattr(new.release, name)]
    if changed:
        yield f"other release settings ({', '.join(changed)})"


def _environment_differences(prior: EnvironmentLock, lock: EnvironmentLock) -> Iterable[str]:
    """Yields the differences between two locks that every Application has, as far as both formats know them."""
    if prior.flux_namespace != lock.flux_namespace:
        yield f"fluxNamespace {prior.flux_namespace} -> {lock.flux_namespace}"
    if prior.metadata.name != lock.metadata.name:
        yield f"Environment {prior.metadata.name} -> {lock.metadata.name}"
    if None not in (prior.organization, lock.organization) and prior.organization != lock.organization:
        yield f"Organization {prior.organization} -> {lock.organization}"
    if prior.sovereign is not None and lock.sovereign is not None:
        for field, value in lock.sovereign.model_dump().items():
            before = getattr(prior.sovereign, field)
            if before != value:
                yield f"{'sovereign' if field == 'name' else field} {before} -> {value}"


def _direct_dependents(packages: Sequence[Package]) -> Mapping[str, set[str]]:
    """Returns the Applications that depend directly on each Application."""
    dependents: dict[str, set[str]] = {}
    for package in packages:
        for name in package.depends_on:
            dependents.setdefault(name, set()).add(package.application)
    return dependents


def _all_dependents(name: str, direct_dependents: Mapping[str, set[str]]) -> set[str]:
    """Returns the Applications that depend on an Application, directly or through others."""
    dependents: set[str] = set()
    queue = [name]
    while queue:
        new = direct_dependents.get(queue.pop(), set()) - dependents
        dependents |= new
        queue += new
    return dependents - {name}
