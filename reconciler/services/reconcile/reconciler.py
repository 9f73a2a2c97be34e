"""One pass over one Environment: observe, decide, act.

A pass can be killed at any point: all it knows is in git and on the clusters, what it keeps between passes only saves time, and a
commit is made only when its tree differs from the branch's.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog

from reconciler.domain.locking.change_summary import resolved_commit_message as resolved_message
from reconciler.model.errors import ReconcilerError, RejectedError
from reconciler.model.layout import LOCK_FILE, MAIN, RESOLVED
from reconciler.services.observation.readiness_observer import ReadinessObserver, clusters_of
from reconciler.services.reconcile.decisions import DecisionCache
from reconciler.services.reconcile.outcome import ReconcileOutcome
from reconciler.services.reconcile.status_publisher import StatusPublisher

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from reconciler.domain.blocker import Blocker, Unavailable
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.services.admission.gate import AdmissionGate
    from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.planning.namespace_claims import NamespaceClaim
    from reconciler.services.reconcile.decisions import Decision
    from reconciler.services.repository.branches import EnvironmentBranches

log = structlog.get_logger()


class EnvironmentReconciler:
    """The reconciler of one Environment: observe, decide, admit, apply, publish; one pass at a time.

    Args:
        identity: who the Environment must say it is.
        branches: its branches as last fetched.
        world: what all passes share.
        claim: its hold on Namespaces.
        gate: the rules of EnvironmentPolicies for it.
        notices: posts commit statuses; None for a repository that is on no forge.
        proposed: reads the numbers of the open pull requests.
    """

    def __init__(
        self,
        identity: EnvironmentIdentity,
        branches: EnvironmentBranches,
        world: ReconcileContext,
        claim: NamespaceClaim,
        gate: AdmissionGate,
        notices: CommitStatusPublisher | None,
        proposed: Callable[[], AbstractSet[int]],
    ) -> None:
        self.identity = identity
        self._branches, self._world, self._claim, self._gate = branches, world, claim, gate
        self._decisions = DecisionCache(identity, branches, world, claim, proposed)
        readiness = ReadinessObserver(world.clusters, world.limits)
        self._status = StatusPublisher(identity.name, branches, world, self._decisions, readiness, notices)

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters that the Environment was placed on when last seen."""
        return clusters_of(self._branches.lock())

    def reconcile(self, *, fetch: bool, wait: float) -> ReconcileOutcome:
        """Make one pass over `main`.

        Args:
            fetch: fetch the branches; otherwise only what runs is observed again.
            wait: seconds to wait for the first answer of a cluster. With none, an Environment whose clusters have not answered
                yet keeps its last status.

        Raises:
            ReconcilerError: the repository could not be read or written; nothing is lost, and the next pass does it all.
        """
        try:
            return self._reconcile(fetch=fetch or not self._branches.is_fresh, wait=wait)
        except ReconcilerError:
            self._branches.forget()
            raise

    def _reconcile(self, *, fetch: bool, wait: float) -> ReconcileOutcome:
        main = self._observe(fetch=fetch)
        if main is None:
            return ReconcileOutcome(self.identity.name, None)
        decision = self._decisions.decide(main, fetch=fetch)
        admission = self._gate.evaluate(self._branches, decision.lock, decision.tree, fetch=fetch)
        blocker: Blocker | None = decision.blocker or admission.held
        applied: tuple[str, ...] = ()
        if blocker is None:
            applied, blocker = self._apply(main, decision)
        told = self._status.publish(main, blocker, admission.condition, fetched=fetch, news=fetch or bool(applied), wait=wait)
        return ReconcileOutcome(
            name=self.identity.name,
            main=main,
            resolved=self._branches.head(RESOLVED),
            pushed=(*applied, *told.pushed),
            status=told.status,
            blocker=blocker,
            warnings=decision.warnings,
            observe_after=told.observe_after,
            fetch_after=self._gate.seconds_until(admission.held.retry_at if admission.held else None),
            lock=decision.lock,
            admission=admission.admission,
        )

    def _observe(self, *, fetch: bool) -> str | None:
        """The head of `main`, with the branches fetched; None when there is no `main`."""
        if fetch:
            self._branches.refresh()
            self._claim.record(self._branches.lock() or self._decisions.last)
        return self._branches.head(MAIN)

    def _apply(self, main: str, decision: Decision) -> tuple[tuple[str, ...], Unavailable | None]:
        """Push what was decided to `resolved`, and ask Flux to look; the branches that were pushed, or why they were not."""
        try:
            applied = self._push_resolved(main, decision)
        except RejectedError as error:
            return (), self._decisions.rejected(decision, error)
        self._decisions.applied(decision)
        return applied, None

    def _push_resolved(self, main: str, decision: Decision) -> tuple[str, ...]:
        files, lock = decision.files, decision.lock
        if files is None or lock is None or self._branches.tree(RESOLVED) == decision.tree:
            return ()
        digest = "sha256:" + hashlib.sha256(files[LOCK_FILE]).hexdigest()
        message = resolved_message(self.identity.name, main, self._branches.lock(), lock, digest, decision.input_)
        self._branches.push_resolved(files, message, lock)
        self._claim.record(lock)
        for cluster in sorted(self.clusters):
            try:
                self._world.clusters.request_reconcile(cluster, lock.flux_namespace)
            except ReconcilerError as fault:  # it looks by itself after a while
                log.debug("flux was not asked to look", environment=self.identity.name, cluster=cluster, why=fault.message)
        return (RESOLVED,)
