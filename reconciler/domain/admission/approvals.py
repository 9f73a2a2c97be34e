"""Whose approval of a pull request counts, and whether each change of `main` came with enough of them.

An approval is of a plan, as our own statuses told it when it was given: one that changes the same of people's documents as what
is merged, and that either comes to the same tree, be it of an older head, or is of this very head and brings the same
artifacts, as it does while other documents change on `main`. Whoever takes a part of it into `main` beforehand takes the
approvals of the rest away. An approval counts once for a person, who must be in one of the teams now, neither opened the pull
request nor wrote or pushed a part of it, and has not said otherwise since. What was approved while the pull request was for
another branch does not count.
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
    """A review.

    Attributes:
        person: who.
        approves: otherwise changes are asked for.
        commit: of which head.
        dismissed: somebody set it aside, or the pull request was for another branch then.
        plan: our plan of that head, as it stood then; None when there was none.
    """

    person: str
    approves: bool
    commit: str
    dismissed: bool = False
    plan: PlanFingerprint | None = None


@dataclass(frozen=True)
class ReviewedPullRequest:
    """A pull request.

    Attributes:
        number: its number.
        author: who opened it.
        head: the commit that it would merge, or that was merged.
        opinions: the oldest first.
        tree: the tree id of our plan of what it changes; None when there is none.
        files: a digest of what it changes of people's files, or did when it was merged; None when that cannot be told.
        packages: a digest of the artifacts that it brings, as planned last; None when there is no plan of what it changes.
        contributors: who wrote a commit of it, or pushed one, also such as are gone.
        trees: the tree ids of all our plans of the head that came to the same, also such as were told after it was merged.
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
    """A commit of `main` that changes what people asked for.

    Attributes:
        commit: its id.
        proposal: the merged pull request that accounts for it; None when none does.
        why_not: why none does, if more is known.
        is_cosmetic: whether it changes comments, and how documents are written, alone: that needs nobody.
    """

    commit: str
    proposal: ReviewedPullRequest | None = None
    why_not: str = ""
    is_cosmetic: bool = False


def approvers(proposal: ReviewedPullRequest, members: frozenset[str]) -> tuple[str, ...]:
    """Who of some people approves, sorted."""
    return tuple(one.person for one in _approvals(proposal, members) if _is_of(one, proposal))


def _approvals(proposal: ReviewedPullRequest, members: frozenset[str]) -> list[ApprovalReview]:
    """The last word of each of some people who may approve and does, of whatever the pull request was then."""
    last = {one.person: one for one in proposal.opinions}
    may = members - {proposal.author, *proposal.contributors}
    return [one for person, one in sorted(last.items()) if person in may and one.approves and not one.dismissed]


def _is_of(one: ApprovalReview, proposal: ReviewedPullRequest) -> bool:
    """Whether an approval is of what the pull request is now."""
    if one.plan is None or one.plan.files != proposal.files:
        return False
    return one.plan.tree == proposal.tree or (one.commit == proposal.head and one.plan.packages == proposal.packages)


def missing_approvals(rule: PullRequestRule, proposal: ReviewedPullRequest, members: frozenset[str], *, again: bool) -> str:
    """What a pull request still lacks, in words; empty when it has all.

    Args:
        rule: the rule.
        proposal: the pull request.
        members: who is in the rule's teams.
        again: whether somebody who approved may still do so again: on Gitea only while it is open.
    """
    found = approvers(proposal, members)
    left = rule.min_approvals - len(found)
    if left <= 0:
        return ""
    before = [one.person for one in _approvals(proposal, members) if one.person not in found]
    may = ", and may again" if again else ""
    own = sorted({one.person for one in proposal.opinions if one.approves} & members & proposal.contributors - {proposal.author})
    so_far = [f"{', '.join(found)} approved"] if found else []
    so_far += [f"{', '.join(before)} approved of another plan, or of none{may}"] if before else []
    so_far += [f"{', '.join(own)} wrote or pushed a part of it"] if own else []
    told = f" ({'; '.join(so_far)})" if so_far else ""
    return f"{left} more of {any_of(rule.approvers)} must approve pull request {proposal.number}{told}"


def unapproved_changes(rule: PullRequestRule, changes: Iterable[Change], members: frozenset[str]) -> tuple[str, ...]:
    """What each change that lacks approval lacks, in words, the newest first."""
    found = []
    for change in (one for one in changes if not one.is_cosmetic):
        if change.proposal is None:
            found.append(f"{change.commit[:_SHORT]} {change.why_not or 'came with no merged pull request'}")
        elif words := missing_approvals(rule, change.proposal, members, again=False):
            found.append(f"{change.commit[:_SHORT]}: {words}")
    return tuple(found)


def any_of(teams: Sequence[str]) -> str:
    """Some teams in words."""
    return teams[0] if len(teams) == 1 else f"{', '.join(teams[:-1])} or {teams[-1]}"
