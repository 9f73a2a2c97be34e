"""Pull requests of one Environment: each gets a plan on a branch, one comment that is kept up to date, and commit statuses.

All of it is made anew from what the forge and git hold: a pass that finds everything as it should be writes nothing, also after
a restart. What goes wrong with one pull request is told in the log, tried again at the next look, and keeps nothing else up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVarTuple

import structlog

from reconciler.decide.changes import changes, counted
from reconciler.decide.comment import MARKER, comment
from reconciler.decide.marks import PLAN_CONTEXT, plan_mark
from reconciler.loop.branches import MAIN, PLAN, RESOLVED, ref_of
from reconciler.loop.desire import WANTED, input_of
from reconciler.loop.notices import Forge, Notices
from reconciler.loop.plan import plan
from reconciler.model.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.loop.branches import Branches
    from reconciler.loop.claims import Claim
    from reconciler.loop.desire import Identity
    from reconciler.loop.passes import World
    from reconciler.loop.plan import Plan
    from reconciler.world.git import Repository
    from reconciler.world.gitea import Comment, PullRequest

log = structlog.get_logger()

Ts = TypeVarTuple("Ts")


class PullForge(Forge, Protocol):
    """What pull requests need of a forge; `world.gitea.Gitea` in earnest."""

    def pull_requests(self, repository: str) -> Sequence[PullRequest]:
        """The open ones, the oldest first."""

    def comments(self, repository: str, number: int) -> Sequence[Comment]:
        """The comments of one, the oldest first."""

    def post_comment(self, repository: str, number: int, text: str) -> None:
        """Comment on one."""

    def edit_comment(self, repository: str, comment: int, text: str) -> None:
        """Put another text into a comment."""


@dataclass
class _Told:
    """What a pull request was told, what that rests on, and until when it stands (monotonic clock; None: until that changes)."""

    key: tuple[str | None, ...]
    until: float | None
    notices: Notices


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
    """

    def __init__(
        self, forge: PullForge, user: str, repository: str, clone: Repository, identity: Identity, world: World, claim: Claim
    ) -> None:
        self._forge, self._user, self._repository, self._clone = forge, user, repository, clone
        self._identity, self._world, self._claim = identity, world, claim
        self._told: dict[int, _Told] = {}

    def look(self, branches: Branches) -> None:
        """Plan what is open and not planned yet, and forget what is closed. Never raises a Fault.

        Args:
            branches: the Environment's, just looked at.
        """
        if not branches.pulled:
            return
        try:
            asked = [one for one in self._forge.pull_requests(self._repository) if one.base == MAIN]
        except Fault as fault:
            log.warning("pull requests not looked at", repository=self._repository, why=str(fault))
            return
        for pull in asked:
            self._tend(pull.number, self._keep, pull, branches)
        for number in {*branches.plans, *self._told} - {pull.number for pull in asked}:
            self._told.pop(number, None)
            self._tend(number, branches.drop_plan, number)

    def _tend(self, number: int, work: Callable[[*Ts], None], *arguments: *Ts) -> None:
        try:
            work(*arguments)
        except Fault as fault:
            log.warning("pull request not planned", repository=self._repository, number=number, why=str(fault))

    def _keep(self, pull: PullRequest, branches: Branches) -> None:
        """Bring what a pull request was told up to date."""
        key = (pull.head, branches.head(MAIN), branches.head(RESOLVED), self._world.policies().digest)
        told = self._told.get(pull.number)
        if told is not None and told.key == key and (told.until is None or time.monotonic() < told.until):
            return
        found = self._planned(pull, branches)
        self._put(pull.number, found, branches)
        notices = told.notices if told else Notices(self._forge, self._repository)
        notices.post(pull.head, {PLAN_CONTEXT: plan_mark(found.steps, found.total, found.tree, found.hitch)})
        lasting = found.hitch is None or (found.hitch.refused and found.hitch.stage == "Valid")
        self._told[pull.number] = _Told(key, None if lasting else time.monotonic() + self._world.retry, notices)

    def _planned(self, pull: PullRequest, branches: Branches) -> Plan:
        main = branches.head(MAIN) or ""
        ref = ref_of(f"pull/{pull.number}")
        self._clone.fetch({MAIN: main, ref: pull.head})
        snapshot = self._clone.merge(main, pull.head, WANTED)
        reviewed = branches.planned(input_of(snapshot))
        return plan(snapshot, self._identity, branches.lock(), self._world, self._claim, reviewed=reviewed)

    def _put(self, number: int, found: Plan, branches: Branches) -> None:
        """Have the plan's branch and its comment say what was found."""
        name, compare = self._identity.name, ""
        if found.desired is None:
            branches.drop_plan(number)
        else:
            lines = changes(found.prior, found.desired.lock)
            summary = f"{name}: plan of pull request {number}: {counted(len(lines), found.total)}"
            branches.push_plan(number, found.desired.files, summary, input_of(found.snapshot))
            compare = f"{self._repository}/compare/{RESOLVED}...{PLAN}{number}" if found.prior else ""
        text = comment(name, found.steps, found.total, found.tree, warnings=found.warnings, hitch=found.hitch, compare=compare)
        self._comment(number, text)

    def _comment(self, number: int, text: str) -> None:
        """Have one comment of ours say this: the first one, should there ever be two."""
        ours = [
            one
            for one in self._forge.comments(self._repository, number)
            if one.author.lower() == self._user.lower() and one.text.startswith(MARKER)
        ]
        if not ours:
            self._forge.post_comment(self._repository, number, text)
        elif ours[0].text != text:
            self._forge.edit_comment(self._repository, ours[0].id, text)
