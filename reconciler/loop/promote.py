"""Promotion: one pull request in one Environment that pins what runs, and is ready, in another."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from reconciler.decide.promote import VERSION, Left, Ready, edited, promote
from reconciler.decide.proposal import message, text, title
from reconciler.decide.protections import CHECKS
from reconciler.decide.validate import validate
from reconciler.loop.branches import MAIN, RESOLVED
from reconciler.loop.claims import alone
from reconciler.loop.plan import plan
from reconciler.model.faults import Missing, Rejected
from reconciler.model.policy import MAX_SECONDS
from reconciler.world import documents
from reconciler.world.git import Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from reconciler.decide.promote import Pin
    from reconciler.decide.validate import Wish
    from reconciler.loop.branches import Branches
    from reconciler.loop.desire import Identity
    from reconciler.loop.passes import World
    from reconciler.loop.soaks import History
    from reconciler.model.problem import Problem
    from reconciler.world.git import Repository
    from reconciler.world.gitea import Proposal, SetBy

BRANCH: Final = "promote/"
_PAUSE: Final = 1.0  # seconds between two looks at checks that are pending
What = Literal["opened", "updated", "as it was", "nothing to promote", "refused"]


class ProposalForge(Protocol):
    """What a promotion needs of a forge; `world.gitea.Gitea` in earnest."""

    def proposal(self, repository: str, branch: str, base: str) -> Proposal | None:
        """The open pull request for a branch."""

    def propose(self, repository: str, branch: str, base: str, title: str, text: str) -> int:
        """Open one."""

    def edit_proposal(self, repository: str, number: int, title: str, text: str) -> None:
        """Put another title and text into one."""

    def statuses_by(self, repository: str, commit: str) -> Sequence[SetBy]:
        """All statuses of a commit, the oldest first, whoever set them."""

    def merge(self, repository: str, number: int, commit: str) -> bool:
        """Merge one whose head is this commit; false when the forge does not know yet whether it can."""


@dataclass(frozen=True)
class Goal:
    """The Environment that is promoted to.

    Attributes:
        identity: its own.
        forge: where its pull requests are.
        user: as whom the reconciler sets commit statuses there.
        repository: owner/name there.
        clone: of the repository.
        branches: of the same clone; looked at here.
    """

    identity: Identity
    forge: ProposalForge
    user: str
    repository: str
    clone: Repository
    branches: Branches


@dataclass(frozen=True)
class Promotion:
    """What came of it.

    Attributes:
        what: what became of the pull request.
        pins: what it pins.
        left: what is not promoted.
        problems: why what people wrote in the goal cannot be changed.
        number: the pull request's; 0 when there is none.
        commit: the head that it was given.
        soaked: for how many seconds in all each artifact was seen Ready where it comes from, by digest.
    """

    what: What
    pins: tuple[Pin, ...] = ()
    left: tuple[Left, ...] = ()
    problems: tuple[Problem, ...] = ()
    number: int = 0
    commit: str = ""
    soaked: Mapping[str, int] = field(default_factory=dict)


def source_of(name: str, branches: Branches, patience: float) -> Ready:
    """What runs in the Environment that is promoted from.

    Args:
        name: its name.
        branches: its own; looked at here.
        patience: seconds after which a status that nobody confirmed says nothing.

    Raises:
        Missing: nothing is resolved there yet.
        Fault: the repository could not be read.
    """
    branches.look()
    lock, head = branches.lock(), branches.head(RESOLVED)
    if lock is None or head is None:
        raise Missing(f"nothing is resolved yet in {name}", "see `reconciler status`")
    told = branches.status() if time.time() - branches.confirmed() <= patience else None
    return Ready(name, lock, head, told)


def propose(source: Ready, history: History, goal: Goal, world: World, names: Collection[str]) -> Promotion:
    """Open the pull request, or bring the one that is open up to date; it is exactly what is asked for here.

    Args:
        source: what is promoted from.
        history: of its statuses.
        goal: what is promoted to.
        world: what passes know, to tell what merging it would do.
        names: which Applications, of which then each must be ready; empty for all that both have.

    Raises:
        Missing: the goal has no `main`.
        Rejected: people pushed to the pull request's branch, or a rule of the forge is against it.
        Fault: something could not be read or written.
    """
    goal.branches.look()
    main = goal.branches.head(MAIN)
    if main is None:
        raise Missing(f"{goal.repository} has no branch main", "see `reconciler init`")
    snapshot = goal.branches.wanted_files()
    sources = {file: documents.load(content, file) for file, content in snapshot.files.items()}
    wish, problems = validate(sources)
    if wish is None or snapshot.problems:
        return Promotion("refused", problems=(*snapshot.problems, *problems))
    prior = goal.branches.lock()
    pins, left = promote(source, wish.declared, prior, names)
    moving, files, unclear = _edits([pin for pin in pins if not pin.stands], snapshot, wish)
    left = (*left, *unclear)
    if names and any(one.refused for one in left):
        return Promotion("refused", left=left)
    if not moving:
        return Promotion("nothing to promote", left=left)
    merged = Snapshot(main, {**snapshot.files, **files}, ())
    found = plan(merged, goal.identity, prior, world, alone(goal.identity))
    digests = [pin.package.digest for pin in moving]
    soaked = {one.digest: one.seconds for one in history.soaked(digests, enough=MAX_SECONDS, now=int(time.time()))}
    said = title(source, moving), text(source, goal.identity.name, moving, soaked, left, found.steps, found.blocker)
    commit, pushed = _push(goal, BRANCH + source.name, files, main, message(source, moving))
    number, what = _tell(goal, BRANCH + source.name, *said)
    if pushed and what == "as it was":
        what = "updated"
    return Promotion(what, moving, left, number=number, commit=commit, soaked=soaked)


def merge(goal: Goal, promotion: Promotion, patience: float) -> str:
    """Merge the pull request at the very commit that was promoted, once its checks are green; return why not, or nothing.

    Args:
        goal: where it is.
        promotion: what was proposed.
        patience: seconds for which checks that are pending, and the forge, are waited for.
    """
    until, left = time.monotonic() + patience, patience
    while (why := _unmerged(goal, promotion)) is not None and why.pending and left > 0:
        time.sleep(min(_PAUSE, left))
        left = until - time.monotonic()
    return why.words if why is not None else ""


@dataclass(frozen=True)
class _Unmet:
    """Why a commit is not merged, and whether that may pass by itself."""

    words: str
    pending: bool = True


def _unmerged(goal: Goal, promotion: Promotion) -> _Unmet | None:
    """Merge it if its checks are green; why it is not merged."""
    marks = {one.context: one for one in goal.forge.statuses_by(goal.repository, promotion.commit)}
    found = (_check(goal, check, marks.get(check)) for check in CHECKS)
    if (unmet := next((one for one in found if one is not None), None)) is not None:
        return unmet
    try:
        merged = goal.forge.merge(goal.repository, promotion.number, promotion.commit)
    except Rejected as fault:
        return _Unmet(fault.message, pending=False)
    return None if merged else _Unmet("the forge is still finding out whether it conflicts")


def _check(goal: Goal, check: str, mark: SetBy | None) -> _Unmet | None:
    if mark is None:
        return _Unmet(f"{check} is pending: the reconciler has not looked at it yet")
    if mark.person.lower() != goal.user.lower():  # anybody may set one who may write
        return _Unmet(f"{check} was set by {mark.person or 'nobody known'}, not by {goal.user}", pending=False)
    if mark.state != "success":
        return _Unmet(f"{check} is {mark.state}: {mark.description}", pending=mark.state == "pending")
    return None


def _edits(pins: Sequence[Pin], snapshot: Snapshot, wish: Wish) -> tuple[tuple[Pin, ...], dict[str, bytes], tuple[Left, ...]]:
    """Change the versions in people's files and nothing else; what cannot be done so is left to them."""
    moving, files, left = [], {}, []
    for pin in pins:
        source = wish.declared[pin.name].source
        content = snapshot.files[source.file]
        new = edited(content.decode("utf-8-sig"), source.places[VERSION], pin.before, pin.package.version)
        wanted = deepcopy(source.data)
        wanted["spec"]["blueprint"]["version"] = pin.package.version
        if new is None or documents.load(new.encode(), source.file).data != wanted:
            place = source.places[VERSION]
            where = f"{source.file}:{place.value_line}:{place.value_column}"
            why = f"its version is not written plainly: write {pin.package.version} at {where}"
            left.append(Left(pin.name, why, refused=True))
            continue
        mark = content[: len(content) - len(content.decode("utf-8-sig").encode())]  # a byte order mark stays
        files[source.file] = mark + new.encode()
        moving.append(pin)
    return tuple(moving), files, tuple(left)


