"""Reads the reviews and scores of pull requests from the forge, each with the plan that its author saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from reconciler.domain.admission.approvals import APPROVED, REJECTED, ApprovalReview, Change, ReviewedPullRequest
from reconciler.domain.admission.plan_binding import PlanFingerprint, parse_fingerprint
from reconciler.domain.admission.rules import Score
from reconciler.model.commit_status import PLAN_CONTEXT, SCORE_CONTEXT
from reconciler.model.errors import NotFoundError
from reconciler.model.forge import PullRequestHistory
from reconciler.services.admission.change_history import ChangeHistory, MergeForge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model.forge import CommitStatusRecord, MergedPullRequest, Review
    from reconciler.services.admission.admission_record import SpentAdmissions
    from reconciler.services.repository.ports import GitRepository

MAX_PLANS: Final = 20  # older heads of one pull request whose plans are read
SHORTLY: Final = 30  # seconds for which an open page may show an older plan


class ReviewForge(MergeForge, Protocol):
    """The calls to a forge for reviews; `adapters.gitea.Gitea` in production."""

    def reviews(self, repository: str, number: int) -> Sequence[Review]:
        """The reviews of a pull request, the oldest first."""

    def past(self, repository: str, number: int) -> PullRequestHistory:
        """When a pull request last changed its base branch, and who pushed to it."""

    def members(self, team: str) -> frozenset[str] | None:
        """The current members of a team (organization/name); None when there is no such team."""

    def statuses_by(self, repository: str, commit: str) -> Sequence[CommitStatusRecord]:
        """All statuses of a commit with the users who set them, the oldest first."""


class ApprovalReader:
    """Reads the approvals in one repository. Raises ReconcilerErrors as the forge and the clone do.

    Args:
        forge: the repository's forge.
        user: the forge user of the reconciler: a plan status of anybody else does not count.
        repository: owner/name.
        clone: a clone of the repository, with history.

    Attributes:
        change_history: the changes of `main`, each with the pull request that accounts for it.
    """

    def __init__(self, forge: ReviewForge, user: str, repository: str, clone: GitRepository) -> None:
        self._forge, self._user, self._repository, self._clone = forge, user.lower(), repository, clone
        self._histories: dict[int, PullRequestHistory] = {}
        self.change_history = ChangeHistory(forge, repository, clone, self.merged)

    def members(self, teams: Sequence[str]) -> frozenset[str]:
        """The current members of teams.

        Raises:
            NotFoundError: a team does not exist.
        """
        members: set[str] = set()
        for team in teams:
            name = team if "/" in team else f"{self._repository.partition('/')[0]}/{team}"
            users = self._forge.members(name)
            if users is None:
                raise NotFoundError(f"there is no team {name} on the forge", "create the team, or correct the policy")
            members |= users
        return frozenset(members)

    def proposal(self, number: int, author: str, head: str, plan: PlanFingerprint | None) -> ReviewedPullRequest:
        """An open pull request with its reviews.

        Args:
            number: its number.
            author: the user who opened it.
            head: the commit that it would merge.
            plan: the plan of that commit; None when it has none.
        """
        reviews, contributors, _ = self._reviews(number, head, ended=False)
        if plan is None:
            return ReviewedPullRequest(number, author, head, reviews, contributors=contributors)
        return ReviewedPullRequest(number, author, head, reviews, plan.tree, plan.files, plan.packages, contributors)

    def merged(self, merged: MergedPullRequest, head: str, files: str) -> ReviewedPullRequest:
        """A merged pull request with its reviews.

        Args:
            merged: the pull request.
            head: the commit that was merged.
            files: the digest of the files it changes; its plan counts only with the same digest.
        """
        reviews, contributors, plans = self._reviews(merged.number, head, ended=True)
        plan = _plan_at(plans, merged.at)
        if plan is None or plan.files != files:
            return ReviewedPullRequest(merged.number, merged.author, head, reviews, files=files, contributors=contributors)
        trees = _trees(plans, plan)
        return ReviewedPullRequest(
            merged.number, merged.author, head, reviews, plan.tree, files, plan.packages, contributors, trees
        )

    def _reviews(
        self, number: int, head: str, *, ended: bool
    ) -> tuple[tuple[ApprovalReview, ...], frozenset[str], Sequence[CommitStatusRecord]]:
        """The reviews of a pull request, each with the plan that it saw; the contributors; and the plan statuses of the head."""
        reviews = [review for review in self._forge.reviews(self._repository, number) if review.state in {APPROVED, REJECTED}]
        approved = [review for review in reviews if review.state == APPROVED]
        history = self._history(number, ended=ended) if approved else PullRequestHistory()
        commits = (
            list(dict.fromkeys((head, *(review.commit for review in reversed(approved)))))[: MAX_PLANS + 1] if approved else []
        )
        plans = {commit: self._plans(commit) for commit in commits}
        approvals = tuple(
            ApprovalReview(
                review.person,
                review.state == APPROVED,
                review.commit,
                review.dismissed or (history.moved is not None and review.at <= history.moved),
                _plan_reviewed_at(plans.get(review.commit, ()), review.at),
            )
            for review in reviews
        )
        return approvals, history.contributors, plans.get(head, ())

    def _history(self, number: int, *, ended: bool) -> PullRequestHistory:
        """The history of a pull request. That of a merged one is read once, since it does not change any more."""
        if not ended:
            return self._forge.past(self._repository, number)
        if number not in self._histories:
            self._histories[number] = self._forge.past(self._repository, number)
        return self._histories[number]

    def score(self, people: Sequence[str], *commits: str, since: int = 0) -> Score:
        """The newest score of the first commit that has one.

        Args:
            people: the users whose scores count; empty for all users.
            commits: the commits, in this order.
            since: seconds since the epoch; older scores do not count.
        """
        names = {name.lower() for name in people}
        for commit in dict.fromkeys(commits):
            statuses = (status for status in self._forge.statuses_by(self._repository, commit) if status.at > since)
            scores = [status for status in statuses if status.context == SCORE_CONTEXT and (not names or status.person in names)]
            if scores:
                return Score(commit, scores[-1].state, scores[-1].description)
        return Score(commits[0])

    def scores(
        self, people: Sequence[str], main: str, spent: SpentAdmissions, changes: Callable[[], Sequence[Change]]
    ) -> tuple[Score, ...]:
        """The score of `main`'s head, which covers all of it; without one, the score of each change or of its pull request.

        Args:
            people: the users whose scores count; empty for all users.
            main: the head of `main`.
            spent: what admits nothing again, whatever its score.
            changes: returns the changes since the resolved commit.
        """
        whole = Score(main) if spent.has_commit(main) else self.score(people, main, since=spent.since)
        if whole.state:
            return (whole,)
        return tuple(self._score_of(people, change, spent) for change in changes() if not change.is_cosmetic)

    def _score_of(self, people: Sequence[str], change: Change, spent: SpentAdmissions) -> Score:
        """A change's score: its pull request's head counts only if it was planned with the same files."""
        if change.is_spent:
            return Score(change.commit)
        score, proposal = self.score(people, change.commit, since=spent.since), change.proposal
        if score.state or proposal is None or proposal.files is None or spent.has_head(proposal.head):
            return score
        return self.score_of_head(people, proposal.head, proposal.files) or score

    def score_of_head(self, people: Sequence[str], head: str, files: str) -> Score | None:
        """The score of a pull request's head, if its first plan changed the same files (by their digest); otherwise None."""
        plan = next(
            (fingerprint for status in self._plans(head) if (fingerprint := parse_fingerprint(status.description)) is not None),
            None,
        )
        return self.score(people, head) if plan is not None and plan.files == files else None

    def _plans(self, commit: str) -> Sequence[CommitStatusRecord]:
        """The plan statuses of a commit that the reconciler posted, the oldest first."""
        statuses = self._forge.statuses_by(self._repository, commit)
        return [status for status in statuses if status.context == PLAN_CONTEXT and status.person == self._user]


