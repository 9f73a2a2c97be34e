"""Counts the approvals of a pull request, and checks that each change of `main` has enough of them.

An approval is bound to the plan that the reconciler's commit status reported when the approval was given. The plan must change
the same documents in the same way as the merge does, and must either result in the same tree (of an older head, too) or belong to
the same head and bring the same artifacts, as it does while other documents change on `main`. Merging a part of the pull request
into `main` beforehand invalidates the approvals of the rest. An approval counts once per person, who must be a member of one of
the teams now, neither opened the pull request nor wrote or pushed a part of it, and has not requested changes since. An approval
given while the pull request targeted another branch does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.admission.plan_binding import PlanFingerprint
    from reconciler.model.policy import PullRequestRule

APPROVED: Final = "APPROVED"
REJECTED: Final = "REQUEST_CHANGES"
_SHORT: Final = 10


@dataclass(frozen=True)
class ApprovalReview:
    """A review of a pull request.

    Attributes:
        person: the reviewer's user name.
        approves: True for an approval, False for a request of changes.
        commit: the head that was reviewed.
        dismissed: the review was dismissed, or given while the pull request targeted another branch.
        plan: the reconciler's plan of that head at the time of the review; None when there was none.
    """

    person: str
    approves: bool
    commit: str
    dismissed: bool = False
    plan: PlanFingerprint | None = None


@dataclass(frozen=True)
class ReviewedPullRequest:
    """A pull request, with everything that the rules on approvals need.

    Attributes:
        number: its number.
        author: the user who opened it.
        head: the commit that it would merge, or that was merged.
        opinions: its reviews, the oldest first.
        tree: the tree id of the current plan of its changes; None when there is no plan.
        files: a digest of its changes to the documents, or of those it had when it was merged; None when it is unknown.
        packages: a digest of the artifacts that it brings, as last planned; None when there is no plan of its changes.
        contributors: everyone who wrote or pushed one of its commits, including commits that were replaced.
        trees: the tree ids of all plans of the head with the same result, including plans reported after the merge.
    """

    number: int
    author: str
    head: str
    opinions: Sequence[ApprovalReview] = ()
    tree: str | None = None
    files: str | None = None
    packages: str | None = None
    contributors: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """A commit of `main` that changes the documents of an Environment.

    Attributes:
        commit: its id.
        proposal: the merged pull request that accounts for it; None when there is none.
        why_not: why there is none, if more is known.
        is_cosmetic: whether it changes only comments and formatting, which needs no approval.
        is_spent: whether it was admitted already: neither its approvals nor its score admit it again.
    """

    commit: str
    proposal: ReviewedPullRequest | None = None
    why_not: str = ""
    is_cosmetic: bool = False
    is_spent: bool = False


def approvers(proposal: ReviewedPullRequest, members: frozenset[str]) -> tuple[str, ...]:
    """The members whose approval counts for the current plan, sorted."""
    return tuple(review.person for review in _approvals(proposal, members) if _is_of(review, proposal))


def _approvals(proposal: ReviewedPullRequest, members: frozenset[str]) -> list[ApprovalReview]:
    """The latest review of each eligible member, if it approves: of the current plan or of an earlier one."""
    latest = {review.person: review for review in proposal.opinions}
    eligible = members - {proposal.author, *proposal.contributors}
    return [
        review for person, review in sorted(latest.items()) if person in eligible and review.approves and not review.dismissed
    ]


def _is_of(review: ApprovalReview, proposal: ReviewedPullRequest) -> bool:
    """Whether an approval is bound to the current plan of the pull request."""
    if review.plan is None or review.plan.files != proposal.files:
        return False
    return review.plan.tree == proposal.tree or (review.commit == proposal.head and review.plan.packages == proposal.packages)


def missing_approvals(rule: PullRequestRule, proposal: ReviewedPullRequest, members: frozenset[str], *, again: bool) -> str:
    """Describes the approvals that a pull request still lacks; empty when it lacks none.

    Args:
        rule: the rule.
        proposal: the pull request.
        members: the members of the rule's teams.
        again: whether an earlier approver can approve again, which Gitea allows only while the pull request is open.
    """
    approved = approvers(proposal, members)
    missing = rule.min_approvals - len(approved)
    if missing <= 0:
        return ""
    outdated = [review.person for review in _approvals(proposal, members) if review.person not in approved]
    hint = ", and may approve again" if again else ""
    contributing = sorted(
        {review.person for review in proposal.opinions if review.approves} & members & proposal.contributors - {proposal.author}
    )
    facts = [f"{', '.join(approved)} approved"] if approved else []
    facts += [f"{', '.join(outdated)} approved another plan, or none{hint}"] if outdated else []
    facts += [f"{', '.join(contributing)} wrote or pushed a part of it"] if contributing else []
    details = f" ({'; '.join(facts)})" if facts else ""
    return f"{missing} more of {any_of(rule.approvers)} must approve pull request {proposal.number}{details}"


def unapproved_changes(rule: PullRequestRule, changes: Iterable[Change], members: frozenset[str]) -> tuple[str, ...]:
    """Describes each change without enough approvals, the newest first."""
    missing = []
    for change in (change for change in changes if not change.is_cosmetic):
        if change.proposal is None:
            missing.append(f"{change.commit[:_SHORT]} {change.why_not or 'came with no merged pull request'}")
        elif lack := missing_approvals(rule, change.proposal, members, again=False):
            missing.append(f"{change.commit[:_SHORT]}: {lack}")
    return tuple(missing)


def any_of(teams: Sequence[str]) -> str:
    """Joins the names of teams for a message: `a, b or c`."""
    return teams[0] if len(teams) == 1 else f"{', '.join(teams[:-1])} or {teams[-1]}"
