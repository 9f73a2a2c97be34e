"""Promotes versions: opens one pull request in an Environment that pins the versions running, and ready, in another."""

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
_PAUSE: Final = 1.0  # seconds between two reads of pending checks
PromotionResult = Literal["opened", "updated", "as it was", "nothing to promote", "refused"]


class ProposalForge(Protocol):
    """The calls to a forge that a promotion needs; `adapters.gitea.Gitea` in production."""

    def proposal(self, repository: str, branch: str, base: str) -> OwnPullRequest | None:
        """The open pull request of a branch; None when there is none."""

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, text: str) -> int:
        """Open a pull request; return its number."""

    def edit_proposal(self, repository: str, number: int, title: str, text: str) -> None:
        """Replace the title and text of a pull request."""

    def statuses_by(self, repository: str, commit: str) -> Sequence[CommitStatusRecord]:
        """All statuses of a commit with the users who set them, the oldest first."""

    def merge(self, repository: str, number: int, commit: str) -> bool:
        """Merge a pull request whose head is this commit; False while the forge has not determined whether it can be merged."""


@dataclass(frozen=True)
class PromotionTarget:
    """The target Environment.

    Attributes:
        identity: its name and owner.
        forge: the forge of its repository.
        user: the forge user of the reconciler, who sets its commit statuses.
        repository: owner/name on the forge.
        clone: a clone of the repository.
        branches: the branches of the same clone; fetched here.
    """

    identity: EnvironmentIdentity
    forge: ProposalForge
    user: str
    repository: str
    clone: GitRepository
    branches: EnvironmentBranches


@dataclass(frozen=True)
class Promotion:
    """The result of a promotion.

    Attributes:
        result: what was done with the pull request.
        pins: the versions that it pins.
        skipped: the Applications that are not promoted.
        problems: why the target's documents cannot be changed.
        number: the pull request's number; 0 when there is none.
        commit: the head of the pull request.
        soaked: seconds for which each artifact was Ready in the source, by digest.
    """

    result: PromotionResult
    pins: tuple[PromotedPin, ...] = ()
    skipped: tuple[SkippedApplication, ...] = ()
    problems: tuple[Problem, ...] = ()
    number: int = 0
    commit: str = ""
    soaked: Mapping[str, int] = field(default_factory=dict)


def promotion_source(name: str, branches: EnvironmentBranches, patience: float) -> PromotionSource:
    """The source of a promotion: an Environment's lock and current status.

    Args:
        name: the Environment's name.
        branches: its branches; fetched here.
        patience: seconds after which an unconfirmed status is stale.

    Raises:
        NotFoundError: nothing is resolved there yet.
        ReconcilerError: the repository could not be read.
    """
    branches.refresh()
    lock, head = branches.lock(), branches.head(RESOLVED)
    if lock is None or head is None:
        raise NotFoundError(f"nothing is resolved yet in {name}", "see `reconciler status`")
    status = branches.status() if time.time() - branches.last_confirmed() <= patience else None
    return PromotionSource(name, lock, head, status)


def open_promotion(
    source: PromotionSource, history: SoakHistory, target: PromotionTarget, context: ReconcileContext, names: Collection[str]
) -> Promotion:
    """Open the pull request, or update the open one so that it pins exactly the requested versions.

    Args:
        source: the Environment to promote from.
        history: the history of its statuses.
        target: the Environment to promote to.
        context: the dependencies that all passes share, for planning the merge.
        names: the Applications to promote, each of which must be ready; empty for all that both Environments have.

    Raises:
        NotFoundError: the target has no `main`.
        RejectedError: somebody else pushed to the pull request's branch, or a rule of the forge rejects the push.
        ReconcilerError: something could not be read or written.
    """
    target.branches.refresh()
    main = target.branches.head(MAIN)
    if main is None:
        raise NotFoundError(f"{target.repository} has no branch main", "see `reconciler init`")
    snapshot = target.branches.input_snapshot()
    sources = {file: documents.load(content, file) for file, content in snapshot.files.items()}
    validated, problems = validate(sources)
    if validated is None or snapshot.problems:
        return Promotion("refused", problems=(*snapshot.problems, *problems))
    locked = target.branches.lock()
    pins, skipped = select(source, validated.declared, locked, names)
    changed, files, unwritable = _edits([pin for pin in pins if not pin.is_unchanged], snapshot, validated)
    skipped = (*skipped, *unwritable)
    if names and any(item.refused for item in skipped):
        return Promotion("refused", skipped=skipped)
    if not changed:
        return Promotion("nothing to promote", skipped=skipped)
    merged = Snapshot(main, {**snapshot.files, **files}, ())
    plan = plan_change(merged, target.identity, locked, context, sole_claim(target.identity))
    digests = [pin.package.digest for pin in changed]
    soaked = {item.digest: item.seconds for item in history.soaked(digests, enough=MAX_SECONDS, now=int(time.time()))}
    description = title(source, changed), text(source, target.identity.name, changed, soaked, skipped, plan.steps, plan.blocker)
    commit, pushed = _push(target, BRANCH + source.name, files, main, message(source, changed))
    number, result = _publish_pull_request(target, BRANCH + source.name, *description)
    if pushed and result == "as it was":
        result = "updated"
    return Promotion(result, changed, skipped, number=number, commit=commit, soaked=soaked)


