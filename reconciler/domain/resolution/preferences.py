"""Which versions people reviewed: what a plan brings, for when it is merged with others, or made again beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.lock import packages_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.lock import EnvironmentLock, Package


@dataclass(frozen=True)
class ReviewedPackage:
    """A package that a plan brings.

    Attributes:
        package: as it would be.
        before: the digest of the artifact that it replaces; None for one that is added.
    """

    package: Package
    before: str | None


def reviewed_by_plan(
    prior: EnvironmentLock | None, main: EnvironmentLock | None, lock: EnvironmentLock
) -> tuple[ReviewedPackage, ...]:
    """What a plan brings: other artifacts than there are without it, whatever else differs.

    An Application that `main` moves without it is none of that, in whatever version: `main` may take it back.

    Args:
        prior: what is resolved.
        main: what `main` comes to without it, be it held or not; None when it comes to nothing.
        lock: what it comes to.
    """
    before, beside = packages_of(prior), packages_of(main)
    found = []
    for one in lock.packages:
        old, moved = _digest(before, one.application), _digest(beside, one.application)
        if one.digest != old and moved in {old, None}:
            found.append(ReviewedPackage(one, old))
    return tuple(found)


def whole_lock(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[ReviewedPackage, ...]:
    """All packages of a lock, each in the place of what is installed."""
    before = packages_of(prior)
    return tuple(ReviewedPackage(one, _digest(before, one.application)) for one in lock.packages)


def version_preferences(
    prior: EnvironmentLock | None, reviewed: Iterable[ReviewedPackage], pending: EnvironmentLock | None = None
) -> Mapping[str, Package] | None:
    """What is to stay, by Application: what is installed, and what people reviewed to take its place; None without any of that.

    Only what was reviewed to take the place of the very artifact that is installed does: else a plan that is out of date would
    take back what came after it.

    Args:
        prior: what is installed.
        reviewed: what people reviewed; of two for one Application the later one.
        pending: what the same came to before, and waits; it stays where nothing else was reviewed.
    """
    installed = packages_of(prior)
    fitting = (one.package for one in reviewed if _digest(installed, one.package.application) == one.before)
    kept = {**installed, **packages_of(pending), **{one.application: one for one in fitting}}
    return None if kept == installed else kept


def _digest(packages: Mapping[str, Package], application: str) -> str | None:
    return packages[application].digest if application in packages else None
