"""Whether a change may be applied now: each rule of each EnvironmentPolicy, and what all of them come to.

Time is an argument, and is our own clock's: what people's commits say of their dates never matters. What cannot be read is no
permission. Words hold moments and no counts that move with time, so that a status changes only when its meaning does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from reconciler.domain.admission.approvals import any_of, missing_approvals, unapproved_changes
from reconciler.domain.admission.change_window import window_at
from reconciler.domain.text.listing import join_first
from reconciler.model.commit_status import SCORE_CONTEXT
from reconciler.model.policy import seconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.domain.admission.approvals import Change, ReviewedPullRequest
    from reconciler.domain.admission.soak import SoakTime
    from reconciler.model.errors import ReconcilerError
    from reconciler.model.lock import Package
    from reconciler.model.policy import PullRequestRule, ScoreRule, SoakRule, WindowRule
    from reconciler.model.problem import Problem
    from reconciler.model.status import Truth

# From what people must do to what comes by itself: of what does not hold, the first gives its reason to the whole.
_URGENCY: Final = (
    "PolicyBroken", "PendingApproval", "NotPlanned", "UnknownSource", "ScoreTooLow", "ScoreMissing", "Soaking", "OutsideWindow",
)  # fmt: skip

_PEOPLE: Final = frozenset({"PendingApproval", "ScoreTooLow", "ScoreMissing"})

_MOST_TOLD: Final = 5


@dataclass(frozen=True)
class RuleResult:
    """What one rule says.

    Attributes:
        policy: the name of its policy.
        kind: the rule's.
        status: Unknown when what it rests on cannot be read.
        reason: a stable word; empty when it holds.
        message: who must do what, and when it will hold; or why it does.
        retry_at: seconds since the epoch at which it is worth looking again; None when nothing comes by time alone.
    """

    policy: str
    kind: str
    status: Truth
    reason: str
    message: str
    retry_at: int | None = None


@dataclass(frozen=True)
class Admission:
    """What all rules come to; without any, all is admitted."""

    results: tuple[RuleResult, ...] = ()

    @property
    def status(self) -> Truth:
        """True only when every rule holds."""
        answers = {one.status for one in self.results}
        return "False" if "False" in answers else "Unknown" if "Unknown" in answers else "True"

    @property
    def waits_only_for_windows(self) -> bool:
        """Whether nobody has to do anything, and only a window must open."""
        return all(one.status == "True" or one.reason == "OutsideWindow" for one in self.results)

    @property
    def reason(self) -> str:
        """The word for the whole."""
        if not self.results:
            return "NoPolicy"
        if not (open_ := self._open()):
            return "Admitted"
        return min((one.reason for one in open_), key=lambda word: _URGENCY.index(word) if word in _URGENCY else len(_URGENCY))

    @property
    def message(self) -> str:
        """What does not hold, and who must do what."""
        if not self.results:
            return "no EnvironmentPolicy applies"
        if not (open_ := self._open()):
            return f"all rules hold of {', '.join(sorted({one.policy for one in self.results}))}"
        return "; ".join(f"{one.policy}: {one.message}" if one.policy else one.message for one in open_)

    @property
    def retry_at(self) -> int | None:
        """When to look again, seconds since the epoch; None when only people or the poll can change it."""
        return min((one.retry_at for one in self._open() if one.retry_at is not None), default=None)

    def _open(self) -> list[RuleResult]:
        """The results that do not hold; with something that is known not to, what is unknown says less."""
        return sorted((one for one in self.results if one.status != "True"), key=lambda one: one.status != "False")


def broken(problems: Sequence[Problem]) -> RuleResult:
    """The result of policies that cannot be used."""
    words = f"{join_first(problems, 1, '; ')}; nothing new is applied until the policy is mended"
    return RuleResult("", "policy", "False", "PolicyBroken", words)


def unreadable(policy: str, kind: str, fault: ReconcilerError) -> RuleResult:
    """The result of a rule that rests on what cannot be read now."""
    return RuleResult(policy, kind, "Unknown", fault.reason, f"it cannot be told now, and is tried again: {fault}")


def no_forge(policy: str, kind: str) -> RuleResult:
    """The result of a rule that needs a forge, for an Environment that is on none."""
    words = f"{kind} can never hold: this repository is not on a Gitea that the reconciler knows; move it there, or drop the rule"
    return RuleResult(policy, kind, "False", "PendingApproval" if kind == "pr-required" else "ScoreMissing", words)


def evaluate_window(policy: str, rule: WindowRule, now: int) -> RuleResult:
    """Whether a change window is open."""
    found = window_at(rule, datetime.fromtimestamp(now, UTC))
    until = int(found.until.timestamp()) if found.until else None
    if found.open:
        return RuleResult(policy, rule.kind, "True", "", f"open until {moment(until)}" if until else "open", until)
    opens = f"the change window opens at {moment(until)}" if until else "no change window is ahead"
    return RuleResult(policy, rule.kind, "False", "OutsideWindow", opens, until)


def evaluate_soak(policy: str, rule: SoakRule, packages: Sequence[Package], found: Sequence[SoakTime], now: int) -> RuleResult:
    """Whether what is new was Ready elsewhere for long enough.

    Args:
        policy: its name.
        rule: the rule.
        packages: those that must have soaked (`domain.admission.soak.fresh`).
        found: what was seen of each, in the same order.
        now: seconds since the epoch.
    """
    asked, source = seconds_of(rule.duration), rule.source_environment
    left = [(package, one) for package, one in zip(packages, found, strict=True) if one.seconds < asked]
    if not left:
        words = f"{rule.duration} in {source} are over" if packages else "nothing is new that would have to soak"
        return RuleResult(policy, rule.kind, "True", "", words)
    told = [_soaking(package, one, source) for package, one in left if not one.ready]
    done = max((now + asked - one.seconds for _, one in left if one.ready), default=None)
    if done is not None:
        names = _some([_name(package) for package, one in left if one.ready])
        told.append(f"{names} will have been Ready in {source} for {rule.duration} at {moment(done)} if it stays so")
    by_itself = all(one.ready for _, one in left)
    return RuleResult(policy, rule.kind, "False", "Soaking", _some(told), done if by_itself else None)


@dataclass(frozen=True)
class Score:
    """The newest score of a commit: the commit status's state and description, both empty when there is none."""

    commit: str
    state: str = ""
    description: str = ""


