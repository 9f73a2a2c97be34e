"""Publishes the status of one Environment: a commit on `status` when its meaning changes, a confirmation while it is current.

A status reports only what was observed. Until every cluster has responded, the last status is kept.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

import structlog

from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.domain.review.commit_statuses import main_statuses
from reconciler.domain.status.confirmation import is_overdue
from reconciler.domain.status.environment_status import build_status, status_subject
from reconciler.domain.status.status_page import status_page
from reconciler.domain.status.throttle import StatusThrottle
from reconciler.domain.status.undetermined import undetermined_status
from reconciler.formats.git_objects import tree_id
from reconciler.formats.yaml import documents
from reconciler.model.errors import ConcurrentUpdateError, InternalError, ReconcilerError, RejectedError
from reconciler.model.layout import MAIN, PAGE_FILE, RESOLVED, STATUS, STATUS_FILE
from reconciler.model.trailers import INPUT_COMMIT, RESOLVED_COMMIT, UNWATCHED_SINCE, trailer_lines
from reconciler.services.containment import contained
from reconciler.services.observation.removals import observe_removals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.blocker import Blocker
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.status import EnvironmentStatus
    from reconciler.services.admission.gate import AdmissionVerdict
    from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
    from reconciler.services.observation.readiness_observer import ReadinessObserver
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.reconcile.decisions import DecisionCache
    from reconciler.services.repository.branches import EnvironmentBranches

log = structlog.get_logger()


@dataclass(frozen=True)
class PublishResult:
    """What the publication of a status did.

    Attributes:
        status: the status; None when a cluster has not responded yet, or it was too early to observe.
        pushed: the branches that were pushed.
        observe_after: seconds after which to observe again, because the status was held back; None when it was not.
    """

    status: EnvironmentStatus | None = None
    pushed: tuple[str, ...] = ()
    observe_after: float | None = None


class StatusPublisher:
    """The publisher of one Environment's `status` branch and commit statuses.

    Args:
        name: the Environment's name.
        branches: its branches as last fetched.
        context: the dependencies that all passes share.
        decisions: the decisions on its commits.
        readiness: observes its releases.
        commit_statuses: posts commit statuses; None for a repository that is not on the forge.
    """

    def __init__(
        self,
        name: str,
        branches: EnvironmentBranches,
        context: ReconcileContext,
        decisions: DecisionCache,
        readiness: ReadinessObserver,
        commit_statuses: CommitStatusPublisher | None,
    ) -> None:
        self._name, self._branches, self._context, self._decisions = name, branches, context, decisions
        self._readiness, self._commit_statuses = readiness, commit_statuses
        self._throttle = StatusThrottle(context.coalesce, context.patience)
        self._last_confirmed = 0.0
        self._undetermined_by: ReconcilerError | None = None

    def publish(
        self, blocker: Blocker | None, admitted: AdmissionVerdict, *, fetched: bool, news: bool, wait: float
    ) -> PublishResult:
        """Observe what runs, and publish the resulting status.

        Args:
            blocker: what keeps the head of `main` from being resolved.
            admitted: the verdict of the EnvironmentPolicies.
            fetched: whether the branches were fetched in this pass.
            news: whether more than a change on a cluster led to this pass: the status is then published at once.
            wait: seconds to wait for the first response of a cluster.
        """
        if not news and not wait and (early := self._throttle.wait_before_observing(time.monotonic())) is not None:
            return PublishResult(observe_after=early)
        status = self._status(self._input(), blocker, admitted, wait)
        if status is None:
            return PublishResult()
        self._undetermined_by = None
        held_back = None if wait else self._throttle.hold_back(status, self._branches.status(), time.monotonic(), news=news)
        if held_back is not None:
            return PublishResult(status, observe_after=held_back)
        return PublishResult(status, self._publish(status, fetched=fetched))

    def publish_undetermined(self, fault: ReconcilerError) -> None:
        """Publish the status of last resort: nothing is known, because passes fail with this error.

        While they fail, the status keeps the wording of the first failure. Observes nothing and reads no document.
        """
        before = self._undetermined_by
        self._undetermined_by = fault if before is None or before.reason != fault.reason else before
        status = undetermined_status(
            self._name, self._input(), self._branches.head(RESOLVED), self._branches.status(), self._undetermined_by
        )
        self._publish(status, fetched=False)

    def _input(self) -> str:
        """The commit that a status is about: the head of `main`, or the last one while there is no `main`."""
        head, status = self._branches.head(MAIN), self._branches.status()
        return head or (status.input if status is not None else "")

    def _publish(self, status: EnvironmentStatus, *, fetched: bool) -> tuple[str, ...]:
        """Push a status, and post it on its commit, also where the push fails; return the branches that were pushed."""
        try:
            pushed = () if self._branches.is_empty else self._push(status, fetched=fetched)
        except ConcurrentUpdateError:  # decided on what has moved since
            raise
        except ReconcilerError:
            self._post(status)
            raise
        self._post(status)
        return pushed

    def _post(self, status: EnvironmentStatus) -> None:
        """Post a status as commit statuses. A failure is only logged: the next pass posts them."""
        if self._commit_statuses is None or not status.input:
            return
        with suppress(InternalError), contained("posting commit statuses", environment=self._name):
            self._commit_statuses.publish(status.input, main_statuses(status))

    def _status(self, main: str, blocker: Blocker | None, admitted: AdmissionVerdict, wait: float) -> EnvironmentStatus | None:
        """Build the status of this moment; None while a cluster has not responded and no wait was requested."""
        lock = self._branches.lock()
        blocker = self._to_report(main, blocker, lock)
        self._readiness.start(lock, wait=wait)
        committed, last_status = self._branches.time(RESOLVED), self._branches.status()
        verdicts = self._readiness.verdicts(lock, self._branches.rendered_releases(), committed, last_status) if lock else {}
        if not wait and any(v.reason == "NotObserved" for v in verdicts.values()):
            return None
        trust = self._decisions.trust.of({p.artifact for p in lock.packages} if lock else ())
        policies = (*admitted.policies, *self._decisions.policies)
        resolved = self._branches.head(RESOLVED)
        context = self._context
        age = time.time() - committed
        removals = observe_removals(lock, context.clusters, context.limits, status=last_status, age=age) if lock else {}
        return build_status(self._name, main, resolved, lock, verdicts, blocker, trust, admitted.condition, policies, removals)

    def _to_report(self, main: str, blocker: Blocker | None, lock: EnvironmentLock | None) -> Blocker | None:
        """The blocker as the status reports it, given that `resolved` may hold this very commit already."""
        if blocker is None or not self._decisions.is_resolved(main):
            return blocker
        match blocker:
            case Refused():  # no new commit is refused: the resolved packages are no longer trusted
                return Refused("Trusted", blocker.problems) if blocker.stage == "Resolved" else blocker
            case Unavailable():
                is_internal = blocker.reason == InternalError.reason
                if lock is None or blocker.stage == "Committed" or is_internal or self._branches.main_fault is not None:
                    return blocker
                log.warning("resolved commit could not be verified again", environment=self._name, why=blocker.message)
                return None  # a temporary failure does not change what is resolved
            case Held():
                return blocker
            case _:
                assert_never(blocker)

    def _push(self, status: EnvironmentStatus, *, fetched: bool) -> tuple[str, ...]:
        """Push the status, or confirm it where the branch has the same tree; return the branches that were pushed."""
        data = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        repository = self._commit_statuses.repository if self._commit_statuses is not None else None
        files = {STATUS_FILE: documents.dump(data), PAGE_FILE: status_page(status, repository).encode()}
        unwatched_since = self._unwatched_since()
        if self._branches.tree(STATUS) == tree_id(files) and not unwatched_since:
            if fetched and time.time() - self._branches.last_confirmed() > self._context.confirm:
                self._confirm(files)
            self._last_confirmed = time.time()
            return ()
        trailers = [(INPUT_COMMIT, status.input)] if status.input else []
        if status.resolved:
            trailers.append((RESOLVED_COMMIT, status.resolved))
        if unwatched_since:
            trailers.append((UNWATCHED_SINCE, datetime.fromtimestamp(unwatched_since, UTC).isoformat()))
        self._throttle.pushed(time.monotonic())
        self._branches.push_status(files, f"{status_subject(status)}\n\n{trailer_lines(*trailers)}", status)
        self._last_confirmed = time.time()
        return (STATUS,)

    def _unwatched_since(self) -> int:
        """The end of the last observed period in seconds since the epoch, if that is long ago; otherwise 0.

        Soak time counts only observed time.
        """
        confirmed = max(self._branches.last_confirmed(), self._last_confirmed)
        return int(confirmed) if confirmed and is_overdue(confirmed, time.time(), self._context.confirm) else 0

    def _confirm(self, files: Mapping[str, bytes]) -> None:
        """Push a confirmation of the status. A rejection is only logged: the status remains valid without it."""
        try:
            self._branches.confirm(files)
        except RejectedError as error:  # a server may reserve such refs; the status stays published
            log.debug("status not confirmed", environment=self._name, why=error.message)
