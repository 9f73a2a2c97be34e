"""Compares two locks for the people who review a commit: changes of running Applications come first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.lock import EnvironmentLock, Package


@dataclass(frozen=True)
class ApplicationChange:
    """An Application that a commit adds, changes or removes.

    Attributes:
        package: its package in the new lock, or in the old one if it is removed.
        before: its package in the old lock; None if it is added.
        after: its package in the new lock; None if it is removed.
        affected_dependents: the Applications of the old lock that depend on it, directly or through others, sorted. Flux
            reconciles them again, and they wait while it is not ready.
    """

    package: Package
    before: Package | None
    after: Package | None
    affected_dependents: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The change in a few words."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        if self.before.version != self.after.version:
            return f"{self.before.version} -> {self.after.version}"
        return ", ".join(_differences(self.before, self.after))


def diff_locks(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[ApplicationChange, ...]:
    """Returns the changes from one lock to the next: those of the old lock's Applications, then the added ones, sorted by name.

    Packages with the same spec digest (`Package.entry`) are equal: new trust evidence for the same content is not a change.
    """
    before = {package.application: package for package in prior.packages} if prior else {}
    after = {package.application: package for package in lock.packages}
    dependents = _direct_dependents(lock.packages)
    changes = []
    for name in sorted(before | after):
        old, new = before.get(name), after.get(name)
        package = new or old
        if package is not None and (old is None or new is None or old.entry != new.entry):
            affected = tuple(sorted(_all_dependents(name, dependents) & before.keys()))
            changes.append(ApplicationChange(package, old, new, affected))
    return tuple(sorted(changes, key=lambda change: (change.before is None, change.package.application)))


def _differences(old: Package, new: Package) -> Iterable[str]:
    """Yields the differences in content between two packages of the same version."""
    if old.artifact != new.artifact:
        yield "republished under the same version" if old.blueprint == new.blueprint else f"{old.blueprint} -> {new.blueprint}"
    if old.values != new.values:
        yield "other values"
    for cluster in sorted({*new.placements} - {*old.placements}):
        yield f"also on {cluster}"
    for cluster in sorted({*old.placements} - {*new.placements}):
        yield f"no longer on {cluster}"
    if old.suspend != new.suspend:
        yield "suspended" if new.suspend else "resumed"
    if old.depends_on != new.depends_on:
        yield "other dependencies"


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
