"""Promotion: one pull request in one Environment that pins what runs, and is ready, in another."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from reconciler.domain.onboarding.branch_protection import CHECKS
from reconciler.domain.promotion.pull_request_text import message, text, title
from reconciler.domain.promotion.selection import VERSION_PATH, PromotionSource, SkippedApplication, replace_version, select
from reconciler.domain.validation.environment import validate
from reconciler.formats.yaml import documents
from reconciler.model.errors import NotFoundError, RejectedError
from reconciler.model.git import Snapshot
from reconciler.model.layout import MAIN, RESOLVED
from reconciler.model.policy import MAX_SECONDS
from reconciler.services.planning.namespace_claims import sole_claim
from reconciler.services.planning.planner import plan_change

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from reconciler.domain.promotion.selection import PromotedPin
    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.forge import CommitStatusRecord, OwnPullRequest
    from reconciler.model.problem import Problem
    from reconciler.services.admission.soak_history import SoakHistory
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.repository.ports import GitRepository

BRANCH: Final = "promote/"
_PAUSE: Final = 1.0  # seconds between two looks at checks that are pending
PromotionResult = Literal["opened", "updated", "as it was", "nothing to promote", "refused"]


class ProposalForge(Protocol):
    """What a promotion needs of a forge; `adapters.gitea.Gitea` in production."""

    def proposal(self, repository: str, branch: str, base: str) -> OwnPullRequest | None:
        """The open pull request for a branch."""

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, text: str) -> int:
        """Open one."""

    def edit_proposal(self, repository: str, number: int, title: str, text: str) -> None:
        """Put another title and text into one."""

    def statuses_by(self, repository: str, commit: str) -> Sequence[CommitStatusRecord]:
        """All statuses of a commit, the oldest first, whoever set them."""

    def merge(self, repository: str, number: int, commit: str) -> bool:
        """Merge one whose head is this commit; false when the forge does not know yet whether it can."""


@dataclass(frozen=True)
class PromotionTarget:
    """The Environment that is promoted to.

    Attributes:
        identity: its own.
        forge: where its pull requests are.
        user: as whom the reconciler sets commit statuses there.
        repository: owner/name there.
        clone: of the repository.
        branches: of the same clone; looked at here.
    """

    identity: EnvironmentIdentity
    forge: ProposalForge
    user: str
    repository: str
    clone: GitRepository
    branches: EnvironmentBranches


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

    what: PromotionResult
    pins: tuple[PromotedPin, ...] = ()
    left: tuple[SkippedApplication, ...] = ()
    problems: tuple[Problem, ...] = ()
    number: int = 0
    commit: str = ""
    soaked: Mapping[str, int] = field(default_factory=dict)


def promotion_source(name: str, branches: EnvironmentBranches, patience: float) -> PromotionSource:
    """What runs in the Environment that is promoted from.

    Args:
        name: its name.
        branches: its own; looked at here.
        patience: seconds after which a status that nobody confirmed says nothing.

    Raises:
        NotFoundError: nothing is resolved there yet.
        ReconcilerError: the repository could not be read.
    """
    branches.refresh()
    lock, head = branches.lock(), branches.head(RESOLVED)
    if lock is None or head is None:
        raise NotFoundError(f"nothing is resolved yet in {name}", "see `reconciler status`")
    told = branches.status() if time.time() - branches.last_confirmed() <= patience else None
    return PromotionSource(name, lock, head, told)


def open_promotion(
    source: PromotionSource, history: SoakHistory, goal: PromotionTarget, world: ReconcileContext, names: Collection[str]
) -> Promotion:
    """Open the pull request, or bring the one that is open up to date; it is exactly what is asked for here.

    Args:
        source: what is promoted from.
        history: of its statuses.
        goal: what is promoted to.
        world: what passes know, to tell what merging it would do.
        names: which Applications, of which then each must be ready; empty for all that both have.

    Raises:
        NotFoundError: the goal has no `main`.
        RejectedError: people pushed to the pull request's branch, or a rule of the forge is against it.
        ReconcilerError: something could not be read or written.
    """
    goal.branches.refresh()
    main = goal.branches.head(MAIN)
    if main is None:
        raise NotFoundError(f"{goal.repository} has no branch main", "see `reconciler init`")
    snapshot = goal.branches.input_snapshot()
    sources = {file: documents.load(content, file) for file, content in snapshot.files.items()}
    wish, problems = validate(sources)
    if wish is None or snapshot.problems:
        return Promotion("refused", problems=(*snapshot.problems, *problems))
    prior = goal.branches.lock()
    pins, left = select(source, wish.declared, prior, names)
    moving, files, unclear = _edits([pin for pin in pins if not pin.stands], snapshot, wish)
    left = (*left, *unclear)
    if names and any(one.refused for one in left):
        return Promotion("refused", left=left)
    if not moving:
        return Promotion("nothing to promote", left=left)
    merged = Snapshot(main, {**snapshot.files, **files}, ())
    found = plan_change(merged, goal.identity, prior, world, sole_claim(goal.identity))
    digests = [pin.package.digest for pin in moving]
    soaked = {one.digest: one.seconds for one in history.soaked(digests, enough=MAX_SECONDS, now=int(time.time()))}
    said = title(source, moving), text(source, goal.identity.name, moving, soaked, left, found.steps, found.blocker)
    commit, pushed = _push(goal, BRANCH + source.name, files, main, message(source, moving))
    number, what = _tell(goal, BRANCH + source.name, *said)
    if pushed and what == "as it was":
        what = "updated"
    return Promotion(what, moving, left, number=number, commit=commit, soaked=soaked)


def merge_promotion(goal: PromotionTarget, promotion: Promotion, patience: float) -> str:
    """Merge the pull request at the very commit that was promoted, once its checks are green; return why not, or nothing.

    Args:
        goal: where it is.
        promotion: what was proposed.
        patience: seconds for which checks that are pending, and the forge, are waited for.
    """
    until, left = time.monotonic() + patience, patience
    while (why := _try_merge(goal, promotion)) is not None and why.pending and left > 0:
        time.sleep(min(_PAUSE, left))
        left = until - time.monotonic()
    return why.words if why is not None else ""


@dataclass(frozen=True)
class MergeBlocker:
    """Why a commit is not merged, and whether that may pass by itself."""

    words: str
    pending: bool = True


def _try_merge(goal: PromotionTarget, promotion: Promotion) -> MergeBlocker | None:
    """Merge it if its checks are green; why it is not merged."""
    marks = {one.context: one for one in goal.forge.statuses_by(goal.repository, promotion.commit)}
    found = (_check(goal, check, marks.get(check)) for check in CHECKS)
    if (unmet := next((one for one in found if one is not None), None)) is not None:
        return unmet
    try:
        merged = goal.forge.merge(goal.repository, promotion.number, promotion.commit)
    except RejectedError as fault:
        return MergeBlocker(fault.message, pending=False)
    return None if merged else MergeBlocker("the forge is still finding out whether it conflicts")


def _check(goal: PromotionTarget, check: str, mark: CommitStatusRecord | None) -> MergeBlocker | None:
    if mark is None:
        return MergeBlocker(f"{check} is pending: the reconciler has not looked at it yet")
    if mark.person.lower() != goal.user.lower():  # anybody may set one who may write
        return MergeBlocker(f"{check} was set by {mark.person or 'nobody known'}, not by {goal.user}", pending=False)
    if mark.state != "success":
        return MergeBlocker(f"{check} is {mark.state}: {mark.description}", pending=mark.state == "pending")
    return None


def _edits(
    pins: Sequence[PromotedPin], snapshot: Snapshot, wish: ValidatedInput
) -> tuple[tuple[PromotedPin, ...], dict[str, bytes], tuple[SkippedApplication, ...]]:
    """Change the versions in people's files and nothing else; what cannot be done so is left to them."""
    moving, files, left = [], {}, []
    for pin in pins:
        source = wish.declared[pin.name].source
        content = snapshot.files[source.file]
        new = replace_version(content.decode("utf-8-sig"), source.locations[VERSION_PATH], pin.before, pin.package.version)
        wanted = deepcopy(source.data)
        wanted["spec"]["blueprint"]["version"] = pin.package.version
        if new is None or documents.load(new.encode(), source.file).data != wanted:
            place = source.locations[VERSION_PATH]
            where = f"{source.file}:{place.value_line}:{place.value_column}"
            why = f"its version is not written plainly: write {pin.package.version} at {where}"
            left.append(SkippedApplication(pin.name, why, refused=True))
            continue
        mark = content[: len(content) - len(content.decode("utf-8-sig").encode())]  # a byte order mark stays
        files[source.file] = mark + new.encode()
        moving.append(pin)
    return tuple(moving), files, tuple(left)