def _push(goal: Goal, branch: str, files: Mapping[str, bytes], main: str, words: str) -> tuple[str, bool]:
    """Have the branch hold one commit on top of main; return its id, and whether it was pushed."""
    head = goal.clone.heads().get(branch)
    goal.clone.fetch({MAIN: main, **({branch: head} if head else {})})
    there = goal.clone.commit_of(head) if head else None
    if there is not None and not goal.clone.wrote(there):
        hint = "merge or close its pull request, and delete the branch"
        raise Rejected(f"{branch} of {goal.repository} holds a commit that is not the reconciler's", hint)
    commit = goal.clone.write_over(files, parent=main, message=words, time=int(time.time()))
    if there is not None and (there.tree, there.parents, there.message) == (commit.tree, commit.parents, commit.message):
        return there.id, False
    goal.clone.push(commit.id, branch, expect=head)
    return commit.id, True


def _tell(goal: Goal, branch: str, subject: str, words: str) -> tuple[int, What]:
    there = goal.forge.proposal(goal.repository, branch, MAIN)
    if there is None:
        return goal.forge.propose(goal.repository, branch, MAIN, subject, words), "opened"
    if (there.title, there.text) == (subject, words):
        return there.number, "as it was"
    goal.forge.edit_proposal(goal.repository, there.number, subject, words)
    return there.number, "updated"