def evaluate_score(policy: str, rule: ScoreRule, scores: Sequence[Score]) -> RuleResult:
    """Whether each of some commits has a score that is high enough; what was scored lower is not carried by another's.

    Args:
        policy: its name.
        rule: the rule.
        scores: of each commit that needs one.
    """
    found = [_score(policy, rule, one) for one in scores]
    if not found:
        return RuleResult(policy, rule.kind, "True", "", "nothing changed that would need a score")
    return next((one for one in found if one.status != "True"), found[0])


def _score(policy: str, rule: ScoreRule, score: Score) -> RuleResult:
    want = f"at least {rule.min_score} of 100"
    what = f"the commit status {SCORE_CONTEXT}{f' of {score.commit[:10]}' if score.commit else ''}"
    number = score_in(score.description)
    if not score.state:
        return RuleResult(policy, rule.kind, "False", "ScoreMissing", f"{what} must say {want}")
    if score.state == "pending" or (number is None and score.state == "success"):
        return RuleResult(policy, rule.kind, "False", "ScoreMissing", f"{what} has no number yet; it must say {want}")
    if score.state != "success" or number is None or number < rule.min_score:
        said = f"{number:g}" if number is not None and score.state == "success" else score.state
        return RuleResult(policy, rule.kind, "False", "ScoreTooLow", f"{what} is {said}; it must be {want}")
    return RuleResult(policy, rule.kind, "True", "", f"{what} is {number:g}")


