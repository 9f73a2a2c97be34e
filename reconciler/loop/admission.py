"""Whether what a commit comes to may be applied now: gathers what the rules of EnvironmentPolicies rest on, and asks them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from reconciler.decide.admission import (
    Admission,
    Result,
    Score,
    beside,
    broken,
    by_commits,
    by_draft,
    by_proposal,
    by_score,
    by_soak,
    by_window,
    no_forge,
    unread,
)
from reconciler.decide.approvals import lacking
from reconciler.decide.blocker import Held
from reconciler.decide.soak import fresh
from reconciler.loop.branches import MAIN, RESOLVED
from reconciler.loop.desire import input_of
from reconciler.model.faults import Fault, Moved
from reconciler.model.policy import PullRequestRule, ScoreRule, SoakRule, WindowRule, seconds_of
from reconciler.model.status import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.decide.approvals import Change, Proposal
    from reconciler.decide.marks import Bound
    from reconciler.decide.policies import EnvironmentPolicies, Ruling
    from reconciler.decide.soak import Soaked
    from reconciler.loop.approvals import Approvals
    from reconciler.loop.branches import Branches
    from reconciler.loop.soaks import History
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.world.gitea import PullRequest

    People = Callable[[str, PullRequestRule, Approvals], Result]
    Scores = Callable[[ScoreRule, Approvals], Sequence[Score]]


@dataclass(frozen=True)
class Verdict:
    """What is to be said of admission, and what follows.

    Attributes:
        condition: `Admitted`.
        held: why nothing is committed; None when it may be, or nothing is to be.
        admission: the results of the rules, when they were evaluated: those that hold `main` hold what is merged into it too.
    """

    condition: Condition
    held: Held | None = None
    admission: Admission = field(default_factory=Admission)


class Gate:
    """The rules for one Environment.

    Args:
        name: the Environment's.
        policies: reads all policies as they stand; raises a Fault.
        approvals: in its repository; None for one that is on no forge.
        history: finds an Environment's history by its name; a text that says why there is none to be asked.
        clock: seconds since the epoch, by our own clock.
    """

    def __init__(
        self,
        name: str,
        policies: Callable[[], EnvironmentPolicies],
        approvals: Approvals | None,
        history: Callable[[str], History | str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._policies, self._approvals, self._history, self._clock = name, policies, approvals, history, clock
        self._last: tuple[tuple[str | None, ...], Verdict] | None = None
        self._teams: dict[tuple[str, ...], frozenset[str]] = {}  # as read at the last look
        self._soaks: dict[tuple[str, ...], tuple[int, tuple[Soaked, ...]]] = {}

    def of(self, branches: Branches, lock: EnvironmentLock | None, tree: str | None, *, look: bool) -> Verdict:
        """Whether what the head of `main` comes to may be committed.

        Args:
            branches: the Environment's, as last seen.
            lock: what it comes to; None when it comes to nothing.
            tree: the tree that `resolved` would have then.
            look: ask the forge again; otherwise what was told before stands until its moment comes.
        """
        if look:
            self._forget()
        waits = lock is not None and tree != branches.tree(RESOLVED) and not _is_admitted(branches, lock)
        try:
            policies = self._policies()
        except Fault as fault:
            return _verdict("Unknown", fault.reason, f"the policies cannot be read: {fault}", held=waits)
        problems, rulings = policies.problems(self._name), policies.rulings(self._name)
        if problems:
            return _verdict("False", "PolicyBroken", broken(problems).words, held=waits)
        if not rulings:
            return _verdict("True", "NoPolicy", "no EnvironmentPolicy applies")
        if not waits:
            if branches.head(RESOLVED) is None or branches.input_of_resolved() == branches.head(MAIN):
                return _admitted(rulings)
            return _verdict("True", "NothingToAdmit", "this commit changes nothing of what is resolved")
        key = (branches.head(MAIN), branches.head(RESOLVED), tree, policies.digest)
        if look or self._last is None or self._last[0] != key or self._is_due(self._last[1]):
            self._forget()
            found = self._commits(branches, rulings, fresh(branches.lock(), lock) if lock else ())
            held = _verdict(found.holds, found.reason, found.message, held=True, retry_at=found.moment)
            verdict = _admitted(rulings) if found.holds == "True" else held
            self._last = (key, replace(verdict, admission=found))
        return self._last[1]

    def of_pull(
        self, pull: PullRequest, packages: Sequence[Package], plan: Bound | None, *, main: Admission, restores: bool = False
    ) -> Admission:
        """What the rules say of a pull request, were it merged now.

        Args:
            pull: the pull request.
            packages: those that it brings anew.
            plan: its plan, to which approvals are bound; None when it has none.
            main: the results for the head of `main`.
            restores: whether it takes `main` back to what is admitted, and with it what is held there now.
        """

        def people(policy: str, rule: PullRequestRule, here: Approvals) -> Result:
            said = here.proposal(pull.number, pull.author, pull.head, plan)
            return by_proposal(policy, rule, said, self._members(rule, here))

        def scores(rule: ScoreRule, here: Approvals) -> Sequence[Score]:
            return ((here.score_of_head(rule.set_by, pull.head, plan.files) if plan else None) or Score(pull.head),)

        found = self._ruled(packages, people, scores)
        return found if restores else Admission((*found.results, *beside(main, found)))

    def of_draft(self, packages: Sequence[Package]) -> Admission:
        """What the rules say of packages in a change that nobody has proposed yet."""
        return self._ruled(packages, lambda policy, rule, _: by_draft(policy, rule), lambda *_: (Score(""),))

    def of_update(self, branches: Branches, lock: EnvironmentLock) -> Admission:
        """What the rules say of versions that somebody moves by hand: a rule that asks for a pull request cannot be met."""
        policies = self._policies()
        if problems := policies.problems(self._name):
            return Admission((broken(problems),))
        rulings = policies.rulings(self._name)
        for one in rulings:
            if isinstance(one.rule, PullRequestRule):
                words = "versions are moved in a pull request: change the range there"
                return Admission((Result(one.policy, one.rule.kind, "False", "PendingApproval", words),))
        return self._commits(branches, rulings, fresh(branches.lock(), lock))

    def due(self, moment: int | None) -> float | None:
        """Seconds until a moment at which it is to be looked at again; None when nothing comes by time alone."""
        return None if moment is None else max(0.0, moment - self._clock())

    def _is_due(self, verdict: Verdict) -> bool:
        retry_at = verdict.held.retry_at if verdict.held else None
        return retry_at is not None and self._clock() >= retry_at

    def _commits(self, branches: Branches, rulings: Sequence[Ruling], packages: Sequence[Package]) -> Admission:
        @cache  # more rules than one may ask
        def changes(here: Approvals) -> Sequence[Change]:
            return here.change_history.changes(branches)

        def people(policy: str, rule: PullRequestRule, here: Approvals) -> Result:
            found, members = changes(here), self._members(rule, here)
            approved = [c.proposal for c in found if c.proposal and not lacking(rule, c.proposal, members, again=False)]
            return by_commits(policy, rule, found, members, _unplanned(packages, approved, branches))

        def scores(rule: ScoreRule, here: Approvals) -> Sequence[Score]:
            return here.scores(rule.set_by, branches.head(MAIN) or "", lambda: changes(here))

        return self._asked(rulings, packages, people, scores)

    def _ruled(self, packages: Sequence[Package], people: People, scores: Scores) -> Admission:
        """Ask each rule that applies now."""
        try:
            policies = self._policies()
        except Fault as fault:
            return Admission((unread("", "policy", fault),))
        if problems := policies.problems(self._name):
            return Admission((broken(problems),))
        return self._asked(policies.rulings(self._name), packages, people, scores)

    def _asked(self, rulings: Sequence[Ruling], packages: Sequence[Package], people: People, scores: Scores) -> Admission:
        """Ask each rule; those that rest on the forge through `people` and `scores`."""
        now = int(self._clock())
        results = []
        for ruling in rulings:
            policy, rule = ruling.policy, ruling.rule
            try:
                if isinstance(rule, WindowRule):
                    results.append(by_window(policy, rule, now))
                elif isinstance(rule, SoakRule):
                    results.append(self._soak(policy, rule, packages, now))
                elif self._approvals is None:
                    results.append(no_forge(policy, rule.kind))
                elif isinstance(rule, ScoreRule):
                    results.append(by_score(policy, rule, scores(rule, self._approvals)))
                else:
                    results.append(people(policy, rule, self._approvals))
            except Moved:
                raise  # somebody pushed meanwhile: all is looked at again
            except Fault as fault:
                results.append(unread(policy, rule.kind, fault))
        return Admission(tuple(results))

    def _forget(self) -> None:
        self._teams, self._soaks = {}, {}

    def _members(self, rule: PullRequestRule, approvals: Approvals) -> frozenset[str]:
        key = tuple(rule.approvers)
        if key not in self._teams:
            self._teams[key] = approvals.members(rule.approvers)
        return self._teams[key]

    def _soak(self, policy: str, rule: SoakRule, packages: Sequence[Package], now: int) -> Result:
        history = self._history(rule.source_environment)
        if isinstance(history, str):
            return Result(policy, rule.kind, "False", "UnknownSource", history)
        digests = tuple(package.digest for package in packages)
        key = (rule.source_environment, rule.duration, *digests)
        if key not in self._soaks:
            enough = seconds_of(rule.duration)
            self._soaks[key] = now, history.soaked(digests, enough=enough, now=now) if packages else ()
        then, found = self._soaks[key]
        return by_soak(policy, rule, packages, found, then)


def _is_admitted(branches: Branches, lock: EnvironmentLock) -> bool:
    """Whether what people ask for is what was admitted: to render it anew, or vouch for it anew, needs no other admission.

    It comes to something else when a Blueprint was published anew under the version that is locked.
    """
    if fresh(branches.lock(), lock):
        return False
    if branches.input_of_resolved() == branches.head(MAIN):
        return True
    digest = branches.digest_of_resolved()
    return digest is not None and digest == input_of(branches.wanted_files())


def _unplanned(packages: Iterable[Package], approved: Iterable[Proposal], branches: Branches) -> tuple[Package, ...]:
    """Those of some packages that were in no plan of what was approved."""
    found = set()
    for proposal in approved:
        plan = branches.plan(proposal.number)
        if plan is not None and plan.tree in proposal.trees:  # by our own status, whoever may push plans
            found |= {(p.application, p.digest) for p in plan.lock.packages}
    return tuple(p for p in packages if (p.application, p.digest) not in found)


def _admitted(rulings: Sequence[Ruling]) -> Verdict:
    names = ", ".join(sorted({one.policy for one in rulings}))
    return _verdict("True", "Admitted", f"what is resolved was admitted as {names} asks")


def _verdict(status: str, reason: str, message: str, *, held: bool = False, retry_at: int | None = None) -> Verdict:
    condition = Condition.model_validate({"type": "Admitted", "status": status, "reason": reason, "message": message})
    return Verdict(condition, Held(reason, message, retry_at) if held else None)
