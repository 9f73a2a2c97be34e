"""An Environment's branches as last seen, and the only way in which the reconciler writes those that are its own."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel

from reconciler.domain.status.confirmation import confirmed_at
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml import documents
from reconciler.model.errors import ConcurrentUpdateError, RejectedError
from reconciler.model.git import OWN_LIMITS
from reconciler.model.layout import CONFIRMED, LOCK_FILE, MAIN, PAGE_FILE, PLAN, RESOLVED, STATUS, STATUS_FILE, WANTED
from reconciler.model.lock import EnvironmentLock
from reconciler.model.status import EnvironmentStatus
from reconciler.model.trailers import INPUT_DIGEST, trailers
from reconciler.services.repository.plan_commit import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.git import Commit, Snapshot
    from reconciler.services.repository.plan_commit import PlanCommit
    from reconciler.services.repository.ports import GitRepository

CONDITIONS: Final = {"Valid", "Admitted", "Resolved", "Trusted", "Committed", "Ready"}

_A_PLAN: Final = re.compile(rf"{PLAN}\d+")

# What a plan's branch says where the server deletes no protected branch, whoever asks (Gitea): always in the very same commit.
_WITHDRAWN: Final = {PAGE_FILE: b"There is no plan: the pull request is closed, or refused.\n"}

_FETCHED: Final = {MAIN, RESOLVED, STATUS}

_INPUT: Final = "Input-Commit: "

_LOOKS: Final = 3

M = TypeVar("M", bound=BaseModel)


class EnvironmentBranches:
    """The branches of one Environment at their last known heads, with what they hold; forgetting costs only time.

    Raises ReconcilerErrors as Repository does.

    Attributes:
        pulled: whether there ever was a pull request, as far as the server tells.
    """

    def __init__(self, repository: GitRepository) -> None:
        self._repository = repository
        self.pulled = False
        self._heads: dict[str, str] = {}
        self._withdrawn: dict[str, str] = {}
        self._plans: dict[int, tuple[str, PlanCommit | None]] = {}
        self._confirmation: Commit | None = None
        self._commits: dict[str, Commit] = {}
        self._lock: tuple[str | None, EnvironmentLock | None] = (None, None)
        self._status: tuple[str | None, EnvironmentStatus | None] = (None, None)

    @property
    def is_fresh(self) -> bool:
        """Whether there was a look since the last `forget`."""
        return bool(self._heads)

    def refresh(self) -> None:
        """Ask the server for the branches, and fetch what is not here yet, or not any more.

        Raises Moved when one moves in between again and again.
        """
        for left in reversed(range(_LOOKS)):
            found = self._repository.heads()
            heads = {b: id_ for b, id_ in found.items() if b in _FETCHED or _A_PLAN.fullmatch(b)}
            self._withdrawn = self._without_plan(heads)
            heads = {b: id_ for b, id_ in heads.items() if b not in self._withdrawn}
            self.pulled = any(b.startswith("refs/pull/") for b in found)
            confirmation = found.get(CONFIRMED)
            try:
                self._repository.fetch(heads)
                self._confirmation = self._repository.fetch_also(CONFIRMED, confirmation) if confirmation else None
            except ConcurrentUpdateError:
                if not left:
                    raise
            else:
                self._heads = heads | ({CONFIRMED: confirmation} if confirmation else {})
                self._plans = {number: self._plans[number] for number in self.plans if number in self._plans}
                return

    def forget(self) -> None:
        """Take nothing for granted at the next pass."""
        self._heads = {}

    def head(self, branch: str) -> str | None:
        """The commit at a branch's head; None when the branch does not exist."""
        return self._heads.get(branch)

    def tree(self, branch: str) -> str | None:
        """The tree at a branch's head."""
        commit = self._commit(branch)
        return commit.tree if commit else None

    def time(self, branch: str) -> int:
        """When a branch's head was committed, seconds since the epoch; 0 when there is none."""
        commit = self._commit(branch)
        return commit.time if commit else 0

    def input_of_resolved(self) -> str | None:
        """The commit of `main` that the head of `resolved` followed from, as its trailer says."""
        return self._trailer(_INPUT)

    def digest_of_resolved(self) -> str | None:
        """The digest of what people wrote that the head of `resolved` followed from, as its trailer says."""
        return self._trailer(INPUT_DIGEST)

    def _trailer(self, name: str) -> str | None:
        """The last trailer of a name of `resolved`'s head."""
        commit = self._commit(RESOLVED)
        return next(reversed(trailers(commit, name)), None) if commit else None

    def input_snapshot(self) -> Snapshot:
        """What people wrote: environment.yaml and the Applications at the head of `main`."""
        return self._repository.read(self._heads[MAIN], WANTED)

    def lock(self) -> EnvironmentLock | None:
        """The lock at the head of `resolved`; None when there is none, or none that can be read: then all is resolved anew."""
        head = self._heads.get(RESOLVED)
        if self._lock[0] != head:
            self._lock = (head, self._read(head, LOCK_FILE, EnvironmentLock))
        return self._lock[1]

    def status(self) -> EnvironmentStatus | None:
        """The status at the head of `status`; None when there is none that can be read whole."""
        head = self._heads.get(STATUS)
        if self._status[0] != head:
            found = self._read(head, STATUS_FILE, EnvironmentStatus)
            whole = found is not None and {c.type for c in found.conditions} == CONDITIONS
            self._status = (head, found if whole else None)
        return self._status[1]

    def last_confirmed(self) -> int:
        """When the status was last known to stand, seconds since the epoch: its own time, or that of its confirmation."""
        status = self._commit(STATUS)
        return confirmed_at(status, self._confirmation, time.time()) if status is not None else 0

    def confirm(self, files: Mapping[str, bytes]) -> None:
        """Say that the status still stands: a commit of the same tree, without history, in a ref of its own."""
        self._push(CONFIRMED, files, "the status still stands\n", None)
        self._confirmation = self._commits[CONFIRMED]

    @property
    def plans(self) -> Mapping[int, str]:
        """The branches with plans, by the number of their pull request."""
        numbers = {name: name.removeprefix(PLAN) for name in self._heads if name.startswith(PLAN)}
        return {int(number): name for name, number in numbers.items() if number.isdecimal()}

    def plan(self, number: int) -> PlanCommit | None:
        """The plan of a pull request; None when there is none that can be read."""
        if (commit := self._commit(f"{PLAN}{number}")) is None:
            return None
        if number not in self._plans or self._plans[number][0] != commit.id:
            lock = self._read(commit.id, LOCK_FILE, EnvironmentLock)
            self._plans[number] = commit.id, decode(commit, lock) if lock else None
        return self._plans[number][1]

    def push_plan(self, number: int, planned: PlanCommit, files: Mapping[str, bytes], summary: str) -> bool:
        """Commit files on top of what a plan was made upon, as that of a pull request; false when it stands there already.

        Args:
            number: the pull request's.
            planned: its plan.
            files: all of the plan's tree.
            summary: for the commit message.
        """
        branch, upon, words = f"{PLAN}{number}", planned.base, encode(planned, summary)
        there, wanted = self._commit(branch), (planned.tree, (upon,) if upon else (), words)
        if there is not None and (there.tree, there.parents, there.message) == wanted:
            return False
        self._plans[number] = self._push(branch, files, words, upon), planned
        return True

    def delete_plan(self, number: int) -> None:
        """Delete the branch with the plan of a pull request, if there is one; or let it say that there is none."""
        branch = f"{PLAN}{number}"
        if (head := self._heads.get(branch)) is None:
            return
        try:
            self._repository.remove(branch, expect=head)
        except RejectedError:
            self._withdrawn[branch] = self._withdrawal()
            self._repository.push(self._withdrawn[branch], branch, expect=head)
        del self._heads[branch]

    def _without_plan(self, heads: Mapping[str, str]) -> dict[str, str]:
        """Of some heads those of branches for plans that say that there is none."""
        plans = {branch: id_ for branch, id_ in heads.items() if branch.startswith(PLAN)}
        none = self._withdrawal() if plans else ""
        return {branch: id_ for branch, id_ in plans.items() if id_ == none}

    def _withdrawal(self) -> str:
        return self._repository.write(_WITHDRAWN, parent=None, message="no plan\n", time=0).id

    def push_resolved(self, files: Mapping[str, bytes], message: str, lock: EnvironmentLock) -> None:
        """Commit files, of which one says this lock, as all of `resolved`, and push if it is still where it was last seen."""
        self._lock = (self._push(RESOLVED, files, message, self._heads.get(RESOLVED)), lock)

    def push_status(self, files: Mapping[str, bytes], message: str, status: EnvironmentStatus) -> None:
        """Commit files, of which one says this status, as all of `status`, and push if it is still where it was last seen."""
        self._status = (self._push(STATUS, files, message, self._heads.get(STATUS)), status)

    def _push(self, branch: str, files: Mapping[str, bytes], message: str, parent: str | None) -> str:
        commit = self._repository.write(files, parent=parent, message=message, time=int(time.time()))
        self._repository.push(commit.id, branch, expect=self._heads.get(branch, self._withdrawn.get(branch)))
        self._heads[branch] = commit.id
        self._commits[branch] = commit
        return commit.id

    def _commit(self, branch: str) -> Commit | None:
        head = self._heads.get(branch)
        if head is None:
            return None
        known = self._commits.get(branch)
        if known is None or known.id != head:
            known = self._commits[branch] = self._repository.commit_of(head)
        return known

    def _read(self, head: str | None, file: str, model: type[M]) -> M | None:
        if head is None:
            return None
        text = self._repository.read(head, (file,), limits=OWN_LIMITS).files.get(file)
        if text is None:
            return None
        return parse_document(documents.load(text, file, max_bytes=OWN_LIMITS.file, max_parts=documents.MAX_OWN_PARTS), model)[0]
