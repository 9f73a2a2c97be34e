"""What a commit would change of what is resolved: for the people who decide on it, what touches running Applications first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.lock import EnvironmentLock, Package


@dataclass(frozen=True)
class ApplicationChange:
    """One Application that is added, changed or removed.

    Attributes:
        package: as it would be, or was.
        before: as it is locked; None for one that is added.
        after: as it would be; None for one that is removed.
        affected_dependents: the Applications that depend on it, directly or through others, and run already: Flux looks at them
            again, and they wait while it is not ready. Sorted.
    """

    package: Package
    before: Package | None
    after: Package | None
    affected_dependents: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What happens to it, in a few words."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        if self.before.version != self.after.version:
            return f"{self.before.version} -> {self.after.version}"
        return ", ".join(_differences(self.before, self.after))


def diff_locks(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[ApplicationChange, ...]:
    """All that changes of what runs: first what runs already, then what is added, each sorted by name.

    Only what decides what runs counts (`Package.entry`): new evidence for the same content is no step.
    """
    before = {p.application: p for p in prior.packages} if prior else {}
    after = {p.application: p for p in lock.packages}
    needed_by = _needed_by(lock.packages)
    found = []
    for name in sorted(before | after):
        old, new = before.get(name), after.get(name)
        package = new or old
        if package is not None and (old is None or new is None or old.entry != new.entry):
            waiting = tuple(sorted(_all_above(name, needed_by) & before.keys()))
            found.append(ApplicationChange(package, old, new, waiting))
    return tuple(sorted(found, key=lambda step: (step.before is None, step.package.application)))


def _differences(old: Package, new: Package) -> Iterable[str]:
    """How two packages of one version differ in what runs."""
    if old.artifact != new.artifact:
        yield "published anew under the same version" if old.blueprint == new.blueprint else f"{old.blueprint} -> {new.blueprint}"
    if old.values != new.values:
        yield "other values"
    for cluster in sorted({*new.placements} - {*old.placements}):
        yield f"also on {cluster}"
    for cluster in sorted({*old.placements} - {*new.placements}):
        yield f"no more on {cluster}"
    if old.suspend != new.suspend:
        yield "suspended" if new.suspend else "resumed"
    if old.depends_on != new.depends_on:
        yield "waits for others"


def _needed_by(packages: Sequence[Package]) -> Mapping[str, set[str]]:
    """Who depends directly on each Application."""
    found: dict[str, set[str]] = {}
    for package in packages:
        for name in package.depends_on:
            found.setdefault(name, set()).add(package.application)
    return found


def _all_above(name: str, needed_by: Mapping[str, set[str]]) -> set[str]:
    """Who depends on an Application, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = needed_by.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found - {name}
