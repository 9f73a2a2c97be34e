"""Moves locked versions within their ranges on request, and lists newer versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.domain.blocker import Held
from reconciler.domain.catalog import ExcludedVersion
from reconciler.domain.desired_state import DesiredState, compute_desired_state
from reconciler.domain.locking.change_summary import change_lines, resolved_commit_message
from reconciler.domain.locking.input_digests import input_digest
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.versions import newest_first, satisfies
from reconciler.model.artifact import catalog_of
from reconciler.model.errors import NotFoundError
from reconciler.model.layout import MAIN, RESOLVED
from reconciler.services.planning.namespace_claims import sole_claim

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.domain.blocker import Blocker, Refused, Unavailable
    from reconciler.domain.catalog import Catalog
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.problem import Problem
    from reconciler.services.admission.gate import AdmissionGate
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.repository.branches import EnvironmentBranches


@dataclass(frozen=True)
class Update:
    """The result of an update.

    Attributes:
        lines: the changes, one line for each Application.
        warnings: problems that do not refuse it.
        blocker: why there is no update.
        commit: the new head of `resolved`; None when nothing changed, or nothing was pushed.
    """

    lines: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    blocker: Blocker | None = None
    commit: str | None = None


@dataclass(frozen=True)
class Outdated:
    """A locked package for which a newer version exists.

    Attributes:
        package: the locked package.
        in_range: the version that an update would move it to.
        newest: the newest version in its catalog; pre-releases count only if a pre-release is locked.
        blocked_by: why the newest version cannot be used; empty if it can.
    """

    package: Package
    in_range: str
    newest: str
    blocked_by: str = ""


def update(
    identity: EnvironmentIdentity,
    branches: EnvironmentBranches,
    context: ReconcileContext,
    names: Collection[str],
    gate: AdmissionGate,
    *,
    push: bool,
) -> Update:
    """Move Applications to the newest versions in their ranges, and keep all other versions.

    Args:
        identity: the Environment's name and owner.
        branches: the Environment's branches; fetched here.
        context: the dependencies that all passes share.
        names: the Applications to move; empty for all.
        gate: the rules for the Environment.
        push: push the commit to `resolved`; otherwise only report the changes.

    Raises:
        NotFoundError: nothing is resolved yet, or there is no such Application.
        ReconcilerError: the repository could not be read or written.
    """
    lock, result = _resolve_moved(identity, branches, context, names)
    if not isinstance(result, DesiredState):
        return Update(blocker=result)
    lines = change_lines(lock, result.lock)
    main = branches.head(MAIN)
    if not push or not lines or main is None:
        return Update(lines, result.warnings)
    branches.check_signing()
    branches.put_back()  # the rules are evaluated on what was admitted last, as the server has it
    admission = gate.evaluate_update(branches, result.lock)
    if admission.status != "True":
        return Update(lines, result.warnings, Held(admission.reason, admission.message))
    message = resolved_commit_message(
        identity.name,
        main,
        lock,
        result.lock,
        result.digest,
        input_digest(branches.input_snapshot()),
        admission.admitted_by,
    )
    branches.push_resolved(result.files, message, result.lock)
    return Update(lines, result.warnings, commit=branches.head(RESOLVED))


def outdated(
    identity: EnvironmentIdentity, branches: EnvironmentBranches, context: ReconcileContext
) -> tuple[tuple[Outdated, ...], Refused | Unavailable | None]:
    """The packages with newer versions, and the blocker if they cannot all be updated together. Raises as `update` does."""
    lock, result = _resolve_moved(identity, branches, context, ())
    versions = (
        {package.application: package.version for package in result.lock.packages} if isinstance(result, DesiredState) else {}
    )
    candidates = [
        _outdated(package, versions.get(package.application, package.version), context.catalog) for package in lock.packages
    ]
    rows = tuple(row for row in candidates if row.package.version != row.newest or row.in_range != row.package.version)
    return rows, None if isinstance(result, DesiredState) else result


def _resolve_moved(
    identity: EnvironmentIdentity, branches: EnvironmentBranches, context: ReconcileContext, names: Collection[str]
) -> tuple[EnvironmentLock, DesiredState | Refused | Unavailable]:
    """The lock, and the desired state with the given Applications moved; all of them without names."""
    branches.refresh()
    lock = branches.lock()
    if lock is None:
        raise NotFoundError("nothing is resolved yet", "see `reconciler status`")
    locked_names = [package.application for package in lock.packages]
    for name in names:
        if name not in locked_names:
            raise NotFoundError(f"{identity.name} has no Application {name}", did_you_mean(name, locked_names))
    policies, status = context.policies(), branches.status()
    policies.require(status.in_force("TrustPolicy") if status is not None else ())
    render_context = context.render_context(policies)
    return lock, compute_desired_state(
        branches.input_snapshot(),
        identity,
        lock,
        context.catalog,
        render_context,
        sole_claim(identity).acquire,
        upgrade=set(names or locked_names),
    )


def _outdated(package: Package, in_range: str, catalog: Catalog) -> Outdated:
    """Compare a package with the newest version in its catalog."""
    prefix = catalog_of(package)
    versions = catalog.find(package.blueprint).get(prefix, ())
    candidates = [version for version in versions if satisfies(version, "*")] if satisfies(package.version, "*") else versions
    newest = newest_first((*candidates, package.version))[0]
    result = catalog.get(prefix, package.blueprint, newest, None) if newest != package.version else None
    return Outdated(package, in_range, newest, result.reason if isinstance(result, ExcludedVersion) else "")
