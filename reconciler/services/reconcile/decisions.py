"""Decides what the head of `main` resolves to, once, and again only when an input of the decision changes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from reconciler.domain.blocker import Refused, Unavailable, is_final, keep_first_wording, unavailable
from reconciler.domain.desired_state import DesiredState, compute_desired_state
from reconciler.domain.locking.input_digests import input_digest
from reconciler.domain.locking.lost_lock import lock_of_status
from reconciler.domain.resolution.preferences import version_preferences
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.git_objects import tree_id
from reconciler.formats.yaml import documents
from reconciler.model.environment import Environment
from reconciler.model.errors import ReconcilerError, RejectedError
from reconciler.model.layout import ENVIRONMENT_FILE, RESOLVED
from reconciler.model.status import policies_in_force
from reconciler.services.containment import contained
from reconciler.services.planning.bounded_catalog import BoundedCatalog
from reconciler.services.planning.pinned_catalog import PinnedCatalog
from reconciler.services.planning.planner import exact_plan, reviewed_packages
from reconciler.services.verification.lock_reverifier import LockReverifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.domain.catalog import Catalog
    from reconciler.domain.trust.lock_trust import LockTrust
    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.git import Snapshot
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.problem import Problem
    from reconciler.model.status import EnvironmentStatus, PolicyInForce
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.planning.namespace_claims import NamespaceClaim
    from reconciler.services.repository.branches import EnvironmentBranches


@dataclass(frozen=True)
class Decision:
    """What the head of `main` resolves to, as decided at one moment.

    Attributes:
        key: `main`'s head (empty without one) and the policies' digest.
        trust: the trust of the locked artifacts at that moment.
        at: when it was decided, by the monotonic clock in seconds.
        input_: the digest of the documents.
        base: the head of `resolved` that it was decided on.
        blocker: why there is no lock, or why the server rejected its commit.
        lock: the resolved lock; None with a blocker.
        tree: the tree id that `resolved` should have; None without a lock.
        files: that tree's files until they are applied; None afterwards, and without a lock.
        warnings: problems that do not refuse it.
    """

    key: tuple[str, str]
    trust: LockTrust
    at: float
    input_: str = ""
    base: str | None = None
    blocker: Refused | Unavailable | None = None
    lock: EnvironmentLock | None = None
    tree: str | None = None
    files: Mapping[str, bytes] | None = None
    warnings: tuple[Problem, ...] = ()


class DecisionCache:
    """The decisions on one Environment. Caches the last one.

    Args:
        identity: the name that the Environment must have.
        branches: its branches as last fetched.
        context: the dependencies that all passes share.
        claim: its claim on Namespaces.
        open_pull_requests: returns the numbers of the open pull requests.

    Attributes:
        last: the newest lock that this process has read or made; None when there was none.
    """

    def __init__(
        self,
        identity: EnvironmentIdentity,
        branches: EnvironmentBranches,
        context: ReconcileContext,
        claim: NamespaceClaim,
        open_pull_requests: Callable[[], AbstractSet[int]],
    ) -> None:
        self._identity, self._branches, self._context, self._claim = identity, branches, context, claim
        self._open_pull_requests = open_pull_requests
        self._reverifier = LockReverifier(context.catalog)
        self._last_decision: Decision | None = None
        self._undecided: dict[str, Unavailable] = {}
        self._applied_heads: tuple[str, str | None] | None = None
        self.last: EnvironmentLock | None = None
        self._policies: tuple[PolicyInForce, ...] | None = None

    @property
    def trust(self) -> LockTrust:
        """The trust of the locked artifacts, as last verified."""
        return self._reverifier.trust

    def decide(self, main: str, *, fetch: bool) -> Decision:
        """Verify again what is locked, and decide what a commit resolves to.

        Returns the cached decision unless one of its inputs changed or a retry is due. A commit whose documents cannot be read is
        blocked by the reason, and replaces no decision.
        """
        # Where the lock on `resolved` cannot be read, the versions of the last lock in memory are kept.
        locked = self._branches.lock() or self.last
        try:
            policies = self._current_policies()
        except ReconcilerError as error:
            self._reverifier.mark_unverifiable(error)
            return self.undecided(main, self._branches.main_fault or error)
        if locked is not None and (fetch or self._reverifier.policies_changed(policies.digest)):
            self._reverify(locked, policies.digest)
        if (unread := self._branches.main_fault) is not None:
            return self.undecided(main, unread)
        key, trust = (main, policies.digest), self._reverifier.trust
        decision = self._last_decision
        if (
            decision is None
            or decision.key != key
            or trust.needs_new_decision(decision.trust)
            or self._is_due(decision, fetch=fetch)
        ):
            self.last = locked
            snapshot = self._branches.input_snapshot()
            result = compute_desired_state(
                snapshot,
                self._identity,
                locked or self._lost(snapshot),
                BoundedCatalog(self._catalog(locked)),
                self._context.render_context(policies),
                self._claim.acquire,
                preferences=self._preferences(snapshot, locked),
            )
            decision = self._last_decision = self._new_decision(key, trust, result, input_digest(snapshot))
        elif trust.fault is None:
            decision = self._last_decision = replace(decision, trust=trust)
        self._undecided = {}
        return decision

    @property
    def policies(self) -> tuple[PolicyInForce, ...]:
        """The trust policies in force: as last read, and until then as the last status names them."""
        return policies_in_force("TrustPolicy", self._last_in_force()) if self._policies is None else self._policies

    def _catalog(self, locked: EnvironmentLock | None) -> Catalog:
        """The catalog to decide by: where a lock is lost that the status tells of, nothing it names moves."""
        status = self._last_told()
        if locked is None and status is not None:
            return PinnedCatalog(self._context.catalog, status)
        return self._context.catalog

    def _last_told(self) -> EnvironmentStatus | None:
        """The status, if it tells of anything installed: also one of last resort, which names no lock where that is lost."""
        status = self._branches.status()
        return status if status is not None and (status.applications or status.removing) else None

    def _lost(self, snapshot: Snapshot) -> EnvironmentLock | None:
        """What a lost lock had installed, as the status tells it; None where it tells of none."""
        status, file = self._last_told(), snapshot.files.get(ENVIRONMENT_FILE)
        if status is None or file is None:
            return None
        environment, _ = parse_document(documents.load_cached(file, ENVIRONMENT_FILE), Environment)
        return lock_of_status(status, environment.spec.flux_namespace) if environment is not None else None

    def _current_policies(self) -> TrustPolicies:
        """The trust policies; none of those that the last status names may be missing. Raises a ReconcilerError otherwise."""
        self._policies = None
        policies = self._context.policies()
        policies.require(self._last_in_force())
        self._policies = policies_in_force("TrustPolicy", policies.in_force())
        return policies

    def _last_in_force(self) -> Mapping[str, str]:
        status = self._branches.status()
        return status.in_force("TrustPolicy") if status is not None else {}

    def undecided(self, main: str, fault: ReconcilerError) -> Decision:
        """The decision on a commit that an error keeps from being decided. It is not cached, but keeps the first wording."""
        blocker = keep_first_wording(self._undecided.get(main), unavailable("Valid", fault))
        self._undecided = {main: blocker}
        return Decision((main, ""), self._reverifier.trust, time.monotonic(), blocker=blocker)

    def _reverify(self, locked: EnvironmentLock, policy_digest: str) -> None:
        """Verify the lock again; what fails by a defect is not verified, and is told as such."""
        try:
            with contained("verifying the locked packages again", environment=self._identity.name):
                self._reverifier.reverify(locked, policy_digest)
        except ReconcilerError as error:
            self._reverifier.mark_unverifiable(error)

    def _preferences(self, snapshot: Snapshot, locked: EnvironmentLock | None) -> Mapping[str, Package] | None:
        """The packages to keep: those that were reviewed in plans, and those of a decision that is held already."""
        decision = self._last_decision
        held = decision.lock if decision is not None and self._is_pending(decision, input_digest(snapshot)) else None
        reviewed = (*exact_plan(self._branches, snapshot), *reviewed_packages(self._branches, snapshot, self._open_pull_requests))
        return version_preferences(locked, reviewed, held)

    def _new_decision(
        self, key: tuple[str, str], trust: LockTrust, result: DesiredState | Refused | Unavailable, input_: str
    ) -> Decision:
        """Make the decision of a result. An unavailability keeps the wording of its first failure."""
        decision = Decision(key, trust, time.monotonic(), input_, self._branches.head(RESOLVED))
        match result:
            case DesiredState():
                self.last = result.lock
                tree = tree_id(result.files)
                return replace(decision, lock=result.lock, tree=tree, files=result.files, warnings=result.warnings)
            case Refused():
                return replace(decision, blocker=result)
            case Unavailable():
                last = self._last_decision
                previous = last.blocker if last is not None and last.key == key else None
                first = previous if isinstance(previous, Unavailable) else None
                return replace(decision, blocker=keep_first_wording(first, result))
            case _:
                assert_never(result)

    def _is_due(self, decision: Decision, *, fetch: bool) -> bool:
        """Whether to decide again: `resolved` has another tree than decided, or the blocker may have gone by itself.

        Unavailability is retried by fetches alone: they back off while it lasts, changes on a cluster do not. A commit that is
        held for days is decided again at every retry interval: it must be trusted when it is committed, not when it was pushed.
        """
        blocker, is_old = decision.blocker, time.monotonic() - decision.at > self._context.retry
        match blocker:
            case None:
                base_moved = decision.base != self._branches.head(RESOLVED)
                return is_old or base_moved if decision.files is not None else self._branches.tree(RESOLVED) != decision.tree
            case Unavailable():
                return fetch
            case Refused():
                return not is_final(blocker) and is_old
            case _:
                assert_never(blocker)

    def _is_pending(self, decision: Decision, input_: str) -> bool:
        """Whether a decision is of these documents, based on the current head of `resolved`, and not committed yet."""
        return decision.input_ == input_ and decision.files is not None and decision.base == self._branches.head(RESOLVED)

    def applied(self, decision: Decision) -> None:
        """Record that `resolved` now holds the tree of a decision, and drop its files."""
        self._applied_heads = (decision.key[0], self._branches.head(RESOLVED))
        self._drop_files(decision, None)

    def moved(self, before: str | None) -> None:
        """Record that `resolved` has a new head, with the same packages, since a removal ended."""
        if self._applied_heads is not None and self._applied_heads[1] == before:
            self._applied_heads = (self._applied_heads[0], self._branches.head(RESOLVED))

    def rejected(self, decision: Decision, error: RejectedError) -> Unavailable:
        """Record that the server rejected a decision's commit. The next fetch decides again."""
        blocker = unavailable("Committed", error)
        self._drop_files(decision, blocker)
        return blocker

    def interrupted(self, decision: Decision) -> None:
        """Record that the push failed, perhaps after the server took it. The next pass compares the trees and decides again."""
        self._drop_files(decision, None)

    def _drop_files(self, decision: Decision, blocker: Unavailable | None) -> None:
        if self._last_decision is decision:
            self._last_decision = replace(decision, files=None, blocker=blocker)

    def is_resolved(self, main: str) -> bool:
        """Whether `resolved` holds what this commit of `main` resolves to, also if an earlier commit resolved to the same."""
        head, status = self._branches.head(RESOLVED), self._branches.status()
        if self._applied_heads == (main, head) or self._branches.input_of_resolved() == main:
            return True
        is_reported = status is not None and (status.input, status.refused, status.resolved) == (main, None, head)
        return status is not None and is_reported and status.condition("Committed").status == "True"
