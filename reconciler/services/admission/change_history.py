"""Walks the commits of `main` back to what is resolved, and finds the pull request that accounts for each change.

The forge alone does not decide that a pull request accounts for a commit: the content of `main` must equal what merging the pull
request's head gives, so that no commit hides behind a pull request of other content, whoever marked it as merged.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.domain.admission.approvals import Change
from reconciler.domain.locking.input_digests import change_digest, input_digest
from reconciler.model.layout import APPLICATIONS_FOLDER, MAIN, RESOLVED, WANTED, ref_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.domain.admission.approvals import ReviewedPullRequest
    from reconciler.model.forge import MergedPullRequest
    from reconciler.model.git import Commit
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.repository.ports import GitRepository

MAX_COMMITS: Final = 500  # that are walked back
MAX_CHANGES: Final = 200  # that are accounted for at once
MAX_REBASED_COMMITS: Final = 100  # of one pull request
MAX_UNCHANGING_COMMITS: Final = 20  # at the end of a pull request, that change no document
_EMPTY: Final = hashlib.sha256().hexdigest()  # the fingerprint of a commit without any of the documents


class MergeForge(Protocol):
    """The calls to a forge that the walk needs."""

    def pull_request_of_merge(self, repository: str, commit: str) -> MergedPullRequest | None:
        """The pull request whose merge made a commit."""


class ChangeHistory:
    """The changes of one repository's `main`. Raises ReconcilerErrors as the forge and the clone do.

    Args:
        forge: where its pull requests are.
        repository: owner/name.
        clone: of the same repository, with history.
        reviewed: reads a merged pull request with its reviews, given its head and the digest of the files it changes.
    """

    def __init__(
        self,
        forge: MergeForge,
        repository: str,
        clone: GitRepository,
        reviewed: Callable[[MergedPullRequest, str, str], ReviewedPullRequest],
    ) -> None:
        self._forge, self._repository, self._clone, self._reviewed = forge, repository, clone, reviewed

    def changes(self, branches: EnvironmentBranches) -> tuple[Change, ...]:
        """The commits of `main` that change what people ask for, back to what is resolved, each with what accounts for it.

        Commits that one pull request brought are one change, named by the newest.
        """
        main = branches.head(MAIN) or ""
        heads = self._clone.heads()
        self._clone.fetch({MAIN: main})
        line = self._clone.first_parent_history(main, limit=MAX_COMMITS)
        prints = self._clone.fingerprints(line, WANTED)
        end = self._last_admitted(line, prints, branches)
        changes: list[Change] = []
        at = 0
        while at < end:
            if len(changes) == MAX_CHANGES:
                words = (
                    f"and those before it are more than {MAX_CHANGES} changes back: whoever writes the policy must let some go"
                )
                return (Change(line[at].id, why_not=words), *changes)
            same = max(i for i in range(at, min(end + 1, len(prints))) if prints[i] == prints[at])
            if same > at:  # whatever came in between was taken back
                at = same
                continue
            if at + 1 == len(prints) and prints[at] == _EMPTY:
                break
            change, upto = self._accounted(line, prints, at, end, heads)
            changes.append(replace(change, is_cosmetic=self._is_idle(line, at, upto)))
            at = upto
        if end == len(line) and line[-1].parents:
            changes.append(
                Change(line[-1].id, why_not=f"is {MAX_COMMITS} commits back, and what is resolved was not found on the way")
            )
        return tuple(changes)

    def _last_admitted(self, line: Sequence[Commit], prints: Sequence[str], branches: EnvironmentBranches) -> int:
        """Where the walk ends: at a commit that holds what was admitted; without one, where nothing was installed."""
        since, digest = branches.input_of_resolved(), branches.digest_of_resolved()
        known = [index for index, commit in enumerate(line) if commit.id == since]
        if known:
            return next(index for index, print_ in enumerate(prints) if print_ == prints[known[0]])
        if digest is not None:  # `main` was rewritten
            same = (i for i, commit in enumerate(line) if input_digest(self._clone.read(commit.id, WANTED)) == digest)
            return next(same, len(line))
        if branches.head(RESOLVED) is not None:
            return len(line)
        installed = self._clone.fingerprints(line, (f"{APPLICATIONS_FOLDER}/*.yaml",))
        return next((index for index, print_ in enumerate(installed) if print_ == _EMPTY), len(line))

    def _accounted(
        self, line: Sequence[Commit], prints: Sequence[str], at: int, end: int, heads: Mapping[str, str]
    ) -> tuple[Change, int]:
        """What accounts for a commit, and up to which one: the last ones of a pull request may change nothing of interest."""
        first, covered = self._account(line, at, end, heads)
        top = at
        while first.proposal is None and top > max(0, at - MAX_UNCHANGING_COMMITS) and prints[top - 1] == prints[at]:
            top -= 1
            change, count = self._account(line, top, end, heads)
            if change.proposal is not None and top + count > at:
                return change, top + count
        return first, at + covered

    def _is_idle(self, line: Sequence[Commit], at: int, upto: int) -> bool:
        """Whether documents differ in nothing but comments and how they are written."""
        if upto >= len(line):
            return False
        before, after = (self._clone.read(line[i].id, WANTED) for i in (upto, at))
        return not (before.problems or after.problems) and change_digest(before, after) == change_digest(before, before)

    def _account(self, line: Sequence[Commit], at: int, end: int, heads: Mapping[str, str]) -> tuple[Change, int]:
        """What accounts for a commit, and for how many from there on."""
        commit = line[at]
        merged = self._forge.pull_request_of_merge(self._repository, commit.id)
        if merged is None or merged.base != MAIN:
            return Change(commit.id), 1
        ref = ref_of(f"pull/{merged.number}")
        if (head := heads.get(ref)) is None:
            return Change(commit.id, why_not=f"came with pull request {merged.number}, whose head is gone"), 1
        self._clone.fetch({MAIN: line[0].id, ref: head})
        for count in dict.fromkeys((self._rebased(line[at:end], head, merged.fork), 1)):
            if at + count < len(line) and (diff := self._diff(commit.id, line[at + count].id, head)) is not None:
                return Change(commit.id, self._reviewed(merged, head, diff)), count
        return Change(commit.id, why_not=f"is not what merging pull request {merged.number} gives"), 1

    def _rebased(self, line: Sequence[Commit], head: str, fork: str) -> int:
        """How many commits a pull request brought, if they were rebased: each the same, by its author and its words."""
        count = 1
        for ours, theirs in zip(line[1:], self._brought(head, fork), strict=False):
            if (ours.author, ours.message) != (theirs.author, theirs.message):
                break
            count += 1
        return count

    def _brought(self, head: str, fork: str) -> Iterator[Commit]:
        for commit in self._clone.first_parent_history(head, limit=MAX_REBASED_COMMITS):
            if commit.id == fork:
                return
            if commit.id != head:
                yield commit

    def _diff(self, commit: str, before: str, head: str) -> str | None:
        """What a commit changes, if it holds what merging a head into one before it gives; None if it does not."""
        merged = self._clone.merge(before, head, WANTED)
        if merged.problems or input_digest(merged) != input_digest(self._clone.read(commit, WANTED)):
            return None
        return change_digest(self._clone.read(before, WANTED), merged)
