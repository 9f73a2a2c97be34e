"""Versions that people reviewed in a plan, which are preferred when the plan is merged with others or made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.lock import packages_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.lock import EnvironmentLock, Package


@dataclass(frozen=True)
class ReviewedPackage:
    """A package that was reviewed as part of a plan.

    Attributes:
        package: the package in the plan's lock.
        before: the digest of the artifact that it replaces; None for one that is added.
    """

    package: Package
    before: str | None


def reviewed_by_plan(
    prior: EnvironmentLock | None, main: EnvironmentLock | None, lock: EnvironmentLock
) -> tuple[ReviewedPackage, ...]:
    """Returns the packages whose artifact the plan changes; other differences do not count.

    An Application that `main` changes on its own is not counted as reviewed here, even at the same version, because `main` may
    revert it.

    Args:
        prior: the lock on `resolved`.
        main: the lock that `main` resolves to without the plan, held or not; None when it does not resolve.
        lock: the lock of the plan.
    """
    installed, without_plan = packages_of(prior), packages_of(main)
    reviewed = []
    for package in lock.packages:
        before, on_main = _digest(installed, package.application), _digest(without_plan, package.application)
        if package.digest != before and on_main in {before, None}:
            reviewed.append(ReviewedPackage(package, before))
    return tuple(reviewed)


def whole_lock(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[ReviewedPackage, ...]:
    """Returns all packages of a lock as reviewed, each replacing the installed one."""
    installed = packages_of(prior)
    return tuple(ReviewedPackage(package, _digest(installed, package.application)) for package in lock.packages)


def version_preferences(
    prior: EnvironmentLock | None, reviewed: Iterable[ReviewedPackage], pending: EnvironmentLock | None = None
) -> Mapping[str, Package] | None:
    """Returns the preferred package of each Application; None when those are the installed ones.

    A reviewed package counts only if it replaces the very artifact that is installed; otherwise an outdated plan would revert
    later changes.

    Args:
        prior: the installed lock.
        reviewed: the reviewed packages; for one Application the last one counts.
        pending: the lock of an earlier resolution of the same documents that is held; it counts where nothing was reviewed.
    """
    installed = packages_of(prior)
    current = (r.package for r in reviewed if _digest(installed, r.package.application) == r.before)
    preferences = {**installed, **packages_of(pending), **{package.application: package for package in current}}
    return None if preferences == installed else preferences


def _digest(packages: Mapping[str, Package], application: str) -> str | None:
    return packages[application].digest if application in packages else None
