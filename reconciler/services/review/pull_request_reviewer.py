"""Reviews the pull requests of one Environment: pushes a plan to a branch, keeps one comment, and posts commit statuses.

All of it is derived from the forge and git: a pass that finds everything up to date writes nothing, also after a restart. A
failure with one pull request is told to its author and retried, and does not delay the others.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from reconciler.domain.admission.soak import new_packages
from reconciler.domain.blocker import Refused, is_final, unavailable
from reconciler.domain.locking.change_summary import change_count, change_lines
from reconciler.domain.review.commit_statuses import plan_status, policy_status
from reconciler.domain.review.plan_comment import render_plan_comment, section
from reconciler.model.commit_status import PLAN_CONTEXT, POLICY_CONTEXT
from reconciler.model.errors import ReconcilerError, RejectedError
from reconciler.model.layout import MAIN, PLAN, RESOLVED, WANTED, ref_of
from reconciler.services.containment import contained
from reconciler.services.forge.commit_status_publisher import RECHECK_AFTER, CommitStatusForge, CommitStatusPublisher
from reconciler.services.forge.pull_request_comment import CommentForge, PlanCommentPublisher
from reconciler.services.planning.planner import (
    contains_changes,
    is_revert,
    plan_change,
    plan_fingerprint,
    reviewed_packages,
    to_plan_commit,
)
from reconciler.services.review.closed_pull_requests import ClosedPullForge, ClosedPullRequests
from reconciler.services.review.failed_reviews import FailedReviews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.admission.plan_binding import PlanFingerprint
    from reconciler.domain.admission.rules import Admission
    from reconciler.domain.blocker import Unavailable
    from reconciler.model.commit_status import CommitStatus
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.forge import PullRequest
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.services.admission.gate import AdmissionGate
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.planning.namespace_claims import NamespaceClaim
    from reconciler.services.planning.planner import Plan
    from reconciler.services.reconcile.outcome import ReconcileOutcome
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.repository.ports import GitRepository

_MIN_DELAY: Final = 1.0  # seconds, at least, between two fetches that time alone causes
# Seconds within which the forge reports a pull request that is on `main` as merged, differences between clocks included.
_MERGE_REPORT_DELAY: Final = 10.0
_SHARE: Final = 5.0  # seconds after which the reviews of one Environment make room for other work; the one under way is finished

log = structlog.get_logger()


class PullForge(CommitStatusForge, CommentForge, ClosedPullForge, Protocol):
    """The calls to a forge for pull requests; `adapters.gitea.Gitea` in production."""

    def pull_requests(self, repository: str) -> Sequence[PullRequest]:
        """The open pull requests, the oldest first."""


@dataclass
class _PostedReview:
    """The review posted on a pull request, with its inputs. Times are of the monotonic clock, in seconds.

    Attributes:
        key: the commits and the policies' digest that it rests on.
        main: the lock of `main` without the pull request.
        until: when it must be made again; None while its inputs do not change.
        commit_statuses: posts its commit statuses.
        packages: the new packages.
        fingerprint: what approvals are bound to; None without a plan.
        admission: the results of the rules.
        statuses: the commit statuses by context.
        text: the comment.
        checked_at: when the comment was last compared with the forge.
        restores: whether the pull request takes `main` back to the admitted documents.
    """

    key: tuple[str | None, ...]
    main: EnvironmentLock | None
    until: float | None
    commit_statuses: CommitStatusPublisher
    packages: tuple[Package, ...]
    fingerprint: PlanFingerprint | None
    admission: Admission
    statuses: Mapping[str, CommitStatus]
    text: str
    checked_at: float
    restores: bool


@dataclass(frozen=True)
class ReviewProgress:
    """How far the review of an Environment's pull requests is.

    Attributes:
        is_done: whether all of them are reviewed; otherwise it is to be continued.
        fetch_after: seconds after which a posted review expires by time alone; None when none does.
    """

    is_done: bool = True
    fetch_after: float | None = None


@dataclass
class _Round:
    """One review of all open pull requests: `waiting` are those of `pulls` that were not reviewed yet, the next one last."""

    pulls: tuple[PullRequest, ...]
    waiting: list[PullRequest] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = list(reversed(self.pulls))


class PullRequestReviewer:
    """Reviews the pull requests against one Environment's `main`.

    Args:
        forge: the repository's forge.
        user: the forge user of the reconciler, who posts the comments.
        repository: owner/name.
        clone: a separate clone of the repository, with history.
        identity: the Environment's name and owner.
        context: the dependencies that all passes share.
        claim: the Environment's claim on Namespaces; it is only queried.
        gate: the rules for the Environment.
        ttl: seconds for which a posted comment is current without a check.
        share: seconds after which `review_next` stops.
    """

    def __init__(
        self,
        forge: PullForge,
        user: str,
        repository: str,
        clone: GitRepository,
        identity: EnvironmentIdentity,
        context: ReconcileContext,
        claim: NamespaceClaim,
        gate: AdmissionGate,
        ttl: float = RECHECK_AFTER,
        share: float = _SHARE,
    ) -> None:
        self._ttl, self._share = ttl, share
        self._gate = gate
        self._forge, self._repository, self._clone = forge, repository, clone
        self._comments = PlanCommentPublisher(forge, user, repository)
        self._identity, self._context, self._claim = identity, context, claim
        self._closed = ClosedPullRequests(forge, repository, clone, self._comments)
        self._failed = FailedReviews(forge, self._comments, repository, identity.name, context.retry)
        self._round: _Round | None = None
        self._posted: dict[int, _PostedReview] = {}
        self._merging: set[int] = set()

    def open_numbers(self) -> frozenset[int]:
        """The numbers of the open pull requests; empty when the forge cannot be read. Never raises a ReconcilerError."""
        try:
            return frozenset(pull.number for pull in self._forge.pull_requests(self._repository))
        except ReconcilerError as error:
            log.warning("open pull requests cannot be listed", repository=self._repository, why=str(error))
            return frozenset()

    def review_next(self, branches: EnvironmentBranches, outcome: ReconcileOutcome) -> ReviewProgress:
        """Review the next open pull requests, and at last finish the closed ones. Never raises a ReconcilerError.

        Args:
            branches: the Environment's branches, fetched since the last change that is known.
            outcome: the outcome of the last pass over its `main`.
        """
        if not branches.has_pull_requests:
            return ReviewProgress()
        try:
            with contained("listing the pull requests", repository=self._repository):
                reviewing = self._round = self._round or self._new_round()
        except ReconcilerError as error:
            log.warning("pull requests not reviewed", repository=self._repository, why=str(error))
            return ReviewProgress()
        until = time.monotonic() + self._share
        numbers = frozenset(pull.number for pull in reviewing.pulls)
        while reviewing.waiting:
            pull = reviewing.waiting.pop()
            self._review_or_tell(pull, branches, outcome, numbers - {pull.number})
            if time.monotonic() >= until:
                return ReviewProgress(is_done=False)
        self._round = None
        for number in {*branches.plans, *self._posted} - numbers:
            self._posted.pop(number, None)
            self._failed.forget(number)
            self._closed.finish(number, branches, outcome)
        return ReviewProgress(fetch_after=self._seconds_until_expiry())

    def _new_round(self) -> _Round:
        self._merging.clear()
        return _Round(tuple(pull for pull in self._forge.pull_requests(self._repository) if pull.base == MAIN))

    def _seconds_until_expiry(self) -> float | None:
        """Seconds after which a posted review expires by time alone, or a merge is reported; None when neither is expected."""
        retries = (
            result.retry_at
            for posted in self._posted.values()
            for result in posted.admission.results
            if result.retry_at is not None
        )
        delays = (self._gate.seconds_until(min(retries, default=None)), _MERGE_REPORT_DELAY if self._merging else None)
        return min((max(_MIN_DELAY, delay) for delay in delays if delay is not None), default=None)

    def _is_landing(self, number: int, branches: EnvironmentBranches) -> bool:
        """Whether `main` has just received a pull request's changes: the forge reports the merge a moment later.

        A plan made in between would find no change, and replace the reviewed plan.
        """
        plan = branches.plan(number)
        if plan is None or not plan.changes or abs(time.time() - branches.time(MAIN)) > _MERGE_REPORT_DELAY:
            return False
        return contains_changes(branches.input_snapshot(), plan.changes)

    def _review_or_tell(
        self, pull: PullRequest, branches: EnvironmentBranches, outcome: ReconcileOutcome, other_open: frozenset[int]
    ) -> None:
        """Review an open pull request, or tell its author why that failed; a failed one is tried again after its pause."""
        if self._failed.is_waiting(pull):
            return
        try:
            with contained("reviewing a pull request", repository=self._repository, number=pull.number):
                self._review(pull, branches, outcome, other_open)
        except ReconcilerError as error:
            self._posted.pop(pull.number, None)
            self._failed.record(pull, error)
        else:
            self._failed.forget(pull.number)

    def _review(
        self, pull: PullRequest, branches: EnvironmentBranches, outcome: ReconcileOutcome, other_open: frozenset[int]
    ) -> None:
        """Bring the posted review of a pull request up to date.

        Args:
            pull: the pull request.
            branches: the Environment's branches.
            outcome: the outcome of the pass over `main` without it.
            other_open: the numbers of the other open pull requests.
        """
        main = outcome.lock
        if self._is_landing(pull.number, branches):
            self._merging.add(pull.number)
            return
        key = (pull.head, branches.head(MAIN), branches.head(RESOLVED), self._context.policies().digest)
        posted = self._posted.get(pull.number)
        is_current = posted is not None and (posted.key, posted.main) == (key, main)
        if posted is not None and is_current and (posted.until is None or time.monotonic() < posted.until):
            admission = self._gate.evaluate_pull_request(
                pull, posted.packages, posted.fingerprint, main=outcome.admission, restores=posted.restores
            )
            if admission == posted.admission:
                self._restore_review(pull, posted)
                return
        if branches.main_fault is not None:
            raise branches.main_fault
        plan = self._plan(pull, branches, other_open)
        packages = new_packages(plan.prior, plan.desired.lock) if plan.desired else ()
        fingerprint = plan_fingerprint(plan, branches.input_snapshot(), main)
        restores = is_revert(plan, branches)
        admission = self._gate.evaluate_pull_request(pull, packages, fingerprint, main=outcome.admission, restores=restores)
        text = self._text(pull.number, plan, admission)
        is_commented = self._comment(pull.number, text)  # before the push, which the forge processes slowly
        rejection = self._push_plan(pull.number, plan, branches, main)
        commit_statuses = posted.commit_statuses if posted else CommitStatusPublisher(self._forge, self._repository)
        status = plan_status(plan.steps, plan.total, fingerprint, rejection or plan.blocker)
        statuses = {PLAN_CONTEXT: status, POLICY_CONTEXT: policy_status(admission, planned=plan.desired is not None)}
        if statuses[POLICY_CONTEXT].state != "success":  # posted first: a green plan alone must not allow a merge
            commit_statuses.publish(pull.head, {POLICY_CONTEXT: statuses[POLICY_CONTEXT]})
        commit_statuses.publish(pull.head, statuses)
        is_final_review = rejection is None and (plan.blocker is None or is_final(plan.blocker))
        until = None if is_final_review else time.monotonic() + self._context.retry
        checked_at = time.monotonic() if is_commented else -math.inf
        self._posted[pull.number] = _PostedReview(
            key, main, until, commit_statuses, packages, fingerprint, admission, statuses, text, checked_at, restores
        )

    def _restore_review(self, pull: PullRequest, posted: _PostedReview) -> None:
        """Restore the posted statuses and comment where somebody overwrote them: every writer can."""
        posted.commit_statuses.publish(pull.head, posted.statuses)
        if time.monotonic() - posted.checked_at >= self._ttl and self._comment(pull.number, posted.text):
            posted.checked_at = time.monotonic()

    def _comment(self, number: int, text: str) -> bool:
        """Keep the comment up to date; return whether that succeeded. A failure keeps back nothing else, and is tried again."""
        try:
            with contained("commenting on a pull request", repository=self._repository, number=number):
                self._comments.upsert(number, text)
        except ReconcilerError as error:
            log.warning("comment not kept", repository=self._repository, number=number, why=str(error))
            return False
        return True

    def _plan(self, pull: PullRequest, branches: EnvironmentBranches, other_open: frozenset[int]) -> Plan:
        """Plan the documents that merging a pull request would give."""
        head = branches.head(MAIN) or ""
        self._clone.fetch({MAIN: head, ref_of(f"pull/{pull.number}"): pull.head})
        snapshot = self._clone.merge(head, pull.head, WANTED)
        reviewed = reviewed_packages(branches, snapshot, lambda: other_open)
        return plan_change(snapshot, self._identity, branches.lock(), self._context, self._claim, reviewed=reviewed)

    def _text(self, number: int, plan: Plan, admission: Admission) -> str:
        """The comment's text, from the plan and the results of the rules."""
        return render_plan_comment(
            self._identity.name,
            plan.steps,
            plan.total,
            plan.tree,
            warnings=plan.warnings,
            blocker=plan.blocker,
            compare=f"{self._repository}/compare/{RESOLVED}...{PLAN}{number}" if plan.prior else "",
            policy=section(admission, planned=plan.desired is not None),
        )

    def _push_plan(
        self, number: int, plan: Plan, branches: EnvironmentBranches, main: EnvironmentLock | None
    ) -> Unavailable | None:
        """Push a plan to its branch; return the blocker when the server rejects it, as next to a branch `plan`.

        While a pull request cannot be planned because of a temporary failure, its last plan stays.
        """
        plan_commit = to_plan_commit(plan, branches, main)
        if plan.desired is None or plan_commit is None:
            if isinstance(plan.blocker, Refused):
                branches.delete_plan(number)
            return None
        lines = change_lines(plan.prior, plan.desired.lock)
        summary = f"{self._identity.name}: plan of pull request {number}: {change_count(len(lines), plan.total)}"
        try:
            branches.push_plan(number, plan_commit, plan.desired.files, summary)
        except RejectedError as error:
            return unavailable("Committed", error)
        return None
