"""Reconciles one Environment: observe, decide, admit, apply, publish.

Publishing depends on no step before it: whatever keeps `main` from being read, decided, admitted or applied becomes the blocker
of the pass, and what runs is observed and told from the last lock.

A pass can be killed at any point. All state is in git and on the clusters, the state kept between passes only saves time, and a
commit is made only when its tree differs from the branch's.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from reconciler.domain.blocker import Held, keep_first_wording, unavailable
from reconciler.domain.locking.change_summary import resolved_commit_message
from reconciler.model.errors import ConcurrentUpdateError, ForeignLockError, ReconcilerError, RejectedError
from reconciler.model.layout import LOCK_FILE, MAIN, RESOLVED, STATUS
from reconciler.model.status import Condition, policies_in_force
from reconciler.services.admission.gate import AdmissionVerdict
from reconciler.services.containment import contained
from reconciler.services.observation.readiness_observer import ReadinessObserver, clusters_of
from reconciler.services.reconcile.decisions import DecisionCache
from reconciler.services.reconcile.outcome import ReconcileOutcome
from reconciler.services.reconcile.removal_completion import complete_removals
from reconciler.services.reconcile.status_publisher import StatusPublisher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet

    from reconciler.domain.blocker import Blocker, Unavailable
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.lock import EnvironmentLock
    from reconciler.services.admission.gate import AdmissionGate
    from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.planning.namespace_claims import NamespaceClaim
    from reconciler.services.reconcile.decisions import Decision
    from reconciler.services.repository.branches import EnvironmentBranches

log = structlog.get_logger()


class EnvironmentReconciler:
    """The reconciler of one Environment. Runs one pass at a time.

    Args:
        identity: the name that the Environment must have.
        branches: its branches as last fetched.
        context: the dependencies that all passes share.
        claim: its claim on Namespaces.
        gate: evaluates the rules of the EnvironmentPolicies for it.
        commit_statuses: posts commit statuses; None for a repository that is not on the forge.
        open_pull_requests: returns the numbers of the open pull requests.
    """

    def __init__(
        self,
        identity: EnvironmentIdentity,
        branches: EnvironmentBranches,
        context: ReconcileContext,
        claim: NamespaceClaim,
        gate: AdmissionGate,
        commit_statuses: CommitStatusPublisher | None,
        open_pull_requests: Callable[[], AbstractSet[int]],
    ) -> None:
        self.identity = identity
        self._branches, self._context, self._claim, self._gate = branches, context, claim, gate
        self._decisions = DecisionCache(identity, branches, context, claim, open_pull_requests)
        self._readiness = ReadinessObserver(context.clusters, context.limits)
        self._not_admitted: Unavailable | None = None
        self._status = StatusPublisher(identity.name, branches, context, self._decisions, self._readiness, commit_statuses)

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters of the Environment's placements, as of the last fetch."""
        return clusters_of(self._branches.lock())

    def reconcile(self, *, fetch: bool, wait: float) -> ReconcileOutcome:
        """Make one pass over `main`.

        Args:
            fetch: fetch the branches; otherwise only what runs is observed.
            wait: seconds to wait for the first response of a cluster. With 0, an Environment whose clusters have not responded
                yet keeps its last status.

        Raises:
            ReconcilerError: the repository could not be read or written. No work is lost: the next pass does all of it again.
        """
        try:
            fetch = fetch or not self._branches.is_fresh
            reclaimed: tuple[str, ...] = ()
            if fetch:
                self._branches.refresh()
                reclaimed = self._reclaim()
            outcome = self._reconcile(fetch=fetch, wait=wait)
            return replace(outcome, pushed=tuple(dict.fromkeys((*reclaimed, *outcome.pushed))))
        except ReconcilerError:
            self._branches.forget()
            raise

    def _reconcile(self, *, fetch: bool, wait: float) -> ReconcileOutcome:
        main = self._observe(fetch=fetch)
        if main is None and self._branches.is_empty:  # a status, pushed first, would become the forge's default branch
            log.warning("the repository is empty", environment=self.identity.name)
        completed = self._complete_removals(wait=wait)
        decision = self._decide(main or "", fetch=fetch)
        admission = self._admit(decision, fetch=fetch)
        blocker: Blocker | None = decision.blocker or admission.held
        applied: tuple[str, ...] = ()
        if blocker is None and main is not None:
            applied, blocker = self._apply(main, decision, admission)
        applied += self._adopt(RESOLVED)
        report = self._status.publish(blocker, admission, fetched=fetch, news=fetch or bool(applied or completed), wait=wait)
        adopted = self._adopt(STATUS)
        return ReconcileOutcome(
            name=self.identity.name,
            main=main,
            resolved=self._branches.head(RESOLVED),
            pushed=tuple(dict.fromkeys((*completed, *applied, *report.pushed, *adopted))),
            status=report.status,
            blocker=blocker,
            warnings=decision.warnings,
            observe_after=report.observe_after,
            fetch_after=self._gate.seconds_until(admission.held.retry_at if admission.held else None),
            lock=decision.lock,
            admission=admission.admission,
            is_main_read=self._branches.main_fault is None,
        )

    def _observe(self, *, fetch: bool) -> str | None:
        """Record the claimed Namespaces of fetched branches; return the head of `main`, or None when there is no `main`."""
        if fetch:
            self._claim.record(self._branches.lock() or self._decisions.last)
        return self._branches.head(MAIN)

    def _complete_removals(self, *, wait: float) -> tuple[str, ...]:
        """Push the second commit of removals that are finished; return the branch if it was pushed.

        Nothing else waits for it: a failure is only logged, and the next pass tries again.
        """
        before, removing_from = self._branches.head(RESOLVED), self.clusters
        try:
            with contained("completing removals", environment=self.identity.name):
                self._readiness.start(self._branches.lock(), wait=wait)
                lock = complete_removals(self.identity.name, self._branches, self._context)
        except ConcurrentUpdateError:
            raise
        except ReconcilerError as error:
            log.warning("removal not completed", environment=self.identity.name, why=str(error))
            return ()
        if lock is None:
            return ()
        self._decisions.moved(before)
        self._claim.record(lock)
        self._request_reconcile(lock, removing_from)
        return (RESOLVED,)

    def _reclaim(self) -> tuple[str, ...]:
        """Put back `resolved` and `status` where somebody else moved or deleted them; return which were put back.

        What Flux applied of a foreign `resolved` meanwhile is not known: the status says so once, before it is observed again.
        """
        foreign = self._branches.foreign_lock
        try:
            reclaimed = self._branches.put_back()
        except ConcurrentUpdateError:
            raise
        except ReconcilerError as error:
            if foreign is None:
                raise
            told = ForeignLockError(foreign.message, f"it cannot be put back: {error}")
            self._status.publish_undetermined(told)
            raise told from error
        if foreign is not None:
            log.warning("foreign head of resolved", environment=self.identity.name, why=str(foreign))
            self._status.publish_undetermined(foreign)
        if RESOLVED in reclaimed and (lock := self._branches.lock()) is not None:
            self._request_reconcile(lock, self.clusters)
        return reclaimed

    def _adopt(self, branch: str) -> tuple[str, ...]:
        """Sign a head that is own and not signed; where that fails the next pass does it."""
        try:
            return self._branches.adopt(branch)
        except ConcurrentUpdateError:
            raise
        except ReconcilerError as fault:
            log.warning("head not signed", environment=self.identity.name, branch=branch, why=str(fault))
            return ()

    def publish_undetermined(self, fault: ReconcilerError) -> None:
        """Publish that nothing is known, because passes fail with this error. Raises a ReconcilerError when that fails too."""
        try:
            with contained("fetching the branches", environment=self.identity.name):
                self._branches.refresh()
        except ReconcilerError as error:
            log.warning("told from the last known branches", environment=self.identity.name, why=str(error))
        self._branches.forget()
        with contained("publishing the status of last resort", environment=self.identity.name):
            self._status.publish_undetermined(fault)

    def _decide(self, main: str, *, fetch: bool) -> Decision:
        """Decide on the head of `main`; a defect is a blocker of its commit."""
        try:
            with contained("deciding", environment=self.identity.name, main=main):
                return self._decisions.decide(main, fetch=fetch)
        except ConcurrentUpdateError:
            raise
        except ReconcilerError as error:
            return self._decisions.undecided(main, error)

    def _admit(self, decision: Decision, *, fetch: bool) -> AdmissionVerdict:
        """Evaluate the rules for a decision; what fails in it holds the commit."""
        try:
            with contained("evaluating the policies", environment=self.identity.name):
                verdict = self._gate.evaluate(self._branches, decision.lock, decision.tree, fetch=fetch)
        except ConcurrentUpdateError:
            raise
        except ReconcilerError as error:
            failed = self._not_admitted = keep_first_wording(self._not_admitted, unavailable("Valid", error))
            condition = Condition(type="Admitted", status="Unknown", reason=failed.reason, message=failed.message)
            status = self._branches.status()
            in_force = policies_in_force("EnvironmentPolicy", status.in_force("EnvironmentPolicy") if status is not None else {})
            return AdmissionVerdict(condition, Held(failed.reason, failed.message), policies=in_force)
        self._not_admitted = None
        return verdict

    def _apply(self, main: str, decision: Decision, admission: AdmissionVerdict) -> tuple[tuple[str, ...], Unavailable | None]:
        """Push the decided tree to `resolved` and request a reconciliation from Flux.

        Returns:
            The branches that were pushed, and the blocker when the push failed.
        """
        try:
            with contained("committing", environment=self.identity.name, main=main):
                applied = self._push_resolved(main, decision, admission)
        except RejectedError as error:
            return (), self._decisions.rejected(decision, error)
        except ConcurrentUpdateError:
            self._decisions.interrupted(decision)
            raise
        except ReconcilerError as error:
            self._decisions.interrupted(decision)
            self._branches.forget()  # the server may have taken it
            return (), unavailable("Committed", error)
        self._decisions.applied(decision)
        return applied, None

    def _push_resolved(self, main: str, decision: Decision, admission: AdmissionVerdict) -> tuple[str, ...]:
        files, lock = decision.files, decision.lock
        if files is None or lock is None or self._branches.tree(RESOLVED) == decision.tree:
            return ()
        digest = "sha256:" + hashlib.sha256(files[LOCK_FILE]).hexdigest()
        input_, input_digest = admission.restored or (main, decision.input_)
        used = admission.admission.admitted_by
        message = resolved_commit_message(self.identity.name, input_, self._branches.lock(), lock, digest, input_digest, used)
        self._branches.push_resolved(files, message, lock)
        self._claim.record(lock)
        self._request_reconcile(lock, self.clusters)
        return (RESOLVED,)

    def _request_reconcile(self, lock: EnvironmentLock, clusters: Iterable[str]) -> None:
        """Request from Flux to fetch `resolved` now; by itself it does at its next interval."""
        for cluster in sorted(clusters):
            try:
                self._context.clusters.request_reconcile(cluster, lock.flux_namespace)
            except ReconcilerError as error:
                log.debug("flux reconciliation not requested", environment=self.identity.name, cluster=cluster, why=error.message)
