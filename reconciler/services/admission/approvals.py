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
    from reconciler.services.repository.ports import GitRepository

MAX_PLANS: Final = 20  # older heads of one pull request whose plans are looked at
SHORTLY: Final = 30  # seconds for which somebody may look at a page that shows an older plan


class ReviewForge(MergeForge, Protocol):
    """What approvals need of a forge; `adapters.gitea.Gitea` in production."""

    def reviews(self, repository: str, number: int) -> Sequence[Review]:
        """The reviews of a pull request, the oldest first."""

    def past(self, repository: str, number: int) -> PullRequestHistory:
        """When a pull request was last made one for another branch, and who pushed to it."""

    def members(self, team: str) -> frozenset[str] | None:
        """Who is in a team (organization/name) now; None when there is no such team."""

    def statuses_by(self, repository: str, commit: str) -> Sequence[CommitStatusRecord]:
        """All statuses of a commit, the oldest first."""


class ApprovalReader:
    """Approvals in one repository. Raises ReconcilerErrors as the forge and the clone do.

    Args:
        forge: where they are.
        user: as whom the reconciler sets commit statuses there: what anybody else says of a plan does not count.
        repository: owner/name.
        clone: of the same repository, with history.

    Attributes:
        change_history: the changes of `main`, each with the pull request that accounts for it.
    """

    def __init__(self, forge: ReviewForge, user: str, repository: str, clone: GitRepository) -> None:
        self._forge, self._user, self._repository, self._clone = forge, user.lower(), repository, clone
        self._pasts: dict[int, PullRequestHistory] = {}
        self.change_history = ChangeHistory(forge, repository, clone, self.merged)

    def members(self, teams: Sequence[str]) -> frozenset[str]:
        """Who is in any of some teams now.

        Raises:
            NotFoundError: there is no such team.
        """
        found: set[str] = set()
        for team in teams:
            full = team if "/" in team else f"{self._repository.partition('/')[0]}/{team}"
            some = self._forge.members(full)
            if some is None:
                raise NotFoundError(f"there is no team {full} on the forge", "make it, or mend the policy")
            found |= some
        return frozenset(found)

    def proposal(self, number: int, author: str, head: str, plan: PlanFingerprint | None) -> ReviewedPullRequest:
        """An open pull request with what people say of it.

        Args:
            number: its number.
            author: who opened it.
            head: the commit that it would merge.
            plan: of that; None when it has none.
        """
        opinions, contributors, _ = self._opinions(number, head, ended=False)
        if plan is None:
            return ReviewedPullRequest(number, author, head, opinions, contributors=contributors)
        return ReviewedPullRequest(number, author, head, opinions, plan.tree, plan.files, plan.packages, contributors)

    def merged(self, merged: MergedPullRequest, head: str, files: str) -> ReviewedPullRequest:
        """A merged pull request with what people say of it: its plan stands for what it did only if that changed the same."""
        opinions, contributors, plans = self._opinions(merged.number, head, ended=True)
        plan = _plan_at(plans, merged.at)
        if plan is None or plan.files != files:
            return ReviewedPullRequest(merged.number, merged.author, head, opinions, files=files, contributors=contributors)
        trees = _trees(plans, plan)
        return ReviewedPullRequest(
            merged.number, merged.author, head, opinions, plan.tree, files, plan.packages, contributors, trees
        )

    def _opinions(
        self, number: int, head: str, *, ended: bool
    ) -> tuple[tuple[ApprovalReview, ...], frozenset[str], Sequence[CommitStatusRecord]]:
        """The reviews of a pull request, each with the plan that it is of, whose it is in part, and the plans of its head."""
        reviews = [one for one in self._forge.reviews(self._repository, number) if one.state in {APPROVED, REJECTED}]
        approved = [one for one in reviews if one.state == APPROVED]
        past = self._past(number, ended=ended) if approved else PullRequestHistory()
        commits = list(dict.fromkeys((head, *(one.commit for one in reversed(approved)))))[: MAX_PLANS + 1] if approved else []
        plans = {commit: self._plans(commit) for commit in commits}
        opinions = tuple(
            ApprovalReview(
                one.person,
                one.state == APPROVED,
                one.commit,
                one.dismissed or (past.moved is not None and one.at <= past.moved),
                _plan_reviewed_at(plans.get(one.commit, ()), one.at),
            )
            for one in reviews
        )
        return opinions, past.contributors, plans.get(head, ())

    def _past(self, number: int, *, ended: bool) -> PullRequestHistory:
        """What became of a pull request. One that is merged is asked about once: nothing more becomes of it."""
        if not ended:
            return self._forge.past(self._repository, number)
        if number not in self._pasts:
            self._pasts[number] = self._forge.past(self._repository, number)
        return self._pasts[number]

    def score(self, people: Sequence[str], *commits: str) -> Score:
        """The newest score that some people, or if none are named anybody, set of the first of some commits that has one."""
        names = {one.lower() for one in people}
        for commit in dict.fromkeys(commits):
            said = self._forge.statuses_by(self._repository, commit)
            ours = [one for one in said if one.context == SCORE_CONTEXT and (not names or one.person in names)]
            if ours:
                return Score(commit, ours[-1].state, ours[-1].description)
        return Score(commits[0])

    def scores(self, people: Sequence[str], main: str, changes: Callable[[], Sequence[Change]]) -> tuple[Score, ...]:
        """The score of `main`'s head, which is of all that is on it; or that of each change, or of what brought it."""
        whole = self.score(people, main)
        if whole.state:
            return (whole,)
        return tuple(self._score_of(people, change) for change in changes() if not change.is_cosmetic)

    def _score_of(self, people: Sequence[str], change: Change) -> Score:
        """A change's score: that of its pull request's head only if that came to the same when it was planned."""
        ours, proposal = self.score(people, change.commit), change.proposal
        if ours.state or proposal is None or proposal.files is None:
            return ours
        return self.score_of_head(people, proposal.head, proposal.files) or ours

    def score_of_head(self, people: Sequence[str], head: str, files: str) -> Score | None:
        """The score of a pull request's head, if that came to the same (by the digest of files) when it was planned first."""
        plan = next((bound for one in self._plans(head) if (bound := parse_fingerprint(one.description)) is not None), None)
        return self.score(people, head) if plan is not None and plan.files == files else None

    def _plans(self, commit: str) -> Sequence[CommitStatusRecord]:
        """What we said of plans of a commit, the oldest first."""
        said = self._forge.statuses_by(self._repository, commit)
        return [one for one in said if one.context == PLAN_CONTEXT and one.person == self._user]


def _plan_at(plans: Sequence[CommitStatusRecord], at: int) -> PlanFingerprint | None:
    """The plan that was told last at a moment, which is not what was planned later of the same commit."""
    before = [one for one in plans if one.at <= at and one.state == "success"]
    return parse_fingerprint(before[-1].description) if before else None


def _trees(plans: Sequence[CommitStatusRecord], plan: PlanFingerprint) -> frozenset[str]:
    """The trees of all plans that came to the same: one may have been told a moment after it was merged."""
    every = (parse_fingerprint(one.description) for one in plans if one.state == "success")
    return frozenset(b.tree for b in every if b is not None and (b.files, b.packages) == (plan.files, plan.packages))


def _plan_reviewed_at(plans: Sequence[CommitStatusRecord], at: int) -> PlanFingerprint | None:
    """The plan that stood at a moment, unless one that changes something else stood a little before: which was read, then?"""
    stood = _plan_at(plans, at)
    older = [one for one in plans if one.at <= at - SHORTLY and one.state == "success"][-1:]
    recent = [one for one in plans if at - SHORTLY < one.at <= at and one.state == "success"]
    found = {bound.files for one in (*older, *recent) if (bound := parse_fingerprint(one.description)) is not None}
    return stood if len(found) == 1 else None
