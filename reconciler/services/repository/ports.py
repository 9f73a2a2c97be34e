"""The calls to a git repository that services and commands need; `adapters.git.Repository` in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from reconciler.model.errors import ReconcilerError
    from reconciler.model.git import Commit, Snapshot, SnapshotLimits


class GitRepository(Protocol):
    """One repository of a server, with a local clone. Every method may raise a ReconcilerError."""

    @property
    def name(self) -> str:
        """Its address, without credentials."""

    def heads(self) -> dict[str, str]:
        """The current branches of the server, name -> commit id; the reconciler's own refs and `refs/pull/<n>/head` in full."""

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Fetch the commits of `wanted` (branch -> id, out of `heads`) that are not in the clone."""

    def fetch_also(self, ref: str, id_: str) -> Commit | None:
        """Fetch one more ref, which any writer may have moved; None when it is not a commit."""

    def fetch_commit(self, id_: str) -> bool:
        """Fetch a commit by its id alone; return whether the clone has it."""

    def fetch_each(self, wanted: Mapping[str, str]) -> Mapping[str, ReconcilerError]:
        """Fetch as `fetch` does; return why, for each branch whose content keeps it from being fetched."""

    def commit_of(self, id_: str) -> Commit:
        """The commit with this id, which is in the clone."""

    def first_parent_history(self, head: str, *, limit: int) -> tuple[Commit, ...]:
        """A commit and those before it by their first parents, the newest first."""

    def fingerprints(self, commits: Sequence[Commit], wanted: Sequence[str]) -> tuple[str, ...]:
        """A fingerprint of each commit's files of `wanted`: equal exactly where those files are equal."""

    def read(self, id_: str, wanted: Sequence[str] | None = None, *, limits: SnapshotLimits | None = None) -> Snapshot:
        """The files of a commit: those of `wanted`, or all of them."""

    def merge(self, ours: str, theirs: str, wanted: Sequence[str]) -> Snapshot:
        """The files that merging one commit into another would give."""

    def is_ancestor(self, head: str, commit: str) -> bool:
        """Whether a commit is in the history of another one, or is that one."""

    def has_commit(self, id_: str) -> bool:
        """Whether a commit is in the clone."""

    def ancestors(self, heads: Collection[str], commits: Iterable[str]) -> frozenset[str]:
        """Those of some commits that are one of `heads`, or in the history of one by any parent."""

    def write(self, files: Mapping[str, bytes], *, parent: str | None, message: str, time: int) -> Commit:
        """Make a commit of these files in the clone."""

    def write_over(self, files: Mapping[str, bytes], *, parent: str, message: str, time: int) -> Commit:
        """Make a commit in which these files differ from the parent, which holds them."""

    def is_own_commit(self, commit: Commit) -> bool:
        """Whether a commit was made by `write` or `write_over`: by its signature, where commits are signed."""

    def has_own_committer(self, commit: Commit) -> bool:
        """Whether a commit names the committer of the reconciler's own, signed or not."""

    def needs_signature(self, commit: Commit) -> bool:
        """Whether commits are signed here, and this one is not, or by an older key."""

    def keep_own(self, branch: str, id_: str) -> None:
        """Keep, for the next process, that a commit is the newest own one of a branch, where commits are signed."""

    def kept_own(self) -> Mapping[str, str]:
        """The newest own commits that were kept, by branch; none where commits are not signed."""

    def check_signing(self) -> None:
        """Raise a ConfigurationError where commits are signed, and there is no key to do so."""

    def push(self, commit: str, branch: str, *, expect: str | None) -> None:
        """Set the server's branch to a commit of the clone, if the branch is still at `expect`."""

    def remove(self, branch: str, *, expect: str) -> None:
        """Delete the server's branch, if it is still at `expect`."""
