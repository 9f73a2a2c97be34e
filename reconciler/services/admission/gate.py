"""Evaluates the rules of EnvironmentPolicies: collects the facts that they need, and decides whether a commit is admitted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from reconciler.domain.admission.approvals import missing_approvals
from reconciler.domain.admission.rules import (
    Admission,
    RuleResult,
    Score,
    broken,
    evaluate_commits,
    evaluate_draft,
    evaluate_pull_request,
    evaluate_score,
    evaluate_soak,
    evaluate_window,
    inherited_holds,
    no_forge,
    unreadable,
)
from reconciler.domain.admission.soak import new_packages
from reconciler.domain.blocker import Held
from reconciler.model.errors import ConcurrentUpdateError, ReconcilerError
from reconciler.model.layout import MAIN, RESOLVED
from reconciler.model.policy import PullRequestRule, ScoreRule, SoakRule, WindowRule, seconds_of
from reconciler.model.status import Condition, policies_in_force
from reconciler.services.admission.admission_record import admitted_by
from reconciler.services.admission.transition import transition_to, unplanned_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.domain.admission.approvals import Change
    from reconciler.domain.admission.environment_policies import AppliedRule, EnvironmentPolicies
    from reconciler.domain.admission.plan_binding import PlanFingerprint
    from reconciler.domain.admission.soak import SoakTime
    from reconciler.model.forge import PullRequest
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.status import PolicyInForce
    from reconciler.services.admission.approvals import ApprovalReader
    from reconciler.services.admission.soak_history import SoakHistory
    from reconciler.services.repository.branches import EnvironmentBranches

    ReviewEvaluator = Callable[[str, PullRequestRule, ApprovalReader], RuleResult]
    ScoreReader = Callable[[ScoreRule, ApprovalReader], Sequence[Score]]


@dataclass(frozen=True)
class AdmissionVerdict:
    """The verdict on the head of `main`.

    Attributes:
        condition: the condition `Admitted`.
        held: why nothing is committed; None when it may be committed, or when there is nothing to commit.
        admission: the results of the rules, when they were evaluated: those that hold `main` hold every pull request too.
        policies: the EnvironmentPolicies in force for the Environment, also those that are missing.
        restored: the commit of `main` and the digest of its documents that were admitted with the tree to be committed, when that
            tree is what was admitted last; None otherwise.
    """

    condition: Condition
    held: Held | None = None
    admission: Admission = field(default_factory=Admission)
    policies: tuple[PolicyInForce, ...] = ()
    restored: tuple[str, str] | None = None


class AdmissionGate:
    """The rules for one Environment.

    Args:
        name: the Environment's name.
        policies: returns the current policies; raises a ReconcilerError.
        approvals: reads the approvals in its repository; None for one that is not on the forge.
        history: returns the soak history of an Environment by its name, or a message why there is none.
        clock: seconds since the epoch, by the reconciler's clock.
    """

    def __init__(
        self,
        name: str,
        policies: Callable[[], EnvironmentPolicies],
        approvals: ApprovalReader | None,
        history: Callable[[str], SoakHistory | str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._policies, self._approvals, self._history, self._clock = name, policies, approvals, history, clock
        self._last: tuple[tuple[str | None, ...], AdmissionVerdict] | None = None
        self._in_force: Mapping[str, str] = {}  # digests by name, as the last status names them
        self._teams: dict[tuple[str, ...], frozenset[str]] = {}  # as of the last fetch
        self._soaks: dict[tuple[str, ...], tuple[int, tuple[SoakTime, ...]]] = {}

    def evaluate(
        self, branches: EnvironmentBranches, lock: EnvironmentLock | None, tree: str | None, *, fetch: bool
    ) -> AdmissionVerdict:
        """Evaluate whether the head of `main` may be committed to `resolved`.

        Args:
            branches: the Environment's branches, as last fetched.
            lock: the lock that it resolves to; None when it resolves to none.
            tree: the tree that `resolved` would have.
            fetch: read the forge again; otherwise the last verdict is current until its `retry_at`.
        """
        if fetch:
            self._forget()
        self._remember_in_force(branches)
        verdict = self._evaluate(branches, lock, tree, fetch=fetch)
        return replace(verdict, policies=self._still_in_force())

    def _evaluate(
        self, branches: EnvironmentBranches, lock: EnvironmentLock | None, tree: str | None, *, fetch: bool
    ) -> AdmissionVerdict:
        transition = transition_to(branches, lock, tree)
        if transition.restored is not None:
            return replace(_NOTHING_TO_ADMIT, restored=transition.restored)
        held = transition.needs_admission
        try:
            policies = self._policies()
        except ReconcilerError as error:
            return _verdict("Unknown", error.reason, f"the policies cannot be read: {error}", held=held)
        problems, rules = policies.problems(self._name, self._in_force), policies.rules_for(self._name)
        if problems:
            return _verdict("False", "PolicyBroken", broken(problems).message, held=held)
        if not rules:
            return _verdict("True", "NoPolicy", "no EnvironmentPolicy applies")
        if not held:
            if branches.head(RESOLVED) is None or branches.input_of_resolved() == branches.head(MAIN):
                return _admitted(rules)
            return _NOTHING_TO_ADMIT
        key = (branches.head(MAIN), branches.head(RESOLVED), tree, policies.digest)
        if fetch or self._last is None or self._last[0] != key or self._is_due(self._last[1]):
            self._forget()
            admission = self._evaluate_commits(branches, rules, new_packages(branches.lock(), lock) if lock else ())
            unmet = _verdict(admission.status, admission.reason, admission.message, held=True, retry_at=admission.retry_at)
            verdict = _admitted(rules) if admission.status == "True" else unmet
            self._last = (key, replace(verdict, admission=admission))
        return self._last[1]

    def evaluate_pull_request(
        self,
        pull: PullRequest,
        packages: Sequence[Package],
        plan: PlanFingerprint | None,
        *,
        main: Admission,
        restores: bool = False,
    ) -> Admission:
        """Evaluate the rules for a pull request, as if it were merged now.

        Args:
            pull: the pull request.
            packages: the packages that are new in it.
            plan: the fingerprint of its plan, to which approvals are bound; None without a plan.
            main: the results for the head of `main`.
            restores: whether it takes `main` back to the admitted documents: then the results that hold `main` do not hold it.
        """

        def reviews(policy: str, rule: PullRequestRule, approvals: ApprovalReader) -> RuleResult:
            reviewed = approvals.proposal(pull.number, pull.author, pull.head, plan)
            return evaluate_pull_request(policy, rule, reviewed, self._members(rule, approvals))

        def scores(rule: ScoreRule, approvals: ApprovalReader) -> Sequence[Score]:
            return ((approvals.score_of_head(rule.set_by, pull.head, plan.files) if plan else None) or Score(pull.head),)

        admission = self._evaluate_current_rules(packages, reviews, scores)
        return admission if restores else Admission((*admission.results, *inherited_holds(main, admission)))

    def evaluate_draft(self, packages: Sequence[Package]) -> Admission:
        """Evaluate the rules for packages in a change without a pull request."""
        return self._evaluate_current_rules(
            packages, lambda policy, rule, _: evaluate_draft(policy, rule), lambda *_: (Score(""),)
        )

    def evaluate_update(self, branches: EnvironmentBranches, lock: EnvironmentLock) -> Admission:
        """Evaluate the rules for versions that are moved by hand: a rule that requires a pull request cannot be met."""
        self._remember_in_force(branches)
        policies = self._policies()
        if problems := policies.problems(self._name, self._in_force):
            return Admission((broken(problems),))
        rules = policies.rules_for(self._name)
        for applied in rules:
            if isinstance(applied.rule, PullRequestRule):
                message = "versions can only be moved in a pull request: change the range there"
                return Admission((RuleResult(applied.policy, applied.rule.kind, "False", "PendingApproval", message),))
        return self._evaluate_commits(branches, rules, new_packages(branches.lock(), lock))

    def seconds_until(self, moment: int | None) -> float | None:
        """Seconds until a moment in seconds since the epoch; None without one."""
        return None if moment is None else max(0.0, moment - self._clock())

    def _is_due(self, verdict: AdmissionVerdict) -> bool:
        retry_at = verdict.held.retry_at if verdict.held else None
        return retry_at is not None and self._clock() >= retry_at

    def _evaluate_commits(
        self, branches: EnvironmentBranches, rules: Sequence[AppliedRule], packages: Sequence[Package]
    ) -> Admission:
        """Evaluate the rules for the commits of `main`."""

        @cache  # several rules may need them
        def changes(approvals: ApprovalReader) -> Sequence[Change]:
            return approvals.change_history.changes(branches)

        def reviews(policy: str, rule: PullRequestRule, approvals: ApprovalReader) -> RuleResult:
            commits, members = changes(approvals), self._members(rule, approvals)
            approved = [
                change.proposal
                for change in commits
                if change.proposal and not missing_approvals(rule, change.proposal, members, again=False)
            ]
            return evaluate_commits(policy, rule, commits, members, unplanned_packages(packages, approved, branches))

        def scores(rule: ScoreRule, approvals: ApprovalReader) -> Sequence[Score]:
            spent = approvals.change_history.spent(branches)
            return approvals.scores(rule.set_by, branches.head(MAIN) or "", spent, lambda: changes(approvals))

        admission = self._evaluate_rules(rules, packages, reviews, scores)
        if self._approvals is None or admission.status != "True":
            return admission
        try:
            named = any(isinstance(applied.rule, PullRequestRule | ScoreRule) for applied in rules)
            return replace(admission, admitted_by=admitted_by(changes(self._approvals)) if named else ())
        except ConcurrentUpdateError:
            raise
        except ReconcilerError as error:
            return Admission((unreadable("", "policy", error),))

    def _evaluate_current_rules(self, packages: Sequence[Package], reviews: ReviewEvaluator, scores: ScoreReader) -> Admission:
        """Evaluate the rules of the current policies."""
        try:
            policies = self._policies()
        except ReconcilerError as error:
            return Admission((unreadable("", "policy", error),))
        if problems := policies.problems(self._name, self._in_force):
            return Admission((broken(problems),))
        return self._evaluate_rules(policies.rules_for(self._name), packages, reviews, scores)

    def _evaluate_rules(
        self, rules: Sequence[AppliedRule], packages: Sequence[Package], reviews: ReviewEvaluator, scores: ScoreReader
    ) -> Admission:
        """Evaluate each rule; rules about reviews and scores by the given functions."""
        now = int(self._clock())
        results = []
        for applied in rules:
            policy, rule = applied.policy, applied.rule
            try:
                if isinstance(rule, WindowRule):
                    results.append(evaluate_window(policy, rule, now))
                elif isinstance(rule, SoakRule):
                    results.append(self._soak(policy, rule, packages, now))
                elif self._approvals is None:
                    results.append(no_forge(policy, rule.kind))
                elif isinstance(rule, ScoreRule):
                    results.append(evaluate_score(policy, rule, scores(rule, self._approvals)))
                else:
                    results.append(reviews(policy, rule, self._approvals))
            except ConcurrentUpdateError:
                raise  # somebody pushed meanwhile: the whole pass is repeated
            except ReconcilerError as error:
                results.append(unreadable(policy, rule.kind, error))
        return Admission(tuple(results))

    def _remember_in_force(self, branches: EnvironmentBranches) -> None:
        status = branches.status()
        self._in_force = status.in_force("EnvironmentPolicy") if status is not None else {}

    def _still_in_force(self) -> tuple[PolicyInForce, ...]:
        """The policies in force: the current ones, and those that are missing or cannot be read."""
        try:
            policies = self._policies()
        except ReconcilerError:
            return policies_in_force("EnvironmentPolicy", self._in_force)
        missing = {name: self._in_force[name] for name in policies.missing(self._in_force)}
        return policies_in_force("EnvironmentPolicy", {**missing, **policies.in_force(self._name)})

    def _forget(self) -> None:
        self._teams, self._soaks = {}, {}

    def _members(self, rule: PullRequestRule, approvals: ApprovalReader) -> frozenset[str]:
        key = tuple(rule.approvers)
        if key not in self._teams:
            self._teams[key] = approvals.members(rule.approvers)
        return self._teams[key]

    def _soak(self, policy: str, rule: SoakRule, packages: Sequence[Package], now: int) -> RuleResult:
        history = self._history(rule.source_environment)
        if isinstance(history, str):
            return RuleResult(policy, rule.kind, "False", "UnknownSource", history)
        digests = tuple(package.digest for package in packages)
        key = (rule.source_environment, rule.duration, *digests)
        if key not in self._soaks:
            enough = seconds_of(rule.duration)
            self._soaks[key] = now, history.soaked(digests, enough=enough, now=now) if packages else ()
        read_at, soak_times = self._soaks[key]
        return evaluate_soak(policy, rule, packages, soak_times, read_at)


def _admitted(rules: Sequence[AppliedRule]) -> AdmissionVerdict:
    names = ", ".join(sorted({applied.policy for applied in rules}))
    return _verdict("True", "Admitted", f"the resolved packages were admitted as {names} requires")


def _verdict(status: str, reason: str, message: str, *, held: bool = False, retry_at: int | None = None) -> AdmissionVerdict:
    condition = Condition.model_validate({"type": "Admitted", "status": status, "reason": reason, "message": message})
    return AdmissionVerdict(condition, Held(reason, message, retry_at) if held else None)


_NOTHING_TO_ADMIT: Final = _verdict("True", "NothingToAdmit", "this commit changes nothing that is resolved")
