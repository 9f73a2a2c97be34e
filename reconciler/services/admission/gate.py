"""Whether what a commit comes to may be applied now: gathers what the rules of EnvironmentPolicies rest on, and asks them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

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
from reconciler.domain.locking.input_digests import input_digest
from reconciler.model.errors import ConcurrentUpdateError, ReconcilerError
from reconciler.model.layout import MAIN, RESOLVED
from reconciler.model.policy import PullRequestRule, ScoreRule, SoakRule, WindowRule, seconds_of
from reconciler.model.status import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.domain.admission.approvals import Change, ReviewedPullRequest
    from reconciler.domain.admission.environment_policies import AppliedRule, EnvironmentPolicies
    from reconciler.domain.admission.plan_binding import PlanFingerprint
    from reconciler.domain.admission.soak import SoakTime
    from reconciler.model.forge import PullRequest
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.services.admission.approvals import ApprovalReader
    from reconciler.services.admission.soak_history import SoakHistory
    from reconciler.services.repository.branches import EnvironmentBranches

    People = Callable[[str, PullRequestRule, ApprovalReader], RuleResult]
    Scores = Callable[[ScoreRule, ApprovalReader], Sequence[Score]]


@dataclass(frozen=True)
class AdmissionVerdict:
    """What is to be said of admission, and what follows.

    Attributes:
        condition: `Admitted`.
        held: why nothing is committed; None when it may be, or nothing is to be.
        admission: the results of the rules, when they were evaluated: those that hold `main` hold what is merged into it too.
    """

    condition: Condition
    held: Held | None = None
    admission: Admission = field(default_factory=Admission)


class AdmissionGate:
    """The rules for one Environment.

    Args:
        name: the Environment's.
        policies: reads all policies as they stand; raises a ReconcilerError.
        approvals: in its repository; None for one that is on no forge.
        history: finds an Environment's history by its name; a text that says why there is none to be asked.
        clock: seconds since the epoch, by our own clock.
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
        self._teams: dict[tuple[str, ...], frozenset[str]] = {}  # as read at the last look
        self._soaks: dict[tuple[str, ...], tuple[int, tuple[SoakTime, ...]]] = {}

    def evaluate(
        self, branches: EnvironmentBranches, lock: EnvironmentLock | None, tree: str | None, *, fetch: bool
    ) -> AdmissionVerdict:
        """Whether what the head of `main` comes to may be committed.

        Args:
            branches: the Environment's, as last seen.
            lock: what it comes to; None when it comes to nothing.
            tree: the tree that `resolved` would have then.
            fetch: ask the forge again; otherwise what was told before stands until its moment comes.
        """
        if fetch:
            self._forget()
        waits = lock is not None and tree != branches.tree(RESOLVED) and not _already_admitted(branches, lock)
        try:
            policies = self._policies()
        except ReconcilerError as fault:
            return _verdict("Unknown", fault.reason, f"the policies cannot be read: {fault}", held=waits)
        problems, rulings = policies.problems(self._name), policies.rules_for(self._name)
        if problems:
            return _verdict("False", "PolicyBroken", broken(problems).message, held=waits)
        if not rulings:
            return _verdict("True", "NoPolicy", "no EnvironmentPolicy applies")
        if not waits:
            if branches.head(RESOLVED) is None or branches.input_of_resolved() == branches.head(MAIN):
                return _admitted(rulings)
            return _verdict("True", "NothingToAdmit", "this commit changes nothing of what is resolved")
        key = (branches.head(MAIN), branches.head(RESOLVED), tree, policies.digest)
        if fetch or self._last is None or self._last[0] != key or self._is_due(self._last[1]):
            self._forget()
            found = self._commits(branches, rulings, new_packages(branches.lock(), lock) if lock else ())
            held = _verdict(found.status, found.reason, found.message, held=True, retry_at=found.retry_at)
            verdict = _admitted(rulings) if found.status == "True" else held
            self._last = (key, replace(verdict, admission=found))
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
        """What the rules say of a pull request, were it merged now.

        Args:
            pull: the pull request.
            packages: those that it brings anew.
            plan: its plan, to which approvals are bound; None when it has none.
            main: the results for the head of `main`.
            restores: whether it takes `main` back to what is admitted, and with it what is held there now.
        """

        def people(policy: str, rule: PullRequestRule, here: ApprovalReader) -> RuleResult:
            said = here.proposal(pull.number, pull.author, pull.head, plan)
            return evaluate_pull_request(policy, rule, said, self._members(rule, here))

        def scores(rule: ScoreRule, here: ApprovalReader) -> Sequence[Score]:
            return ((here.score_of_head(rule.set_by, pull.head, plan.files) if plan else None) or Score(pull.head),)

        found = self._ruled(packages, people, scores)
        return found if restores else Admission((*found.results, *inherited_holds(main, found)))

    def evaluate_draft(self, packages: Sequence[Package]) -> Admission:
        """What the rules say of packages in a change that nobody has proposed yet."""
        return self._ruled(packages, lambda policy, rule, _: evaluate_draft(policy, rule), lambda *_: (Score(""),))

    def evaluate_update(self, branches: EnvironmentBranches, lock: EnvironmentLock) -> Admission:
        """What the rules say of versions that somebody moves by hand: a rule that asks for a pull request cannot be met."""
        policies = self._policies()
        if problems := policies.problems(self._name):
            return Admission((broken(problems),))
        rulings = policies.rules_for(self._name)
        for one in rulings:
            if isinstance(one.rule, PullRequestRule):
                words = "versions are moved in a pull request: change the range there"
                return Admission((RuleResult(one.policy, one.rule.kind, "False", "PendingApproval", words),))
        return self._commits(branches, rulings, new_packages(branches.lock(), lock))

    def seconds_until(self, moment: int | None) -> float | None:
        """Seconds until a moment at which it is to be looked at again; None when nothing comes by time alone."""
        return None if moment is None else max(0.0, moment - self._clock())

    def _is_due(self, verdict: AdmissionVerdict) -> bool:
        retry_at = verdict.held.retry_at if verdict.held else None
        return retry_at is not None and self._clock() >= retry_at

    def _commits(self, branches: EnvironmentBranches, rulings: Sequence[AppliedRule], packages: Sequence[Package]) -> Admission:
        @cache  # more rules than one may ask
        def changes(here: ApprovalReader) -> Sequence[Change]:
            return here.change_history.changes(branches)

        def people(policy: str, rule: PullRequestRule, here: ApprovalReader) -> RuleResult:
            found, members = changes(here), self._members(rule, here)
            approved = [c.proposal for c in found if c.proposal and not missing_approvals(rule, c.proposal, members, again=False)]
            return evaluate_commits(policy, rule, found, members, _unplanned(packages, approved, branches))

        def scores(rule: ScoreRule, here: ApprovalReader) -> Sequence[Score]:
            return here.scores(rule.set_by, branches.head(MAIN) or "", lambda: changes(here))

        return self._evaluate_rules(rulings, packages, people, scores)

    def _ruled(self, packages: Sequence[Package], people: People, scores: Scores) -> Admission:
        """Ask each rule that applies now."""
        try:
            policies = self._policies()
        except ReconcilerError as fault:
            return Admission((unreadable("", "policy", fault),))
        if problems := policies.problems(self._name):
            return Admission((broken(problems),))
        return self._evaluate_rules(policies.rules_for(self._name), packages, people, scores)

    def _evaluate_rules(
        self, rulings: Sequence[AppliedRule], packages: Sequence[Package], people: People, scores: Scores
    ) -> Admission:
        """Ask each rule; those that rest on the forge through `people` and `scores`."""
        now = int(self._clock())
        results = []
        for ruling in rulings:
            policy, rule = ruling.policy, ruling.rule
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
                    results.append(people(policy, rule, self._approvals))
            except ConcurrentUpdateError:
                raise  # somebody pushed meanwhile: all is looked at again
            except ReconcilerError as fault:
                results.append(unreadable(policy, rule.kind, fault))
        return Admission(tuple(results))

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
        then, found = self._soaks[key]
        return evaluate_soak(policy, rule, packages, found, then)


