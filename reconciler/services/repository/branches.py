"""The branches of an Environment as last fetched, and all writes of the reconciler's own branches."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel

from reconciler.domain.locking.removals import settled
from reconciler.domain.rendering.flux_objects import replace_removals
from reconciler.domain.status.confirmation import confirmed_at
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.git_objects import tree_id
from reconciler.formats.yaml import documents
from reconciler.model.errors import ConcurrentUpdateError, ForeignLockError, NotFoundError, ReconcilerError, RejectedError
from reconciler.model.git import OWN_LIMITS
from reconciler.model.layout import CONFIRMED, LOCK_FILE, MAIN, PAGE_FILE, PLAN, RESOLVED, STATUS, STATUS_FILE, WANTED
from reconciler.model.lock import EnvironmentLock, ReleaseKey
from reconciler.model.status import EnvironmentStatus
from reconciler.model.trailers import (
    ADOPTED,
    INPUT_COMMIT,
    INPUT_DIGEST,
    LOCK_DIGEST,
    RESOLVED_COMMIT,
    trailer_lines,
    trailer_values,
)
from reconciler.services.repository.adoption import adoptable
from reconciler.services.repository.own_heads import KnownHead, OwnHeads
from reconciler.services.repository.plan_commit import decode, encode
from reconciler.services.repository.rendered_releases import RENDERED_LIMITS, RenderedReleases
from reconciler.services.repository.unreadable_branches import UnreadableBranches

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from reconciler.model.git import Commit, Snapshot
    from reconciler.services.repository.plan_commit import PlanCommit
    from reconciler.services.repository.ports import GitRepository

CONDITIONS: Final = {"Valid", "Admitted", "Resolved", "Trusted", "Committed", "Ready"}

_PLAN_BRANCH: Final = re.compile(rf"{PLAN}\d+")

# The tree of a withdrawn plan, where the server deletes no protected branch (Gitea): always the same commit.
_WITHDRAWN: Final = {PAGE_FILE: b"There is no plan: the pull request is closed, or refused.\n"}

_KEPT_TRAILERS: Final = (INPUT_COMMIT, INPUT_DIGEST, LOCK_DIGEST, RESOLVED_COMMIT)

_FETCHED: Final = {MAIN, RESOLVED, STATUS}

_MAX_ATTEMPTS: Final = 3

M = TypeVar("M", bound=BaseModel)


class EnvironmentBranches:
    """The branches of one Environment at their last fetched heads, with their content. A cache: forgetting costs only time.

    Raises ReconcilerErrors as the repository does.

    A branch whose content cannot be fetched or read keeps no other branch back: `main` then has a fault, a plan or a confirmation
    is taken for missing. `resolved` and `status` are at the reconciler's own newest commits here, also where somebody else moved
    or deleted them (`services.repository.own_heads`), until `put_back` sets the server's branches to them.

    Attributes:
        has_pull_requests: whether the server has refs of pull requests, open or closed.
        is_empty: whether the server has no branch at all.
        is_fresh: whether the branches were fetched since the last `forget`.
    """

    def __init__(self, repository: GitRepository) -> None:
        self._repository = repository
        self.has_pull_requests = self.is_empty = self.is_fresh = False
        self._unreadable = UnreadableBranches()
        self._own_heads = OwnHeads(repository)
        self._known: dict[str, str] = {}  # the newest own commits of `resolved` and `status`
        self._adoptable: frozenset[str] = frozenset()
        self._displaced: dict[str, str | None] = {}  # branches whose head on the server is another one, and which
        self._heads: dict[str, str] = {}
        self._withdrawn: dict[str, str] = {}
        self._plans: dict[int, tuple[str, PlanCommit | None]] = {}
        self._confirmation: Commit | None = None
        self._commits: dict[str, Commit] = {}
        self._lock: tuple[str | None, EnvironmentLock | None] = (None, None)
        self._status: tuple[str | None, EnvironmentStatus | None] = (None, None)
        self._rendered = RenderedReleases(repository)

    @property
    def main_fault(self) -> ReconcilerError | None:
        """Why the documents of `main` cannot be read: there is no such branch, or its commit is at fault; None when they can."""
        if MAIN not in self._heads:
            return NotFoundError(f"{self._repository.name} has no branch {MAIN}", f"push one, or push {MAIN} again")
        return self._unreadable.fault(MAIN)

    def refresh(self) -> None:
        """List the server's branches, and fetch the commits that the clone lacks.

        Raises:
            ConcurrentUpdateError: a branch moved during each of several attempts.
            ReconcilerError: the server cannot be read, or `resolved` or `status` cannot and nothing is known of them.
        """
        for attempts_left in reversed(range(_MAX_ATTEMPTS)):
            refs = self._repository.heads()
            heads = {branch: id_ for branch, id_ in refs.items() if branch in _FETCHED or _PLAN_BRANCH.fullmatch(branch)}
            self._withdrawn = self._withdrawn_plans(heads)
            heads = {branch: id_ for branch, id_ in heads.items() if branch not in self._withdrawn}
            self.has_pull_requests = any(branch.startswith("refs/pull/") for branch in refs)
            self.is_empty = not refs
            heads |= {CONFIRMED: refs[CONFIRMED]} if CONFIRMED in refs else {}
            try:
                faults = self._fetch(heads)
            except ConcurrentUpdateError:
                if not attempts_left:
                    raise
            else:
                self._heads, self._displaced = heads, {}
                self._known = self._known or dict(self._repository.kept_own())
                self._adoptable = frozenset() if self._known else self._find_adoptable(faults)
                for branch in (STATUS, RESOLVED):  # `status` names the commit of `resolved`
                    self._find_own(branch, faults.get(branch))
                self.is_fresh = True
                self._confirmation = self._own_commit(CONFIRMED)
                self._plans = {number: self._plans[number] for number in self.plans if number in self._plans}
                return

    def _fetch(self, heads: Mapping[str, str]) -> Mapping[str, ReconcilerError]:
        """Fetch the heads, and remember which of them cannot be read; return why `resolved` and `status` cannot."""
        self._unreadable.keep(heads)
        faults = dict(self._repository.fetch_each(self._unreadable.due(heads)))
        for branch in heads.keys() & {MAIN, CONFIRMED} - faults.keys():
            if self._unreadable.fault(branch) is None:
                try:
                    self._repository.commit_of(heads[branch])
                except ReconcilerError as error:
                    faults[branch] = error
        own: dict[str, ReconcilerError] = {branch: faults.pop(branch) for branch in (RESOLVED, STATUS) if branch in faults}
        self._unreadable.record(heads, faults)
        return own

    def _find_own(self, branch: str, fault: ReconcilerError | None) -> None:
        """Let the newest own commit of a branch be its head here, and remember where the server's branch is instead."""
        server, commit, status = self._heads.get(branch), self._known.get(branch), self.status() if branch == RESOLVED else None
        environment, since = (status.metadata.name, self.time(STATUS)) if status is not None else (None, 0)
        if commit is None and status is not None:
            commit = status.resolved
        known = KnownHead(commit, since, environment, adopt=branch in self._adoptable)
        own = self._own_heads.find(branch, server, known, fault)
        if own != server:
            self._displaced[branch] = server
        if own is None:
            self._heads.pop(branch, None)
        else:
            self._heads[branch] = own
            self._know(branch, own)

    def _find_adoptable(self, faults: Collection[str]) -> frozenset[str]:
        """Which branches may be adopted by a key that has signed nothing yet."""
        readable = (branch for branch in (RESOLVED, STATUS, CONFIRMED) if branch not in faults)
        commits = {branch: commit for branch in readable if (commit := self._commit(branch)) is not None}
        return adoptable(self._repository, commits, self.status() if STATUS in commits else None)

    def _own_commit(self, branch: str) -> Commit | None:
        """The commit at a branch's head, if it is own; before `status` is signed, none of its others is either."""
        commit, status = self._commit(branch), self._commit(STATUS)
        if commit is None or self._repository.is_own_commit(commit):
            return commit
        is_signed = status is None or self._repository.is_own_commit(status)
        return commit if not is_signed and self._repository.has_own_committer(commit) else None

    def adopt(self, branch: str) -> tuple[str, ...]:
        """Sign the head of `resolved` or `status`, where another key or none has: the same files in a new commit.

        Returns:
            The branch, if a commit was pushed.
        """
        commit = self._commit(branch)
        if commit is None or branch in self._displaced or not self._repository.needs_signature(commit):
            return ()
        trailers = [(name, value) for name in _KEPT_TRAILERS for value in trailer_values(commit, name)[-1:]]
        message = f"{branch}: signed from here on\n\n{trailer_lines(*trailers, (ADOPTED, commit.id))}"
        self._move(branch, self._repository.write_over({}, parent=commit.id, message=message, time=int(time.time())))
        return (branch,)

    def check_signing(self) -> None:
        """Raise a ConfigurationError where commits are signed, and there is no key to do so."""
        self._repository.check_signing()

    @property
    def foreign_lock(self) -> ForeignLockError | None:
        """What somebody else did to `resolved`, until it is put back; None when its head is the reconciler's."""
        if RESOLVED not in self._displaced:
            return None
        server, own = self._displaced[RESOLVED], self._heads.get(RESOLVED)
        what = f"{RESOLVED} is at {server}, which is not the newest commit of the reconciler" if server else f"{RESOLVED} is gone"
        return ForeignLockError(what, f"it is put back to {own}" if own else "it is resolved anew")

    def put_back(self) -> tuple[str, ...]:
        """Set the server's branches to the own commits that stand for them; return which were set."""
        branches = tuple(branch for branch in self._displaced if branch in self._heads)
        for branch in branches:
            own, server = self._heads[branch], self._displaced[branch]
            try:
                self._repository.push(own, branch, expect=server)
            except RejectedError:  # a rule against rewriting history: the same files again, on top of what is there
                if server is None:
                    raise
                files, message = self._repository.read(own, limits=RENDERED_LIMITS).files, self._repository.commit_of(own).message
                self._push(branch, files, message, server)
            del self._displaced[branch]
        return branches

    def forget(self) -> None:
        """Make the next pass fetch. Until then the heads stay as they were last known."""
        self.is_fresh = False

    def head(self, branch: str) -> str | None:
        """The commit at a branch's head; None when the branch does not exist."""
        return self._heads.get(branch)

    def tree(self, branch: str) -> str | None:
        """The tree at a branch's head; None when the branch does not exist."""
        commit = self._commit(branch)
        return commit.tree if commit else None

    def time(self, branch: str) -> int:
        """The commit time of a branch's head in seconds since the epoch; 0 when the branch does not exist or cannot be read."""
        commit = self._commit(branch)
        return commit.time if commit else 0

    def input_of_resolved(self) -> str | None:
        """The commit of `main` that the head of `resolved` was made from, by its trailer."""
        return self._trailer(INPUT_COMMIT)

    def digest_of_resolved(self) -> str | None:
        """The digest of the documents that the head of `resolved` was made from, by its trailer."""
        return self._trailer(INPUT_DIGEST)

    def _trailer(self, name: str) -> str | None:
        """The last trailer of a name in the message of `resolved`'s head."""
        commit = self._commit(RESOLVED)
        return next(reversed(trailer_values(commit, name)), None) if commit else None

    def input_snapshot(self) -> Snapshot:
        """The documents at the head of `main`: environment.yaml and the Applications. Raises `main_fault`."""
        if (fault := self.main_fault) is not None:
            raise fault
        return self._repository.read(self._heads[MAIN], WANTED)

    def lock(self) -> EnvironmentLock | None:
        """The lock at the head of `resolved`; None when there is none that can be read: then everything is resolved anew."""
        head = self._heads.get(RESOLVED)
        if self._lock[0] != head:
            self._lock = (head, self._read(head, LOCK_FILE, EnvironmentLock))
        return self._lock[1]

    def resolved_files(self) -> Mapping[str, bytes]:
        """All files at the head of `resolved`. Raises a ReconcilerError when they cannot be read, or there is no such branch."""
        if (head := self._heads.get(RESOLVED)) is None:
            raise NotFoundError(f"{self._repository.name} has no branch {RESOLVED}", "it is resolved anew")
        return self._repository.read(head, limits=RENDERED_LIMITS).files

    def settled_tree(self, branch: str) -> str | None:
        """The tree of `resolved` or a plan without what is still uninstalled, in which alone two of them may differ.

        None when there is no such branch, or its lock cannot be read.

        Raises:
            ReconcilerError: the files cannot be read.
        """
        commit = self._commit(branch)
        lock = self._read(commit.id, LOCK_FILE, EnvironmentLock) if commit is not None else None
        if commit is None or lock is None or lock == settled(lock):
            return commit.tree if commit is not None and lock is not None else None
        files = self._repository.read(commit.id, limits=RENDERED_LIMITS).files
        return tree_id(replace_removals(files, settled(lock)))

    def rendered_releases(self) -> Mapping[ReleaseKey, str]:
        """The digest of each HelmRelease in the files at the head of `resolved` (`RenderedReleases.at`)."""
        return self._rendered.at(self._heads.get(RESOLVED))

    def status(self) -> EnvironmentStatus | None:
        """The status at the head of `status`; None when there is none with all conditions that can be read."""
        head = self._heads.get(STATUS)
        if self._status[0] != head:
            status = self._read(head, STATUS_FILE, EnvironmentStatus)
            is_complete = status is not None and {condition.type for condition in status.conditions} == CONDITIONS
            self._status = (head, status if is_complete else None)
        return self._status[1]

    def last_confirmed(self) -> int:
        """When the status was last known to be current, in seconds since the epoch: its own time, or that of its confirmation."""
        status = self._commit(STATUS)
        return confirmed_at(status, self._confirmation, time.time()) if status is not None else 0

    def confirm(self, files: Mapping[str, bytes]) -> None:
        """Confirm that the status is current: a commit of the same tree, without history, in a ref of its own."""
        self._push(CONFIRMED, files, "the status is current\n", None)
        self._confirmation = self._commits[CONFIRMED]

    @property
    def plans(self) -> Mapping[int, str]:
        """The plan branches, by the number of their pull request."""
        numbers = {name: name.removeprefix(PLAN) for name in self._heads if name.startswith(PLAN)}
        return {int(number): name for name, number in numbers.items() if number.isdecimal()}

    def plan(self, number: int) -> PlanCommit | None:
        """The plan of a pull request; None when there is none that can be read."""
        if (commit := self._own_commit(f"{PLAN}{number}")) is None:
            return None
        if number not in self._plans or self._plans[number][0] != commit.id:
            lock = self._read(commit.id, LOCK_FILE, EnvironmentLock)
            self._plans[number] = commit.id, decode(commit, lock) if lock else None
        return self._plans[number][1]

    def push_plan(self, number: int, planned: PlanCommit, files: Mapping[str, bytes], summary: str) -> bool:
        """Push the plan of a pull request to its branch, based on the commit that it was made on.

        Args:
            number: the pull request's number.
            planned: its plan.
            files: all files of the plan's tree.
            summary: the first line of the commit message.

        Returns:
            False when the branch holds this plan already.
        """
        branch, base, message = f"{PLAN}{number}", planned.base, encode(planned, summary)
        current, expected = self._commit(branch), (planned.tree, (base,) if base else (), message)
        is_same = current is not None and (current.tree, current.parents, current.message) == expected
        if is_same and current is not None and not self._repository.needs_signature(current):
            return False
        self._plans[number] = self._push(branch, files, message, base), planned
        return True

    def delete_plan(self, number: int) -> None:
        """Delete the plan branch of a pull request, if there is one; where the server refuses that, push the withdrawn plan."""
        branch = f"{PLAN}{number}"
        if (head := self._heads.get(branch)) is None:
            return
        try:
            self._repository.remove(branch, expect=head)
        except RejectedError:
            self._withdrawn[branch] = self._withdrawal()
            self._repository.push(self._withdrawn[branch], branch, expect=head)
        del self._heads[branch]

    def _withdrawn_plans(self, heads: Mapping[str, str]) -> dict[str, str]:
        """The heads of plan branches whose plan is withdrawn."""
        plans = {branch: id_ for branch, id_ in heads.items() if branch.startswith(PLAN)}
        withdrawal = self._withdrawal() if plans else ""
        return {branch: id_ for branch, id_ in plans.items() if id_ == withdrawal}

    def _withdrawal(self) -> str:
        """The commit of a withdrawn plan."""
        return self._repository.write(_WITHDRAWN, parent=None, message="no plan\n", time=0).id

    def push_resolved(self, files: Mapping[str, bytes], message: str, lock: EnvironmentLock) -> None:
        """Commit files, this lock among them, as all of `resolved`, and push if the branch is still at its last fetched head."""
        self._lock = (self._push(RESOLVED, files, message, self._heads.get(RESOLVED) or self._displaced.get(RESOLVED)), lock)

    def push_status(self, files: Mapping[str, bytes], message: str, status: EnvironmentStatus) -> None:
        """Commit files, this status among them, as all of `status`, and push if the branch is still at its last fetched head."""
        self._status = (self._push(STATUS, files, message, self._heads.get(STATUS) or self._displaced.get(STATUS)), status)

    def _push(self, branch: str, files: Mapping[str, bytes], message: str, parent: str | None) -> str:
        self._repository.check_signing()
        if branch in {RESOLVED, STATUS} and parent is not None and parent == self._heads.get(branch):
            adopted = self._repository.needs_signature(self._repository.commit_of(parent))
            message += trailer_lines((ADOPTED, parent)) if adopted else ""
        return self._move(branch, self._repository.write(files, parent=parent, message=message, time=int(time.time())))

    def _move(self, branch: str, commit: Commit) -> str:
        """Set a branch to an own commit, if the server has it where it was last fetched."""
        server = self._displaced[branch] if branch in self._displaced else self._heads.get(branch, self._withdrawn.get(branch))
        self._repository.push(commit.id, branch, expect=server)
        self._displaced.pop(branch, None)
        self._heads[branch] = commit.id
        if branch in {RESOLVED, STATUS}:
            self._know(branch, commit.id)
        self._commits[branch] = commit
        return commit.id

    def _know(self, branch: str, own: str) -> None:
        """Remember the newest own commit of `resolved` or `status`, also for the next process."""
        self._known[branch] = own
        self._repository.keep_own(branch, own)

    def _commit(self, branch: str) -> Commit | None:
        """The commit at a branch's head, read once; None when the branch does not exist or cannot be read."""
        head = self._heads.get(branch)
        if head is None or self._unreadable.fault(branch) is not None:
            return None
        commit = self._commits.get(branch)
        if commit is None or commit.id != head:
            commit = self._commits[branch] = self._repository.commit_of(head)
        return commit

    def _read(self, head: str | None, file: str, model: type[M]) -> M | None:
        """Parse a document of the reconciler's own branches; None when it does not exist or cannot be read."""
        return None if head is None else _read(self._repository, head, file, model)


def _read(repository: GitRepository, commit: str, file: str, model: type[M]) -> M | None:
    content = repository.read(commit, (file,), limits=OWN_LIMITS).files.get(file)
    if content is None:
        return None
    source = documents.load(content, file, max_bytes=OWN_LIMITS.file, max_parts=documents.MAX_OWN_PARTS)
    return parse_document(source, model)[0]