def _push(goal: PromotionTarget, branch: str, files: Mapping[str, bytes], main: str, words: str) -> tuple[str, bool]:
    """Have the branch hold one commit on top of main; return its id, and whether it was pushed."""
    head = goal.clone.heads().get(branch)
    goal.clone.fetch({MAIN: main, **({branch: head} if head else {})})
    there = goal.clone.commit_of(head) if head else None
    if there is not None and not goal.clone.is_own_commit(there):
        hint = "merge or close its pull request, and delete the branch"
        raise RejectedError(f"{branch} of {goal.repository} holds a commit that is not the reconciler's", hint)
    commit = goal.clone.write_over(files, parent=main, message=words, time=int(time.time()))
    if there is not None and (there.tree, there.parents, there.message) == (commit.tree, commit.parents, commit.message):
        return there.id, False
    goal.clone.push(commit.id, branch, expect=head)
    return commit.id, True


def _tell(goal: PromotionTarget, branch: str, subject: str, words: str) -> tuple[int, PromotionResult]:
    there = goal.forge.proposal(goal.repository, branch, MAIN)
    if there is None:
        return goal.forge.open_pull_request(goal.repository, branch, MAIN, subject, words), "opened"
    if (there.title, there.text) == (subject, words):
        return there.number, "as it was"
    goal.forge.edit_proposal(goal.repository, there.number, subject, words)
    return there.number, "updated"
