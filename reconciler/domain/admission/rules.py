"""Evaluates each rule of each EnvironmentPolicy, and combines the results: whether a change may be applied now.

The time is an argument, from the reconciler's clock: dates in commits of people have no effect. A fact that cannot be read never
admits. Messages contain moments instead of remaining times, so that a status changes only when its meaning does.
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

# From reasons that need people to reasons that time resolves: the first unmet one is the reason of the Admission.
_URGENCY: Final = (
    "PolicyBroken", "PendingApproval", "NotPlanned", "UnknownSource", "ScoreTooLow", "ScoreMissing", "Soaking", "OutsideWindow",
)  # fmt: skip

_PEOPLE: Final = frozenset({"PendingApproval", "ScoreTooLow", "ScoreMissing"})

_MAX_LISTED: Final = 5


@dataclass(frozen=True)
class RuleResult:
    """The result of one rule.

    Attributes:
        policy: the name of its policy.
        kind: the rule's kind.
        status: Unknown when a fact that the rule needs cannot be read.
        reason: a stable word; empty when the rule holds.
        message: who must do what, and when the rule will hold; or why it holds.
        retry_at: seconds since the epoch at which to evaluate again; None when time alone changes nothing.
    """

    policy: str
    kind: str
    status: Truth
    reason: str
    message: str
    retry_at: int | None = None


@dataclass(frozen=True)
class Admission:
    """The combined result of all rules; without any rule, everything is admitted.

    Attributes:
        results: the result of each rule.
        admitted_by: the changes whose approvals and scores it rests on, as the commit on `resolved` names them (`Admitted-By`).
    """

    results: tuple[RuleResult, ...] = ()
    admitted_by: tuple[str, ...] = ()

    @property
    def status(self) -> Truth:
        """True only when every rule holds."""
        answers = {result.status for result in self.results}
        return "False" if "False" in answers else "Unknown" if "Unknown" in answers else "True"

    @property
    def waits_only_for_windows(self) -> bool:
        """Whether the only unmet rules are change windows, so that nobody needs to act."""
        return all(result.status == "True" or result.reason == "OutsideWindow" for result in self.results)

    @property
    def reason(self) -> str:
        """The reason of the most urgent unmet rule, in the order of `_URGENCY`."""
        if not self.results:
            return "NoPolicy"
        if not (unmet := self._unmet()):
            return "Admitted"
        return min(
            (result.reason for result in unmet),
            key=lambda reason: _URGENCY.index(reason) if reason in _URGENCY else len(_URGENCY),
        )

    @property
    def message(self) -> str:
        """The unmet rules, each with who must do what."""
        if not self.results:
            return "no EnvironmentPolicy applies"
        if not (unmet := self._unmet()):
            return f"all rules hold of {', '.join(sorted({result.policy for result in self.results}))}"
        return "; ".join(f"{result.policy}: {result.message}" if result.policy else result.message for result in unmet)

    @property
    def retry_at(self) -> int | None:
        """When to evaluate again, seconds since the epoch; None when only people or the next fetch can change the result."""
        return min((result.retry_at for result in self._unmet() if result.retry_at is not None), default=None)

    def _unmet(self) -> list[RuleResult]:
        """The results of unmet rules: those known not to hold before those that are unknown."""
        return sorted((result for result in self.results if result.status != "True"), key=lambda result: result.status != "False")


def broken(problems: Sequence[Problem]) -> RuleResult:
    """Returns the result for broken policies."""
    message = f"{join_first(problems, 1, '; ')}; nothing new is applied until the policy is fixed"
    return RuleResult("", "policy", "False", "PolicyBroken", message)


def unreadable(policy: str, kind: str, error: ReconcilerError) -> RuleResult:
    """Returns the result of a rule for which a fact could not be read."""
    return RuleResult(policy, kind, "Unknown", error.reason, f"not determined yet, and tried again: {error}")


def no_forge(policy: str, kind: str) -> RuleResult:
    """Returns the result of a rule that needs a forge, for an Environment whose repository is not on one."""
    message = f"{kind} can never hold: this repository is not on a configured Gitea; move it to one, or remove the rule"
    return RuleResult(policy, kind, "False", "PendingApproval" if kind == "pr-required" else "ScoreMissing", message)


def evaluate_window(policy: str, rule: WindowRule, now: int) -> RuleResult:
    """Evaluates whether a change window is open."""
    window = window_at(rule, datetime.fromtimestamp(now, UTC))
    until = int(window.until.timestamp()) if window.until else None
    if window.open:
        return RuleResult(policy, rule.kind, "True", "", f"open until {moment(until)}" if until else "open", until)
    message = f"the change window opens at {moment(until)}" if until else "no change window opens again"
    return RuleResult(policy, rule.kind, "False", "OutsideWindow", message, until)


def evaluate_soak(policy: str, rule: SoakRule, packages: Sequence[Package], times: Sequence[SoakTime], now: int) -> RuleResult:
    """Evaluates whether the new packages were Ready in the source Environment for long enough.

    Args:
        policy: the policy's name.
        rule: the rule.
        packages: the packages that must have soaked (`domain.admission.soak.new_packages`).
        times: the soak time of each package, in the same order.
        now: seconds since the epoch.
    """
    required, source = seconds_of(rule.duration), rule.source_environment
    soaking = [(package, time) for package, time in zip(packages, times, strict=True) if time.seconds < required]
    if not soaking:
        message = f"Ready in {source} for {rule.duration}" if packages else "no new package has to soak"
        return RuleResult(policy, rule.kind, "True", "", message)
    messages = [_soak_message(package, time, source) for package, time in soaking if not time.ready]
    ends_at = max((now + required - time.seconds for _, time in soaking if time.ready), default=None)
    if ends_at is not None:
        names = _joined([_name(package) for package, time in soaking if time.ready])
        messages.append(f"{names} will have been Ready in {source} for {rule.duration} at {moment(ends_at)} if it stays so")
    only_time = all(time.ready for _, time in soaking)
    return RuleResult(policy, rule.kind, "False", "Soaking", _joined(messages), ends_at if only_time else None)


@dataclass(frozen=True)
class Score:
    """The newest score of a commit: state and description of its commit status, both empty without one."""

    commit: str
    state: str = ""
    description: str = ""


def evaluate_score(policy: str, rule: ScoreRule, scores: Sequence[Score]) -> RuleResult:
    """Evaluates whether each commit has a sufficient score; a high score of one commit does not compensate a low one of another.

    Args:
        policy: the policy's name.
        rule: the rule.
        scores: the score of each commit that needs one.
    """
    results = [_score(policy, rule, score) for score in scores]
    if not results:
        return RuleResult(policy, rule.kind, "True", "", "no change needs a score")
    return next((result for result in results if result.status != "True"), results[0])


def _score(policy: str, rule: ScoreRule, score: Score) -> RuleResult:
    required = f"at least {rule.min_score} of 100"
    subject = f"the commit status {SCORE_CONTEXT}{f' of {score.commit[:10]}' if score.commit else ''}"
    number = score_in(score.description)
    if not score.state:
        return RuleResult(policy, rule.kind, "False", "ScoreMissing", f"{subject} is missing; it must be {required}")
    if score.state == "pending" or (number is None and score.state == "success"):
        return RuleResult(policy, rule.kind, "False", "ScoreMissing", f"{subject} has no number yet; it must be {required}")
    if score.state != "success" or number is None or number < rule.min_score:
        actual = f"{number:g}" if number is not None and score.state == "success" else score.state
        return RuleResult(policy, rule.kind, "False", "ScoreTooLow", f"{subject} is {actual}; it must be {required}")
    return RuleResult(policy, rule.kind, "True", "", f"{subject} is {number:g}")


def evaluate_commits(
    policy: str, rule: PullRequestRule, changes: Sequence[Change], members: frozenset[str], unplanned: Sequence[Package] = ()
) -> RuleResult:
    """Evaluates whether each change of `main` since the resolved commit has a merged pull request with enough approvals.

    Args:
        policy: the policy's name.
        rule: the rule.
        changes: the changes since the resolved commit.
        members: the members of the rule's teams.
        unplanned: packages to be installed that no approved plan contains: versions released since.
    """
    unapproved = unapproved_changes(rule, changes, members)
    if not unapproved and changes and unplanned:
        names = _joined([_name(package) for package in unplanned])
        message = (
            f"{names} came out after the approved plan: open a pull request with any change of a document, so that it is planned"
        )
        return RuleResult(policy, rule.kind, "False", "NotPlanned", message)
    if not unapproved:
        return RuleResult(policy, rule.kind, "True", "", f"all changes are approved by {any_of(rule.approvers)}")
    teams = any_of(rule.approvers)
    fix = (
        f"revert it on main, and propose it in a pull request that {rule.min_approvals} of {teams} approve of before it is merged"
    )
    return RuleResult(policy, rule.kind, "False", "PendingApproval", f"{_joined(unapproved)}; {fix}")


def evaluate_pull_request(
    policy: str, rule: PullRequestRule, proposal: ReviewedPullRequest, members: frozenset[str]
) -> RuleResult:
    """Evaluates whether an open pull request has its approvals."""
    if lack := missing_approvals(rule, proposal, members, again=True):
        return RuleResult(policy, rule.kind, "False", "PendingApproval", lack)
    return RuleResult(policy, rule.kind, "True", "", f"approved by {any_of(rule.approvers)}")


def evaluate_draft(policy: str, rule: PullRequestRule) -> RuleResult:
    """Returns the approvals that a change needs before its pull request exists."""
    message = f"{rule.min_approvals} of {any_of(rule.approvers)} must approve its pull request"
    return RuleResult(policy, rule.kind, "False", "PendingApproval", message)


def inherited_holds(main: Admission, proposed: Admission) -> tuple[RuleResult, ...]:
    """Returns the results that already hold `main`.

    They also hold any pull request merged into it, except those the pull request already reports itself. Only rules that need
    people are inherited: the others were evaluated for both together, since the plan contains everything not installed yet.
    """
    reported = {(result.policy, result.kind, result.message) for result in proposed.results}
    held = (
        result
        for result in main.results
        if result.reason in _PEOPLE and (result.policy, result.kind, result.message) not in reported
    )
    return tuple(replace(result, message=f"main is held already: {result.message}") for result in held)


def score_in(description: str) -> float | None:
    """Returns the score in a description: of `83/100`, `score 83`, or its only number; None when that is ambiguous."""
    number = r"(?<![\d.])(\d{1,3}(?:\.\d+)?)(?![\d.]*\d)"
    for pattern in (number + r"\s*/\s*100\b", r"(?i)\bscore\b[^\d]{0,10}" + number):
        if match := re.search(pattern, description):
            return _of_hundred(match[1])
    numbers = re.findall(r"\d+(?:\.\d+)?", description)
    return _of_hundred(numbers[0]) if len(numbers) == 1 else None


def moment(at: int) -> str:
    """Formats a moment, given in seconds since the epoch, for a message."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _of_hundred(text: str) -> float | None:
    number = float(text)
    return number if number <= 100 else None  # noqa: PLR2004 - scores are of a hundred


def _soak_message(package: Package, time: SoakTime, source: str) -> str:
    if not time.seen:
        return f"{_name(package)} never ran in {source}: install it there first"
    return f"{_name(package)} is not Ready in {source}, or not observed: its {time.seconds // 60} minutes continue when it is"


def _name(package: Package) -> str:
    return f"{package.blueprint} {package.version}"


def _joined(messages: Sequence[str]) -> str:
    return join_first(messages, _MAX_LISTED, "; ")


def admission_summary(admission: Admission) -> str:
    """Summarises what merging would do now."""
    if admission.status == "True":
        return "merged now, it is applied at once"
    if admission.waits_only_for_windows:
        return "merged now, it waits for a change window"
    return "merged now, it is held"
