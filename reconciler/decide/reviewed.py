"""Which versions people reviewed: what a plan brings, for when it is merged with others, or made again beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.lock import EnvironmentLock, Package


@dataclass(frozen=True)
class Brought:
    """A package that a plan brings.

    Attributes:
        package: as it would be.
        before: the digest of the artifact that it replaces; None for one that is added.
    """

    package: Package
    before: str | None


def packages_of(lock: EnvironmentLock | None) -> Mapping[str, Package]:
    """The packages of a lock by Application; none when there is no lock."""
    return {p.application: p for p in lock.packages} if lock else {}


def brought(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[Brought, ...]:
    """What a lock brings that a prior one does not have: other artifacts, whatever else differs."""
    before = packages_of(prior)
    olds = ((p, before[p.application].digest if p.application in before else None) for p in lock.packages)
    return tuple(Brought(package, old) for package, old in olds if old != package.digest)


def keeping(installed: Mapping[str, Package], reviewed: Iterable[Brought]) -> Mapping[str, Package]:
    """What is to be taken for locked, by Application: what is installed, and what people reviewed to take its place.

    Only what was reviewed to take the place of the very artifact that is installed does: else a plan that is out of date would
    take back what came after it.
    """
    found = dict(installed)
    for one in reviewed:
        there = installed.get(one.package.application)
        if (there.digest if there else None) == one.before:
            found[one.package.application] = one.package
    return found
