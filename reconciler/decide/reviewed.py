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


def brought(prior: EnvironmentLock | None, main: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[Brought, ...]:
    """What a plan brings: other artifacts than there are without it, whatever else differs.

    Args:
        prior: what is resolved.
        main: what `main` comes to without it, be it held or not, which is not its own; None when it comes to nothing.
        lock: what it comes to.
    """
    before, beside = packages_of(prior), packages_of(main)
    return tuple(
        Brought(one, _digest(before, one.application))
        for one in lock.packages
        if one.digest not in {_digest(before, one.application), _digest(beside, one.application)}
    )


def keeping(prior: EnvironmentLock | None, reviewed: Iterable[Brought]) -> Mapping[str, Package] | None:
    """What is to stay, by Application: what is installed, and what people reviewed to take its place; None without any of that.

    Only what was reviewed to take the place of the very artifact that is installed does: else a plan that is out of date would
    take back what came after it.
    """
    installed = packages_of(prior)
    found = {
        one.package.application: one.package for one in reviewed if _digest(installed, one.package.application) == one.before
    }
    return {**installed, **found} if found else None


def _digest(packages: Mapping[str, Package], application: str) -> str | None:
    return packages[application].digest if application in packages else None
