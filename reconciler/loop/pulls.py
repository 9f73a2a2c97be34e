"""Pull requests of one Environment: each gets a plan on a branch, one comment that is kept up to date, and commit statuses.

All of it is made anew from what the forge and git hold: a pass that finds everything as it should be writes nothing, also after
a restart. What goes wrong with one pull request is told in the log, tried again at the next look, and keeps nothing else up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVarTuple

import structlog

from reconciler.decide.aftermath import applied, held_up, told_after
from reconciler.decide.blocker import Refused, is_final, unavailable
from reconciler.decide.changes import changes, counted
from reconciler.decide.comment import comment
from reconciler.decide.marks import PLAN_CONTEXT, POLICY_CONTEXT, plan_mark, policy_mark
from reconciler.decide.policy_section import section
from reconciler.decide.soak import fresh
from reconciler.loop.branches import MAIN, PLAN, RESOLVED, ref_of
from reconciler.loop.comments import CommentForge, Comments
from reconciler.loop.desire import WANTED, input_of
from reconciler.loop.notices import STANDS, Forge, Notices
from reconciler.loop.plan import bound_of, holds, plan, planned_of, restores, reviewed
from reconciler.model.faults import Fault, Missing, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.decide.admission import Admission
    from reconciler.decide.blocker import Unavailable
    from reconciler.decide.marks import Bound, Mark
    from reconciler.loop.admission import Gate
    from reconciler.loop.branches import Branches
    from reconciler.loop.claims import Claim
    from reconciler.loop.desire import Identity
    from reconciler.loop.passes import Outcome, World
    from reconciler.loop.plan import Plan
    from reconciler.loop.planned import Planned
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.world.git import Repository
    from reconciler.world.gitea import PullRequest

_LEAST: Final = 1.0  # seconds between two looks that time alone asks for
_LANDS: Final = 10.0  # seconds in which the forge marks what is on `main` as merged, its clock and ours not being quite the same

log = structlog.get_logger()

Ts = TypeVarTuple("Ts")


class PullForge(Forge, CommentForge, Protocol):
    """What pull requests need of a forge; `world.gitea.Gitea` in earnest."""

    def pull_requests(self, repository: str) -> Sequence[PullRequest]:
        """The open ones, the oldest first."""

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """One of them, open or closed."""


@dataclass
class _Told:
    """What a pull request was told, what that rests on, until when it stands (None: until that changes), and when it was seen.

    Moments are of the monotonic clock.
    """

    key: tuple[str | None, ...]
    main: EnvironmentLock | None
    until: float | None
    notices: Notices
    packages: tuple[Package, ...]
    bound: Bound | None
    admission: Admission
    marks: Mapping[str, Mark]
    text: str
    seen: float
    restores: bool


class Pulls:
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
        clone: Repository,
        identity: Identity,
        world: World,
        claim: Claim,
        gate: Gate,
        stands: float = STANDS,
    ) -> None:
        self._stands = stands
        self._gate = gate
        self._forge, self._repository, self._clone = forge, repository, clone
        self._comments = Comments(forge, user, repository)
        self._identity, self._world, self._claim = identity, world, claim
        self._told: dict[int, _Told] = {}
        self._after: dict[int, Sequence[str]] = {}
        self._unseen: set[tuple[int, str]] = set()
        self._landing: set[int] = set()

    def proposed(self) -> frozenset[int]:
        """The pull requests that are open; none when that cannot be told. Never raises a Fault."""
        try:
            return frozenset(one.number for one in self._forge.pull_requests(self._repository))
        except Fault as fault:
            log.warning("pull requests not asked for", repository=self._repository, why=str(fault))
            return frozenset()

    def look(self, branches: Branches, outcome: Outcome) -> float | None:
        """Plan what is open and not planned yet, and end what is closed. Never raises a Fault.

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
        except Fault as fault:
            log.warning("pull requests not looked at", repository=self._repository, why=str(fault))
            return None
        self._landing.clear()
        for pull in asked:
            others = frozenset(one.number for one in asked) - {pull.number}
            self._tend(pull.number, self._keep, pull, branches, outcome, others)
        for number in {*branches.plans, *self._told} - {pull.number for pull in asked}:
            self._told.pop(number, None)
            self._tend(number, self._end, number, branches, outcome)
        moments = (one.moment for told in self._told.values() for one in told.admission.results if one.moment is not None)
        dues = (self._gate.due(min(moments, default=None)), _LANDS if self._landing else None)
        return min((max(_LEAST, due) for due in dues if due is not None), default=None)

    def _is_landing(self, number: int, branches: Branches) -> bool:
        """Whether `main` has just come to hold what a pull request changes: the forge marks it as merged after that.

        Were it planned in between, as one that changes nothing, what people reviewed would be gone.
        """
        planned = branches.plan(number)
        if planned is None or not planned.changes or abs(time.time() - branches.time(MAIN)) > _LANDS:
            return False
        return holds(branches.wanted_files(), planned.changes)

    def _tend(self, number: int, work: Callable[[*Ts], None], *arguments: *Ts) -> None:
        try:
            work(*arguments)
        except Fault as fault:
            log.warning("pull request not planned", repository=self._repository, number=number, why=str(fault))

    def _keep(self, pull: PullRequest, branches: Branches, outcome: Outcome, others: frozenset[int]) -> None:
        """Bring what a pull request was told up to date, given what `main` comes to without it, and what else is open."""
        main = outcome.lock
        if self._is_landing(pull.number, branches):
            self._landing.add(pull.number)
            return
        key = (pull.head, branches.head(MAIN), branches.head(RESOLVED), self._world.policies().digest)
        told = self._told.get(pull.number)
        same = told is not None and (told.key, told.main) == (key, main)
        if told is not None and same and (told.until is None or time.monotonic() < told.until):
            admission = self._gate.of_pull(pull, told.packages, told.bound, main=outcome.admission, restores=told.restores)
            if admission == told.admission:
                self._keep_told(pull, told)
                return
        found = self._planned(pull, branches, others)
        packages = fresh(found.prior, found.desired.lock) if found.desired else ()
        bound = bound_of(found, branches.wanted_files(), main)
        takes_back = restores(found, branches)
        admission = self._gate.of_pull(pull, packages, bound, main=outcome.admission, restores=takes_back)
        text = self._text(pull.number, found, admission)
        self._comments.say(pull.number, text)  # people first: the forge takes its time over a push
        unkept = self._put(pull.number, found, branches, main)
        notices = told.notices if told else Notices(self._forge, self._repository)
        mark = plan_mark(found.steps, found.total, bound, unkept or found.blocker)
        marks = {PLAN_CONTEXT: mark, POLICY_CONTEXT: policy_mark(admission, planned=found.desired is not None)}
        if marks[POLICY_CONTEXT].state != "success":  # it comes first: a green plan alone must not let anybody merge
            notices.post(pull.head, {POLICY_CONTEXT: marks[POLICY_CONTEXT]})
        notices.post(pull.head, marks)
        lasting = unkept is None and (found.blocker is None or is_final(found.blocker))
        until = None if lasting else time.monotonic() + self._world.retry
        self._told[pull.number] = _Told(
            key, main, until, notices, packages, bound, admission, marks, text, time.monotonic(), takes_back
        )

    def _keep_told(self, pull: PullRequest, told: _Told) -> None:
        """Have what was told stand there still: whoever may write may overwrite it."""
        told.notices.post(pull.head, told.marks)
        if time.monotonic() - told.seen >= self._stands:
            self._comments.say(pull.number, told.text)
            told.seen = time.monotonic()

    def _planned(self, pull: PullRequest, branches: Branches, others: frozenset[int]) -> Plan:
        head = branches.head(MAIN) or ""
        self._clone.fetch({MAIN: head, ref_of(f"pull/{pull.number}"): pull.head})
        snapshot = self._clone.merge(head, pull.head, WANTED)
        known = reviewed(branches, snapshot, lambda: others)
        return plan(snapshot, self._identity, branches.lock(), self._world, self._claim, reviewed=known)

    def _text(self, number: int, found: Plan, admission: Admission) -> str:
        """What is to be said of what was found, and of what the rules say of it."""
        return comment(
            self._identity.name,
            found.steps,
            found.total,
            found.tree,
            warnings=found.warnings,
            blocker=found.blocker,
            compare=f"{self._repository}/compare/{RESOLVED}...{PLAN}{number}" if found.prior else "",
            policy=section(admission, planned=found.desired is not None),
        )

    def _put(self, number: int, found: Plan, branches: Branches, main: EnvironmentLock | None) -> Unavailable | None:
        """Have the plan's branch hold what was found; the reason when the server does not let us, as beside a branch `plan`.

        While it cannot be told what a pull request comes to, the plan that people read stays.
        """
        planned = planned_of(found, branches, main)
        if found.desired is None or planned is None:
            if isinstance(found.blocker, Refused):
                branches.drop_plan(number)
            return None
        lines = changes(found.prior, found.desired.lock)
        summary = f"{self._identity.name}: plan of pull request {number}: {counted(len(lines), found.total)}"
        try:
            branches.push_plan(number, planned, found.desired.files, summary)
        except Rejected as fault:
            return unavailable("Committed", fault)
        return None

    def _end(self, number: int, branches: Branches, outcome: Outcome) -> None:
        """Say on a merged one what came of its plan, and drop the plan of one that is closed once nothing needs it any more.

        Until what was merged is decided on, its plan stays: it is what was reviewed, however long a decision is held up.
        """
        planned, main = branches.plan(number), branches.head(MAIN)
        try:
            merged = self._forge.pull_request(self._repository, number).merged
        except Missing:  # somebody else pushed a plan of none
            merged = None
        if planned is not None and main is not None and merged is not None:
            if not self._seen(number, main, merged):
                return
            undecided = outcome.blocker is not None and not is_final(outcome.blocker)
            self._tell_after(number, self._came_of(planned, branches, outcome))
            if undecided:
                return
        branches.drop_plan(number)
        self._after.pop(number, None)
        self._comments.forget(number)

    def _seen(self, number: int, main: str, merged: str) -> bool:
        """Whether `main` was looked at since a pull request was merged: the forge may know of it before that.

        Should `main` be elsewhere by the next look, as after a force-push, nothing is waited for.
        """
        self._clone.fetch({MAIN: main})
        seen = self._clone.holds(main, merged) or (number, merged) in self._unseen
        (self._unseen.discard if seen else self._unseen.add)((number, merged))
        return seen

    def _came_of(self, planned: Planned, branches: Branches, outcome: Outcome) -> Sequence[str]:
        lock, tree = branches.lock(), branches.tree(RESOLVED)
        if outcome.blocker is not None:
            return held_up(outcome.blocker)
        if lock is None or tree is None:
            return ()
        main = branches.wanted_files()
        alone, whole = input_of(main) == planned.input, holds(main, planned.changes)
        return applied(planned.lock, planned.tree, lock, tree, alone=alone, whole=whole, warnings=outcome.warnings)

    def _tell_after(self, number: int, paragraph: Sequence[str]) -> None:
        ours = self._comments.ours(number) if paragraph and self._after.get(number) != paragraph else None
        if ours is not None:
            self._comments.edit(ours, told_after(ours.text, paragraph))
        self._after[number] = paragraph
