"""Pull requests of one Environment: each gets a plan on a branch, one comment that is kept up to date, and commit statuses.

All of it is made anew from what the forge and git hold: a pass that finds everything as it should be writes nothing, also after
a restart. What goes wrong with one pull request is told in the log, tried again at the next look, and keeps nothing else up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVarTuple

import structlog

from reconciler.domain.admission.soak import new_packages
from reconciler.domain.blocker import Refused, is_final, unavailable
from reconciler.domain.locking.change_summary import change_count, change_lines
from reconciler.domain.locking.input_digests import input_digest
from reconciler.domain.review.commit_statuses import plan_status, policy_status
from reconciler.domain.review.merge_report import applied_report, insert_report, not_applied
from reconciler.domain.review.plan_comment import render_plan_comment, section
from reconciler.model.commit_status import PLAN_CONTEXT, POLICY_CONTEXT
from reconciler.model.errors import NotFoundError, ReconcilerError, RejectedError
from reconciler.model.layout import MAIN, PLAN, RESOLVED, WANTED, ref_of
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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    from reconciler.services.repository.plan_commit import PlanCommit
    from reconciler.services.repository.ports import GitRepository

_LEAST: Final = 1.0  # seconds between two looks that time alone asks for
_LANDS: Final = 10.0  # seconds in which the forge marks what is on `main` as merged, its clock and ours not being quite the same

log = structlog.get_logger()

Ts = TypeVarTuple("Ts")


class PullForge(CommitStatusForge, CommentForge, Protocol):
    """What pull requests need of a forge; `adapters.gitea.Gitea` in production."""

    def pull_requests(self, repository: str) -> Sequence[PullRequest]:
        """The open ones, the oldest first."""

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """One of them, open or closed."""


@dataclass
class _PostedReview:
    """What a pull request was told, what that rests on, until when it stands (None: until that changes), and when it was seen.

    Moments are of the monotonic clock.
    """

    key: tuple[str | None, ...]
    main: EnvironmentLock | None
    until: float | None
    notices: CommitStatusPublisher
    packages: tuple[Package, ...]
    bound: PlanFingerprint | None
    admission: Admission
    marks: Mapping[str, CommitStatus]
    text: str
    seen: float
    restores: bool


class PullRequestReviewer:
    """The pull requests against one Environment's `main`.

    Args:
        forge: where they are.
        user: as whom the reconciler comments there.
        repository: owner/name.
        clone: of the same repository, with history, for this alone.
        identity: the Environment's.
        world: what passes know.
        claim: the Environment's hold on Namespaces; it is only asked.
        gate: the rules for the Environment.
        stands: seconds for which a comment is taken to say what it was told to.
    """

    def __init__(
        self,
        forge: PullForge,
        user: str,
        repository: str,
        clone: GitRepository,
        identity: EnvironmentIdentity,
        world: ReconcileContext,
        claim: NamespaceClaim,
        gate: AdmissionGate,
        stands: float = RECHECK_AFTER,
    ) -> None:
        self._stands = stands
        self._gate = gate
        self._forge, self._repository, self._clone = forge, repository, clone
        self._comments = PlanCommentPublisher(forge, user, repository)
        self._identity, self._world, self._claim = identity, world, claim
        self._told: dict[int, _PostedReview] = {}
        self._after: dict[int, Sequence[str]] = {}
        self._unseen: set[tuple[int, str]] = set()
        self._merging: set[int] = set()

    def open_numbers(self) -> frozenset[int]:
        """The pull requests that are open; none when that cannot be told. Never raises a ReconcilerError."""
        try:
            return frozenset(one.number for one in self._forge.pull_requests(self._repository))
        except ReconcilerError as fault:
            log.warning("pull requests not asked for", repository=self._repository, why=str(fault))
            return frozenset()

    def review_open(self, branches: EnvironmentBranches, outcome: ReconcileOutcome) -> float | None:
        """Plan what is open and not planned yet, and end what is closed. Never raises a ReconcilerError.

        Args:
            branches: the Environment's, just looked at.
            outcome: of the pass over its `main`.

        Returns:
            Seconds after which something that was told is no longer so, by time alone; None when nothing is.
        """
        if not branches.pulled:
            return None
        try:
            asked = [one for one in self._forge.pull_requests(self._repository) if one.base == MAIN]
        except ReconcilerError as fault:
            log.warning("pull requests not looked at", repository=self._repository, why=str(fault))
            return None
        self._merging.clear()
        for pull in asked:
            others = frozenset(one.number for one in asked) - {pull.number}
            self._guarded(pull.number, self._review, pull, branches, outcome, others)
        for number in {*branches.plans, *self._told} - {pull.number for pull in asked}:
            self._told.pop(number, None)
            self._guarded(number, self._finish, number, branches, outcome)
        moments = (one.retry_at for told in self._told.values() for one in told.admission.results if one.retry_at is not None)
        dues = (self._gate.seconds_until(min(moments, default=None)), _LANDS if self._merging else None)
        return min((max(_LEAST, due) for due in dues if due is not None), default=None)

    def _is_landing(self, number: int, branches: EnvironmentBranches) -> bool:
        """Whether `main` has just come to hold what a pull request changes: the forge marks it as merged after that.

        Were it planned in between, as one that changes nothing, what people reviewed would be gone.
        """
        planned = branches.plan(number)
        if planned is None or not planned.changes or abs(time.time() - branches.time(MAIN)) > _LANDS:
            return False
        return contains_changes(branches.input_snapshot(), planned.changes)

    def _guarded(self, number: int, work: Callable[[*Ts], None], *arguments: *Ts) -> None:
        try:
            work(*arguments)
        except ReconcilerError as fault:
            log.warning("pull request not planned", repository=self._repository, number=number, why=str(fault))

    def _review(
        self, pull: PullRequest, branches: EnvironmentBranches, outcome: ReconcileOutcome, others: frozenset[int]
    ) -> None:
        """Bring what a pull request was told up to date, given what `main` comes to without it, and what else is open."""
        main = outcome.lock
        if self._is_landing(pull.number, branches):
            self._merging.add(pull.number)
            return
        key = (pull.head, branches.head(MAIN), branches.head(RESOLVED), self._world.policies().digest)
        told = self._told.get(pull.number)
        same = told is not None and (told.key, told.main) == (key, main)
        if told is not None and same and (told.until is None or time.monotonic() < told.until):
            admission = self._gate.evaluate_pull_request(
                pull, told.packages, told.bound, main=outcome.admission, restores=told.restores
            )
            if admission == told.admission:
                self._keep_told(pull, told)
                return
        found = self._planned(pull, branches, others)
        packages = new_packages(found.prior, found.desired.lock) if found.desired else ()
        bound = plan_fingerprint(found, branches.input_snapshot(), main)
        takes_back = is_revert(found, branches)
        admission = self._gate.evaluate_pull_request(pull, packages, bound, main=outcome.admission, restores=takes_back)
        text = self._text(pull.number, found, admission)
        self._comments.upsert(pull.number, text)  # people first: the forge takes its time over a push
        unkept = self._push_plan(pull.number, found, branches, main)
        notices = told.notices if told else CommitStatusPublisher(self._forge, self._repository)
        mark = plan_status(found.steps, found.total, bound, unkept or found.blocker)
        marks = {PLAN_CONTEXT: mark, POLICY_CONTEXT: policy_status(admission, planned=found.desired is not None)}
        if marks[POLICY_CONTEXT].state != "success":  # it comes first: a green plan alone must not let anybody merge
            notices.publish(pull.head, {POLICY_CONTEXT: marks[POLICY_CONTEXT]})
        notices.publish(pull.head, marks)
        lasting = unkept is None and (found.blocker is None or is_final(found.blocker))
        until = None if lasting else time.monotonic() + self._world.retry
        self._told[pull.number] = _PostedReview(
            key, main, until, notices, packages, bound, admission, marks, text, time.monotonic(), takes_back
        )

    def _keep_told(self, pull: PullRequest, told: _PostedReview) -> None:
        """Have what was told stand there still: whoever may write may overwrite it."""
        told.notices.publish(pull.head, told.marks)
        if time.monotonic() - told.seen >= self._stands:
            self._comments.upsert(pull.number, told.text)
            told.seen = time.monotonic()

    def _planned(self, pull: PullRequest, branches: EnvironmentBranches, others: frozenset[int]) -> Plan:
        head = branches.head(MAIN) or ""
        self._clone.fetch({MAIN: head, ref_of(f"pull/{pull.number}"): pull.head})
        snapshot = self._clone.merge(head, pull.head, WANTED)
        known = reviewed_packages(branches, snapshot, lambda: others)
        return plan_change(snapshot, self._identity, branches.lock(), self._world, self._claim, reviewed=known)

    def _text(self, number: int, found: Plan, admission: Admission) -> str:
        """What is to be said of what was found, and of what the rules say of it."""
        return render_plan_comment(
            self._identity.name,
            found.steps,
            found.total,
            found.tree,
            warnings=found.warnings,
            blocker=found.blocker,
            compare=f"{self._repository}/compare/{RESOLVED}...{PLAN}{number}" if found.prior else "",
            policy=section(admission, planned=found.desired is not None),
        )

    def _push_plan(
        self, number: int, found: Plan, branches: EnvironmentBranches, main: EnvironmentLock | None
    ) -> Unavailable | None:
        """Push a plan to its branch; returns why the server did not take it, as beside a branch `plan`.

        While it cannot be told what a pull request comes to, the plan that people read stays.
        """
        planned = to_plan_commit(found, branches, main)
        if found.desired is None or planned is None:
            if isinstance(found.blocker, Refused):
                branches.delete_plan(number)
            return None
        lines = change_lines(found.prior, found.desired.lock)
        summary = f"{self._identity.name}: plan of pull request {number}: {change_count(len(lines), found.total)}"
        try:
            branches.push_plan(number, planned, found.desired.files, summary)
        except RejectedError as fault:
            return unavailable("Committed", fault)
        return None

    def _finish(self, number: int, branches: EnvironmentBranches, outcome: ReconcileOutcome) -> None:
        """Say on a merged one what came of its plan, and drop the plan of one that is closed once nothing needs it any more.

        Until what was merged is decided on, its plan stays: it is what was reviewed, however long a decision is held up.
        """
        planned, main = branches.plan(number), branches.head(MAIN)
        try:
            merged = self._forge.pull_request(self._repository, number).merged
        except NotFoundError:  # somebody else pushed a plan of none
            merged = None
        if planned is not None and main is not None and merged is not None:
            if not self._seen(number, main, merged):
                return
            undecided = outcome.blocker is not None and not is_final(outcome.blocker)
            self._tell_after(number, self._merge_outcome(planned, branches, outcome))
            if undecided:
                return
        branches.delete_plan(number)
        self._after.pop(number, None)
        self._comments.forget(number)

    def _seen(self, number: int, main: str, merged: str) -> bool:
        """Whether `main` was looked at since a pull request was merged: the forge may know of it before that.

        Should `main` be elsewhere by the next look, as after a force-push, nothing is waited for.
        """
        self._clone.fetch({MAIN: main})
        seen = self._clone.is_ancestor(main, merged) or (number, merged) in self._unseen
        (self._unseen.discard if seen else self._unseen.add)((number, merged))
        return seen

    def _merge_outcome(self, planned: PlanCommit, branches: EnvironmentBranches, outcome: ReconcileOutcome) -> Sequence[str]:
        lock, tree = branches.lock(), branches.tree(RESOLVED)
        if outcome.blocker is not None:
            return not_applied(outcome.blocker)
        if lock is None or tree is None:
            return ()
        main = branches.input_snapshot()
        alone, whole = input_digest(main) == planned.input, contains_changes(main, planned.changes)
        return applied_report(planned.lock, planned.tree, lock, tree, alone=alone, whole=whole, warnings=outcome.warnings)

    def _tell_after(self, number: int, paragraph: Sequence[str]) -> None:
        ours = self._comments.find(number) if paragraph and self._after.get(number) != paragraph else None
        if ours is not None:
            self._comments.edit(ours, insert_report(ours.text, paragraph))
        self._after[number] = paragraph