def _already_admitted(branches: EnvironmentBranches, lock: EnvironmentLock) -> bool:
    """Whether what people ask for is what was admitted: to render it anew, or vouch for it anew, needs no other admission.

    It comes to something else when a Blueprint was published anew under the version that is locked.
    """
    if new_packages(branches.lock(), lock):
        return False
    if branches.input_of_resolved() == branches.head(MAIN):
        return True
    digest = branches.digest_of_resolved()
    return digest is not None and digest == input_digest(branches.input_snapshot())


def _unplanned(
    packages: Iterable[Package], approved: Iterable[ReviewedPullRequest], branches: EnvironmentBranches
) -> tuple[Package, ...]:
    """Those of some packages that were in no plan of what was approved."""
    found = set()
    for proposal in approved:
        plan = branches.plan(proposal.number)
        if plan is not None and plan.tree in proposal.trees:  # by our own status, whoever may push plans
            found |= {(p.application, p.digest) for p in plan.lock.packages}
    return tuple(p for p in packages if (p.application, p.digest) not in found)


def _admitted(rulings: Sequence[AppliedRule]) -> AdmissionVerdict:
    names = ", ".join(sorted({one.policy for one in rulings}))
    return _verdict("True", "Admitted", f"what is resolved was admitted as {names} asks")


def _verdict(status: str, reason: str, message: str, *, held: bool = False, retry_at: int | None = None) -> AdmissionVerdict:
    condition = Condition.model_validate({"type": "Admitted", "status": status, "reason": reason, "message": message})
    return AdmissionVerdict(condition, Held(reason, message, retry_at) if held else None)