def _plan_at(plans: Sequence[CommitStatusRecord], at: int) -> PlanFingerprint | None:
    """The last plan posted by a moment; later plans of the same commit do not count."""
    posted = [status for status in plans if status.at <= at and status.state == "success"]
    return parse_fingerprint(posted[-1].description) if posted else None


def _trees(plans: Sequence[CommitStatusRecord], plan: PlanFingerprint) -> frozenset[str]:
    """The trees of all equivalent plans: one may have been posted a moment after the merge."""
    fingerprints = (parse_fingerprint(status.description) for status in plans if status.state == "success")
    return frozenset(
        fingerprint.tree
        for fingerprint in fingerprints
        if fingerprint is not None and (fingerprint.files, fingerprint.packages) == (plan.files, plan.packages)
    )


def _plan_reviewed_at(plans: Sequence[CommitStatusRecord], at: int) -> PlanFingerprint | None:
    """The plan shown at a moment; None if a plan of other files was shown shortly before, as either may have been read."""
    shown = _plan_at(plans, at)
    older = [status for status in plans if status.at <= at - SHORTLY and status.state == "success"][-1:]
    recent = [status for status in plans if at - SHORTLY < status.at <= at and status.state == "success"]
    files = {
        fingerprint.files for status in (*older, *recent) if (fingerprint := parse_fingerprint(status.description)) is not None
    }
    return shown if len(files) == 1 else None
