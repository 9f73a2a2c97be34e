"""Walks the commits of `main` back to what is resolved, and finds the pull request that accounts for each change.

The forge alone does not decide that a pull request accounts for a commit: the content of `main` must equal what merging the pull
request's head gives, so that no commit hides behind a pull request of other content, whoever marked it as merged. And the commit
must not have been admitted before, by itself or in the history of another one: whoever may write can put it on `main` again.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.domain.admission.approvals import Change
from reconciler.domain.locking.input_digests import change_digest, input_digest
from reconciler.model.layout import APPLICATIONS_FOLDER, MAIN, RESOLVED, WANTED, ref_of
from reconciler.services.admission.admission_record import AdmissionRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.domain.admission.approvals import ReviewedPullRequest
    from reconciler.model.forge import MergedPullRequest
    from reconciler.model.git import Commit
    from reconciler.services.admission.admission_record import SpentAdmissions
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.repository.ports import GitRepository

MAX_COMMITS: Final = 500  # of `main` that are walked back
MAX_CHANGES: Final = 200  # that one evaluation accounts for
MAX_REBASED_COMMITS: Final = 100  # of one rebased pull request
MAX_UNCHANGING_COMMITS: Final = 20  # at the end of a pull request, without a changed document
_SPENT: Final = "was admitted before: an approval or a score admits one change, once"
_UNKNOWN: Final = "which may have been admitted before: the commit that was admitted then is not in the repository any more"
_EMPTY: Final = hashlib.sha256().hexdigest()  # the fingerprint of a commit without any of the documents


class MergeForge(Protocol):
    """The calls to a forge that the walk needs; `adapters.gitea.Gitea` in production."""

    def pull_request_of_merge(self, repository: str, commit: str) -> MergedPullRequest | None:
        """The pull request whose merge made a commit."""


class ChangeHistory:
    """The changes of one repository's `main`. Raises ReconcilerErrors as the forge and the clone do.

    Args:
        forge: the repository's forge.
        repository: owner/name.
        clone: a clone of the repository, with history.
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
        self._records = AdmissionRecords(clone)

    def changes(self, branches: EnvironmentBranches) -> tuple[Change, ...]:
        """The commits of `main` that change a document, back to the resolved one, each with its pull request.

        Commits of one pull request are one change, named by the newest.
        """
        commits, spent = self._main(branches)
        heads = self._clone.heads()
        fingerprints = self._clone.fingerprints(commits, WANTED)
        end, restored = self._end(commits, fingerprints, spent)
        changes: list[Change] = []
        index = 0
        while index < end:
            if len(changes) == MAX_CHANGES:
                why_not = f"and those before it are more than {MAX_CHANGES} changes back: relax the policy to admit some of them"
                return (Change(commits[index].id, why_not=why_not), *changes)
            same = max(
                other for other in range(index, min(end + 1, len(fingerprints))) if fingerprints[other] == fingerprints[index]
            )
            if same > index:  # the changes in between were reverted
                changes.extend(self._losses(commits[index:same]))
                index = same
                continue
            if spent.record.newest is None and index + 1 == len(fingerprints) and fingerprints[index] == _EMPTY:
                break
            change, next_index = self._accounted(commits, fingerprints, index, end, heads, spent)
            changes.append(replace(change, is_cosmetic=self._is_cosmetic(commits, index, next_index)))
            index = next_index
        if end == len(commits) and commits[-1].parents:
            changes.append(
                Change(
                    commits[-1].id, why_not=f"is {MAX_COMMITS} commits back, and the resolved commit is not among those after it"
                )
            )
        elif end == len(commits) and spent.record.newest is not None and (not changes or changes[-1].commit != commits[-1].id):
            changes.append(Change(commits[-1].id, why_not="begins another history than that of the resolved commit"))
        elif not restored:
            changes.append(_taken_back(commits, end, spent))
        return tuple(changes)

    def spent(self, branches: EnvironmentBranches) -> SpentAdmissions:
        """What admits nothing again, among the commits of `main`."""
        return self._main(branches)[1]

    def _main(self, branches: EnvironmentBranches) -> tuple[tuple[Commit, ...], SpentAdmissions]:
        """The commits of `main`, the newest first, and what admits nothing again among them."""
        main, resolved = branches.head(MAIN) or "", branches.head(RESOLVED)
        self._clone.fetch({MAIN: main, **({RESOLVED: resolved} if resolved else {})})
        commits = self._clone.first_parent_history(main, limit=MAX_COMMITS)
        return commits, self._records.spent(self._records.read(resolved), commits)

    def _end(self, commits: Sequence[Commit], fingerprints: Sequence[str], spent: SpentAdmissions) -> tuple[int, bool]:
        """Where the walk ends, and whether the commit there has the documents that were admitted last.

        It ends at the newest commit with those documents; without one, at the newest that was admitted earlier, or is in the
        history of one that was. Where nothing was admitted yet it ends at a commit that installs nothing.
        """
        record = spent.record
        if record.newest is None:
            installed = self._clone.fingerprints(commits, (f"{APPLICATIONS_FOLDER}/*.yaml",))
            return next((index for index, fingerprint in enumerate(installed) if fingerprint == _EMPTY), len(commits)), True
        admitted = next((index for index, commit in enumerate(commits) if commit.id in spent.commits), len(commits))
        if admitted < len(commits) and commits[admitted].id == record.input:
            return fingerprints.index(fingerprints[admitted]), True
        same = (
            index
            for index, commit in enumerate(commits[: admitted + 1])
            if input_digest(self._clone.read(commit.id, WANTED)) == record.digest
        )
        if (index := next(same, None)) is not None:
            return index, True
        return admitted, admitted == len(commits)

    def _losses(self, commits: Sequence[Commit]) -> Iterator[Change]:
        """The merges among some commits that leave out what they merge, such as an approved revert.

        The documents stay as the first parent has them, so that nothing looks changed, and what was merged counts as being there.
        """
        for commit in commits:
            main, *others = commit.parents or ("",)
            for other in others:
                if self._diff(commit.id, main, other) is None:
                    why_not = f"leaves out what it merges, {other[:10]}: put main back to {main[:10]}, which it follows"
                    yield Change(commit.id, why_not=why_not)
                    break

    def _accounted(
        self,
        commits: Sequence[Commit],
        fingerprints: Sequence[str],
        index: int,
        end: int,
        heads: Mapping[str, str],
        spent: SpentAdmissions,
    ) -> tuple[Change, int]:
        """The change at an index, and the index after it.

        The newest commits of a pull request may change no document; then a commit above the index leads to the pull request.
        """
        first, covered = self._account(commits, index, end, heads, spent)
        newer = index
        while (
            first.proposal is None
            and newer > max(0, index - MAX_UNCHANGING_COMMITS)
            and fingerprints[newer - 1] == fingerprints[index]
        ):
            newer -= 1
            change, count = self._account(commits, newer, end, heads, spent)
            if change.proposal is not None and newer + count > index:
                return change, newer + count
        return first, index + covered

    def _is_cosmetic(self, commits: Sequence[Commit], index: int, next_index: int) -> bool:
        """Whether the documents at two indexes differ only in comments and formatting."""
        if next_index >= len(commits):
            return False
        before, after = (self._clone.read(commits[position].id, WANTED) for position in (next_index, index))
        return not (before.problems or after.problems) and change_digest(before, after) == change_digest(before, before)

    def _account(
        self, commits: Sequence[Commit], index: int, end: int, heads: Mapping[str, str], spent: SpentAdmissions
    ) -> tuple[Change, int]:
        """The change of the commit at an index, and how many commits it covers."""
        commit = commits[index]
        if spent.has_commit(commit.id):
            return Change(commit.id, why_not=_SPENT, is_spent=True), 1
        merged = self._forge.pull_request_of_merge(self._repository, commit.id)
        if merged is None or merged.base != MAIN:
            return Change(commit.id), 1
        if merged.at <= spent.since:
            why_not = f"came with pull request {merged.number}, {_UNKNOWN}"
            return Change(commit.id, why_not=why_not, is_spent=True), 1
        ref = ref_of(f"pull/{merged.number}")
        if (head := heads.get(ref)) is None:
            return Change(commit.id, why_not=f"came with pull request {merged.number}, whose head is gone"), 1
        if (merged.number, head) in spent.record.pulls:
            return Change(commit.id, why_not=f"came with pull request {merged.number}, which {_SPENT}"), 1
        self._clone.fetch({MAIN: commits[0].id, ref: head})
        for count in dict.fromkeys((self._rebased(commits[index:end], head, merged.fork), 1)):
            if index + count < len(commits) and (diff := self._diff(commit.id, commits[index + count].id, head)) is not None:
                return Change(commit.id, self._reviewed(merged, head, diff)), count
        return Change(commit.id, why_not=f"is not what merging pull request {merged.number} gives"), 1

    def _rebased(self, commits: Sequence[Commit], head: str, fork: str) -> int:
        """The number of commits of a rebased pull request: each has the author and the message of the original."""
        count = 1
        for rebased, original in zip(commits[1:], self._commits_below(head, fork), strict=False):
            if (rebased.author, rebased.message) != (original.author, original.message):
                break
            count += 1
        return count

    def _commits_below(self, head: str, fork: str) -> Iterator[Commit]:
        """The commits of a pull request before its head, down to its fork point, the newest first."""
        for commit in self._clone.first_parent_history(head, limit=MAX_REBASED_COMMITS):
            if commit.id == fork:
                return
            if commit.id != head:
                yield commit

    def _diff(self, commit: str, before: str, head: str) -> str | None:
        """The digest of a commit's changes, if it equals the merge of `head` into the commit before; None if it does not."""
        merged = self._clone.merge(before, head, WANTED)
        if merged.problems or input_digest(merged) != input_digest(self._clone.read(commit, WANTED)):
            return None
        return change_digest(self._clone.read(before, WANTED), merged)


def _taken_back(commits: Sequence[Commit], end: int, spent: SpentAdmissions) -> Change:
    """The change by which `main` came back to a commit that was admitted earlier, and replaced since."""
    last = (spent.record.input or "")[:10]
    why_not = f"takes main back to {commits[end].id[:10]}, which was admitted before {last}: put {last} back on main"
    newest = max(0, end - 1)
    return Change(commits[newest].id, why_not=why_not, is_spent=spent.has_commit(commits[newest].id))
