"""Publishes the status of one Environment: a commit on `status` when its meaning changes, a confirmation while it stands.

A status is drawn from what was observed. Where a cluster has not answered yet, the last status stays: nothing is said of what was
not observed.
"""

from __future__ import annotations

import time
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
from reconciler.formats.git_objects import tree_id
from reconciler.formats.yaml import documents
from reconciler.model.errors import RejectedError
from reconciler.model.layout import PAGE_FILE, RESOLVED, STATUS, STATUS_FILE
from reconciler.model.trailers import UNOBSERVED_SINCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.blocker import Blocker
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.status import Condition, EnvironmentStatus
    from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
    from reconciler.services.observation.readiness_observer import ReadinessObserver
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.reconcile.decisions import DecisionCache
    from reconciler.services.repository.branches import EnvironmentBranches

log = structlog.get_logger()


@dataclass(frozen=True)
class StatusReport:
    """What came of a status.

    Attributes:
        status: the status; None when it was not the time to publish one.
        pushed: the branches that were pushed.
        observe_after: seconds after which to observe once more, since the status was held back; None when it was not.
    """

    status: EnvironmentStatus | None = None
    pushed: tuple[str, ...] = ()
    observe_after: float | None = None


class StatusPublisher:
    """The `status` branch and the commit statuses of one Environment.

    Args:
        name: the Environment's.
        branches: its branches as last fetched.
        world: what all passes share.
        decisions: what its commits come to.
        readiness: what runs of it.
        notices: posts commit statuses; None for a repository that is on no forge.
    """

    def __init__(
        self,
        name: str,
        branches: EnvironmentBranches,
        world: ReconcileContext,
        decisions: DecisionCache,
        readiness: ReadinessObserver,
        notices: CommitStatusPublisher | None,
    ) -> None:
        self._name, self._branches, self._world, self._decisions = name, branches, world, decisions
        self._readiness, self._notices = readiness, notices
        self._pace = StatusThrottle(world.coalesce, world.patience)
        self._last_confirmed = 0.0

    def publish(
        self, main: str, blocker: Blocker | None, admitted: Condition, *, fetched: bool, news: bool, wait: float
    ) -> StatusReport:
        """Observe what runs, and publish the status that follows.

        Args:
            main: the head of `main`.
            blocker: what keeps it from being what is resolved.
            admitted: the condition `Admitted`.
            fetched: whether the branches were fetched in this pass.
            news: whether more than a change on a cluster asks for it: it is published at once.
            wait: seconds to wait for the first answer of a cluster.
        """
        if not news and not wait and (early := self._pace.wait_before_observing(time.monotonic())) is not None:
            return StatusReport(observe_after=early)
        status = self._status(main, blocker, admitted, wait)
        if status is None:
            return StatusReport()
        held_back = None if wait else self._pace.hold_back(status, self._branches.status(), time.monotonic(), news=news)
        if held_back is not None:
            return StatusReport(status, observe_after=held_back)
        pushed = self._push(status, fetched=fetched)
        if self._notices is not None:
            self._notices.publish(main, main_statuses(status))
        return StatusReport(status, pushed)

    def _status(self, main: str, blocker: Blocker | None, admitted: Condition, wait: float) -> EnvironmentStatus | None:
        lock = self._branches.lock()
        blocker = self._to_report(main, blocker, lock)
        self._readiness.start(lock, wait=wait)
        committed, last = self._branches.time(RESOLVED), self._branches.status()
        verdicts = self._readiness.verdicts(lock, committed, last) if lock else {}
        if not wait and any(v.reason == "NotObserved" for v in verdicts.values()):
            return None
        standing = self._decisions.standing.of({p.artifact for p in lock.packages} if lock else ())
        return build_status(self._name, main, self._branches.head(RESOLVED), lock, verdicts, blocker, standing, admitted)

    def _to_report(self, main: str, blocker: Blocker | None, lock: EnvironmentLock | None) -> Blocker | None:
        """The blocker as the status reports it, given that `resolved` may hold this very commit already."""
        if blocker is None or not self._decisions.is_resolved(main):
            return blocker
        match blocker:
            case Refused():  # nothing new is refused: what is resolved lost its trust
                return Refused("Trusted", blocker.problems) if blocker.stage == "Resolved" else blocker
            case Unavailable():
                if lock is None or blocker.stage == "Committed":
                    return blocker
                log.warning("not checked again", environment=self._name, why=blocker.message)
                return None  # a temporary failure says nothing about what is resolved
            case Held():
                return blocker
            case _:
                assert_never(blocker)

    def _push(self, status: EnvironmentStatus, *, fetched: bool) -> tuple[str, ...]:
        data = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        where = self._notices.repository if self._notices is not None else None
        files = {STATUS_FILE: documents.dump(data), PAGE_FILE: status_page(status, where).encode()}
        unwatched = self._unwatched()
        if self._branches.tree(STATUS) == tree_id(files) and not unwatched:
            if fetched and time.time() - self._branches.last_confirmed() > self._world.confirm:
                self._confirm(files)
            self._last_confirmed = time.time()
            return ()
        trailers = f"Input-Commit: {status.input}\n" + (f"Resolved-Commit: {status.resolved}\n" if status.resolved else "")
        trailers += f"{UNOBSERVED_SINCE}{datetime.fromtimestamp(unwatched, UTC).isoformat()}\n" if unwatched else ""
        self._pace.pushed(time.monotonic())
        self._branches.push_status(files, f"{status_subject(status)}\n\n{trailers}", status)
        self._last_confirmed = time.time()
        return (STATUS,)

    def _unwatched(self) -> int:
        """Since when nobody observed, in seconds since the epoch, if that is long ago: soak time counts only watched time."""
        since = max(self._branches.last_confirmed(), self._last_confirmed)
        return int(since) if since and is_overdue(since, time.time(), self._world.confirm) else 0

    def _confirm(self, files: Mapping[str, bytes]) -> None:
        try:
            self._branches.confirm(files)
        except RejectedError as fault:  # a server may keep such refs to itself; the status is as good as before
            log.debug("status not confirmed", environment=self._name, why=fault.message)
