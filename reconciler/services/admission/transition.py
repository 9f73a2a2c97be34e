"""Tells whether a commit on `resolved` changes what was admitted last: only that is a transition, and needs an admission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from reconciler.domain.admission.soak import new_packages
from reconciler.domain.locking.input_digests import input_digest
from reconciler.model.errors import ConcurrentUpdateError, ReconcilerError
from reconciler.model.layout import MAIN, RESOLVED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.domain.admission.approvals import ReviewedPullRequest
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.services.repository.branches import EnvironmentBranches

log = structlog.get_logger()


@dataclass(frozen=True)
class Transition:
    """What it would be to commit a tree to `resolved`.

    Attributes:
        needs_admission: whether it changes what was admitted last.
        restored: the commit of `main` and the digest of its documents that were admitted last, when the commit only puts back
            their tree; None otherwise.
    """

    needs_admission: bool
    restored: tuple[str, str] | None = None


@dataclass(frozen=True)
class _LastAdmitted:
    """What was admitted last: its commit of `main`, the digest of its documents, its tree, and its lock."""

    input: str | None
    digest: str | None
    tree: str | None
    lock: EnvironmentLock | None

    def covers(self, branches: EnvironmentBranches, lock: EnvironmentLock) -> bool:
        """Whether the documents are admitted already: rendering or verifying them again needs no new admission.

        They are not when a Blueprint was published again under the locked version, so that its digest differs.
        """
        if new_packages(self.lock, lock):
            return False
        return self.input == branches.head(MAIN) or self.digest == input_digest(branches.input_snapshot())


def transition_to(branches: EnvironmentBranches, lock: EnvironmentLock | None, tree: str | None) -> Transition:
    """What it would be to commit a tree, compared with what was admitted last.

    That is the head of `resolved`, which is never somebody else's here. Where it cannot be read, an admission is needed.

    Args:
        branches: the Environment's branches, as last fetched.
        lock: the lock to commit; None when there is none.
        tree: its tree.

    Raises:
        ConcurrentUpdateError: somebody pushed meanwhile: the whole pass is repeated.
    """
    if lock is None or tree == branches.tree(RESOLVED):
        return Transition(needs_admission=False)
    try:
        last = _last_admitted(branches)
    except ConcurrentUpdateError:
        raise
    except ReconcilerError as error:
        log.warning("what was admitted last cannot be read", why=str(error))
        return Transition(needs_admission=True)
    if tree == last.tree and last.input is not None and last.digest is not None:
        return Transition(needs_admission=False, restored=(last.input, last.digest))
    return Transition(needs_admission=not last.covers(branches, lock))


def _last_admitted(branches: EnvironmentBranches) -> _LastAdmitted:
    input_, digest = branches.input_of_resolved(), branches.digest_of_resolved()
    return _LastAdmitted(input_, digest, branches.tree(RESOLVED), branches.lock())


def unplanned_packages(
    packages: Iterable[Package], approved: Iterable[ReviewedPullRequest], branches: EnvironmentBranches
) -> tuple[Package, ...]:
    """The packages of a transition that are in no plan of the approved pull requests."""
    planned = set()
    for proposal in approved:
        plan = branches.plan(proposal.number)
        # The trees come from the reconciler's own statuses, since others may push plan branches.
        if plan is not None and plan.tree in proposal.trees:
            planned |= {(package.application, package.digest) for package in plan.lock.packages}
    return tuple(package for package in packages if (package.application, package.digest) not in planned)