def evaluate_commits(
    policy: str, rule: PullRequestRule, changes: Sequence[Change], members: frozenset[str], unplanned: Sequence[Package] = ()
) -> RuleResult:
    """Whether each change of `main` since what is resolved came with a merged pull request that enough people approve of.

    Args:
        policy: its name.
        rule: the rule.
        changes: since what is resolved.
        members: who is in the rule's teams.
        unplanned: what would be installed, and was in no plan that was approved: versions that came out since.
    """
    open_ = unapproved_changes(rule, changes, members)
    if not open_ and changes and unplanned:
        names = _some([_name(one) for one in unplanned])
        words = f"{names} came out after what was approved: propose any change of a document, which then is planned with it"
        return RuleResult(policy, rule.kind, "False", "NotPlanned", words)
    if not open_:
        return RuleResult(policy, rule.kind, "True", "", f"all changes are approved by {any_of(rule.approvers)}")
    who = any_of(rule.approvers)
    out = f"revert it on main, and propose it in a pull request that {rule.min_approvals} of {who} approve of before it is merged"
    return RuleResult(policy, rule.kind, "False", "PendingApproval", f"{_some(open_)}; {out}")


def evaluate_pull_request(
    policy: str, rule: PullRequestRule, proposal: ReviewedPullRequest, members: frozenset[str]
) -> RuleResult:
    """Whether an open pull request has its approvals."""
    if words := missing_approvals(rule, proposal, members, again=True):
        return RuleResult(policy, rule.kind, "False", "PendingApproval", words)
    return RuleResult(policy, rule.kind, "True", "", f"approved by {any_of(rule.approvers)}")


def evaluate_draft(policy: str, rule: PullRequestRule) -> RuleResult:
    """What people must do about a change that nobody has proposed yet."""
    words = f"{rule.min_approvals} of {any_of(rule.approvers)} must approve its pull request"
    return RuleResult(policy, rule.kind, "False", "PendingApproval", words)


def inherited_holds(main: Admission, found: Admission) -> tuple[RuleResult, ...]:
    """What people must do about `main` already, which holds whatever is merged into it too, but for what holds that itself.

    The other rules were asked of both together: all that is not installed yet is in the plan.
    """
    same = {(one.policy, one.kind, one.message) for one in found.results}
    held = (one for one in main.results if one.reason in _PEOPLE and (one.policy, one.kind, one.message) not in same)
    return tuple(replace(one, message=f"main is held already: {one.message}") for one in held)


def score_in(description: str) -> float | None:
    """The number in a description: of `83/100`, `score 83`, or the only one that there is; None when that is not plain."""
    number = r"(?<![\d.])(\d{1,3}(?:\.\d+)?)(?![\d.]*\d)"
    for pattern in (number + r"\s*/\s*100\b", r"(?i)\bscore\b[^\d]{0,10}" + number):
        if found := re.search(pattern, description):
            return _of_hundred(found[1])
    every = re.findall(r"\d+(?:\.\d+)?", description)
    return _of_hundred(every[0]) if len(every) == 1 else None


def moment(at: int) -> str:
    """A moment in words."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _of_hundred(text: str) -> float | None:
    number = float(text)
    return number if number <= 100 else None  # noqa: PLR2004 - scores are of a hundred


def _soaking(package: Package, one: SoakTime, source: str) -> str:
    if not one.seen:
        return f"{_name(package)} was never in {source}: it must run there first"
    return f"{_name(package)} is not Ready in {source}, or nobody watches it: its {one.seconds // 60} minutes go on when it is"


def _name(package: Package) -> str:
    return f"{package.blueprint} {package.version}"


def _some(words: Sequence[str]) -> str:
    return join_first(words, _MOST_TOLD, "; ")


def admission_summary(admission: Admission) -> str:
    """What would happen, in a few words."""
    if admission.status == "True":
        return "merged now, it is applied at once"
    if admission.waits_only_for_windows:
        return "merged now, it waits for a change window"
    return "merged now, it is held"
