"""Moving locked versions within their ranges, when somebody asks for that; and what could be moved."""

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
    """What an update comes to.

    Attributes:
        lines: what changes, a line for each Application.
        warnings: what is to be known of it.
        blocker: why there is none.
        commit: the new head of `resolved`; None when nothing changes, or nothing was to be pushed.
    """

    lines: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    blocker: Blocker | None = None
    commit: str | None = None


@dataclass(frozen=True)
class Outdated:
    """A locked package that is not in the newest version there is.

    Attributes:
        package: as it is locked.
        in_range: the version that an update would move it to.
        newest: the newest version in its catalog; pre-releases count only for those who run one.
        blocked_by: why the newest may not be used, if so.
    """

    package: Package
    in_range: str
    newest: str
    blocked_by: str = ""


def update(
    identity: EnvironmentIdentity,
    branches: EnvironmentBranches,
    world: ReconcileContext,
    names: Collection[str],
    gate: AdmissionGate,
    *,
    push: bool,
) -> Update:
    """Move Applications to the newest versions in their ranges, and leave all others where they are.

    Args:
        identity: the Environment's.
        branches: of the Environment; looked at here.
        world: what passes know.
        names: which Applications; empty for all.
        gate: the rules for the Environment.
        push: commit it to `resolved`; else only say what would change.

    Raises:
        NotFoundError: nothing is resolved yet, or there is no such Application.
        ReconcilerError: the repository could not be read or written.
    """
    lock, result = _moved(identity, branches, world, names)
    if not isinstance(result, DesiredState):
        return Update(blocker=result)
    lines = change_lines(lock, result.lock)
    main = branches.head(MAIN)
    if not push or not lines or main is None:
        return Update(lines, result.warnings)
    admission = gate.evaluate_update(branches, result.lock)
    if admission.status != "True":
        return Update(lines, result.warnings, Held(admission.reason, admission.message))
    words = resolved_commit_message(
        identity.name, main, lock, result.lock, result.digest, input_digest(branches.input_snapshot())
    )
    branches.push_resolved(result.files, words, result.lock)
    return Update(lines, result.warnings, commit=branches.head(RESOLVED))


def outdated(
    identity: EnvironmentIdentity, branches: EnvironmentBranches, world: ReconcileContext
) -> tuple[tuple[Outdated, ...], Refused | Unavailable | None]:
    """What is not in its newest version, and why all of it cannot be updated together, if so. Raises as `update` does."""
    lock, result = _moved(identity, branches, world, ())
    moved = {p.application: p.version for p in result.lock.packages} if isinstance(result, DesiredState) else {}
    found = [_outdated(p, moved.get(p.application, p.version), world.catalog) for p in lock.packages]
    rows = tuple(one for one in found if one.package.version != one.newest or one.in_range != one.package.version)
    return rows, None if isinstance(result, DesiredState) else result


def _moved(
    identity: EnvironmentIdentity, branches: EnvironmentBranches, world: ReconcileContext, names: Collection[str]
) -> tuple[EnvironmentLock, DesiredState | Refused | Unavailable]:
    branches.refresh()
    lock = branches.lock()
    if lock is None:
        raise NotFoundError("nothing is resolved yet", "see `reconciler status`")
    known = [p.application for p in lock.packages]
    for name in names:
        if name not in known:
            raise NotFoundError(f"{identity.name} has no Application {name}", did_you_mean(name, known))
    around = world.render_context(world.policies())
    return lock, compute_desired_state(
        branches.input_snapshot(), identity, lock, world.catalog, around, sole_claim(identity).acquire, free=set(names or known)
    )


def _outdated(package: Package, in_range: str, catalog: Catalog) -> Outdated:
    home = package.artifact.removeprefix("oci://").rpartition("/")[0]
    listed = catalog.find(package.blueprint).get(home, ())
    counted = [v for v in listed if satisfies(v, "*")] if satisfies(package.version, "*") else listed
    newest = newest_first((*counted, package.version))[0]
    found = catalog.get(home, package.blueprint, newest, None) if newest != package.version else None
    return Outdated(package, in_range, newest, found.reason if isinstance(found, ExcludedVersion) else "")