def merge_promotion(target: PromotionTarget, promotion: Promotion, patience: float) -> str:
    """Merge the pull request at the promoted commit once its checks are green; return why not, or an empty text.

    Args:
        target: the target.
        promotion: the opened promotion.
        patience: seconds to wait for pending checks and for the forge.
    """
    deadline, remaining = time.monotonic() + patience, patience
    while (blocker := _try_merge(target, promotion)) is not None and blocker.pending and remaining > 0:
        time.sleep(min(_PAUSE, remaining))
        remaining = deadline - time.monotonic()
    return blocker.message if blocker is not None else ""


@dataclass(frozen=True)
class MergeBlocker:
    """Why a commit is not merged, and whether that may resolve itself."""

    message: str
    pending: bool = True


def _try_merge(target: PromotionTarget, promotion: Promotion) -> MergeBlocker | None:
    """Merge if all checks are green; return the blocker otherwise."""
    statuses = {status.context: status for status in target.forge.statuses_by(target.repository, promotion.commit)}
    blockers = (_check(target, check, statuses.get(check)) for check in CHECKS)
    if (blocker := next((check for check in blockers if check is not None), None)) is not None:
        return blocker
    try:
        merged = target.forge.merge(target.repository, promotion.number, promotion.commit)
    except RejectedError as error:
        return MergeBlocker(error.message, pending=False)
    return None if merged else MergeBlocker("the forge has not determined yet whether it conflicts")


def _check(target: PromotionTarget, check: str, status: CommitStatusRecord | None) -> MergeBlocker | None:
    """The blocker of one check; None when it is green and set by the reconciler."""
    if status is None:
        return MergeBlocker(f"{check} is pending: the reconciler has not reviewed it yet")
    if status.person.lower() != target.user.lower():  # every writer can set a status
        return MergeBlocker(f"{check} was set by {status.person or 'an unknown user'}, not by {target.user}", pending=False)
    if status.state != "success":
        return MergeBlocker(f"{check} is {status.state}: {status.description}", pending=status.state == "pending")
    return None


def _edits(
    pins: Sequence[PromotedPin], snapshot: Snapshot, validated: ValidatedInput
) -> tuple[tuple[PromotedPin, ...], dict[str, bytes], tuple[SkippedApplication, ...]]:
    """Replace the versions in the documents and change nothing else; pins that cannot be written so are skipped."""
    changed, files, skipped = [], {}, []
    for pin in pins:
        source = validated.declared[pin.name].source
        content = snapshot.files[source.file]
        edited = replace_version(content.decode("utf-8-sig"), source.locations[VERSION_PATH], pin.before, pin.package.version)
        expected = deepcopy(source.data)
        expected["spec"]["blueprint"]["version"] = pin.package.version
        if edited is None or documents.load(edited.encode(), source.file).data != expected:
            location = source.locations[VERSION_PATH]
            position = f"{source.file}:{location.value_line}:{location.value_column}"
            reason = f"its version cannot be replaced in place: write {pin.package.version} at {position}"
            skipped.append(SkippedApplication(pin.name, reason, refused=True))
            continue
        byte_order_mark = content[: len(content) - len(content.decode("utf-8-sig").encode())]  # it is kept
        files[source.file] = byte_order_mark + edited.encode()
        changed.append(pin)
    return tuple(changed), files, tuple(skipped)


def _push(target: PromotionTarget, branch: str, files: Mapping[str, bytes], main: str, commit_message: str) -> tuple[str, bool]:
    """Set the branch to one commit on top of `main`; return the commit's id, and whether it was pushed."""
    head = target.clone.heads().get(branch)
    target.clone.fetch({MAIN: main, **({branch: head} if head else {})})
    current = target.clone.commit_of(head) if head else None
    if current is not None and not target.clone.has_own_committer(current):
        hint = "merge or close its pull request, and delete the branch"
        raise RejectedError(f"{branch} of {target.repository} has a commit that is not the reconciler's", hint)
    commit = target.clone.write_over(files, parent=main, message=commit_message, time=int(time.time()))
    if current is not None and (current.tree, current.parents, current.message) == (commit.tree, commit.parents, commit.message):
        return current.id, False
    target.clone.push(commit.id, branch, expect=head)
    return commit.id, True


def _publish_pull_request(target: PromotionTarget, branch: str, new_title: str, new_text: str) -> tuple[int, PromotionResult]:
    """Open or edit the pull request; return its number, and what was done."""
    current = target.forge.proposal(target.repository, branch, MAIN)
    if current is None:
        return target.forge.open_pull_request(target.repository, branch, MAIN, new_title, new_text), "opened"
    if (current.title, current.text) == (new_title, new_text):
        return current.number, "as it was"
    target.forge.edit_proposal(target.repository, current.number, new_title, new_text)
    return current.number, "updated"
