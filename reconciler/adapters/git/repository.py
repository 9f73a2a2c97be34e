"""One Environment's repository, on its server and in a local clone: everything that a caller does with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import pygit2
import stamina
from pygit2.enums import ObjectType

from reconciler.adapters.git.clone import Clone, CorruptCloneError
from reconciler.adapters.git.fingerprints import fingerprint
from reconciler.adapters.git.merge import merge
from reconciler.adapters.git.remote import Remote, full
from reconciler.adapters.git.tree_edits import edit_tree
from reconciler.adapters.git.tree_reader import read_tree
from reconciler.formats.git_names import printable
from reconciler.formats.git_objects import objects_of
from reconciler.model.errors import ConcurrentUpdateError, NotFoundError, ReconcilerError, UnavailableError
from reconciler.model.git import Commit, GitCredentials, Snapshot, SnapshotLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

_KINDS = {"blob": ObjectType.BLOB, "tree": ObjectType.TREE}

_ID = re.compile(r"[0-9a-f]{40}")

# A hanging server uses up the time-out at its first attempt; the next pass is the next attempt.
_patiently = stamina.RetryingCaller(attempts=3, timeout=10.0, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2)


class Repository:
    """A bare local clone of one Environment's repository, kept as a cache: deleting it costs only time.

    A clone that is missing, half made, locked by a process that died, corrupt or crowded is thrown away and made anew,
    by itself and once. Files are open only during a call. One thread (and one process) at a time may use one object;
    different objects, with different paths, may be used by different threads at once.

    Every method may raise Unavailable, Denied, Missing (no such repository), Misconfigured (an untrusted certificate,
    an unwritable path) and Corrupt (damaged again right after it was made anew). Reads from the server are retried
    a little; a push is not, for the pass that wanted it will come again.

    Args:
        path: where the clone lives; its parent is made when missing.
        url: http(s)://, file:// or an absolute path, without credentials; see `Remote` for what differs on disk.
        credentials: for http(s).
        author: name and mail address of the commits that `write` makes.
        history: fetch the commits before those that are wanted too, which `merge` needs.
    """

    def __init__(
        self,
        path: Path,
        url: str,
        *,
        credentials: GitCredentials | None = None,
        author: tuple[str, str] = ("Catalyst reconciler", "reconciler@catalyst.openova.io"),
        history: bool = False,
    ) -> None:
        self._remote = Remote(url, credentials)
        self._clone = Clone(path, self._remote.name)
        self._author = author
        self._history = history
        self._wanted: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Repository({self._remote.name!r})"

    @property
    def name(self) -> str:
        """Where it is, fit for a message."""
        return self._remote.name

    def heads(self) -> dict[str, str]:
        """Return the branches that the server has now, name -> commit id; refs of ours and `refs/pull/<n>/head` in full.

        One request.
        """
        return _patiently(UnavailableError, self._clone.with_recovery, self._remote.heads)

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Make sure that the commits of `wanted` (branch -> id, out of `heads`) are here; no request when they are.

        Only their files are promised, not their history, unless `history` was asked for.

        Raises:
            ConcurrentUpdateError: a branch is no longer at its id.
        """
        self._wanted = dict(wanted)
        if self._clone.needs_gc():
            self._clone.discard()
        _patiently(UnavailableError, self._clone.with_recovery, self._fetch)

    def fetch_also(self, ref: str, id_: str) -> Commit | None:
        """Bring one more ref, which anybody may have moved to anything; None when it is no commit, or cannot be brought.

        Raises:
            ConcurrentUpdateError: it is no longer at its id.
        """
        wanted = self._wanted
        try:
            self.fetch({**wanted, ref: id_})
            return self.commit_of(id_)
        except ConcurrentUpdateError:
            raise
        except ReconcilerError:
            self.fetch(wanted)
            return None

    def commit_of(self, id_: str) -> Commit:
        """Return the commit with this id.

        Raises:
            NotFoundError: it is not in the local clone.
        """
        return self._with_refetch(lambda repo: self._commit(repo, id_))

    def first_parent_history(self, head: str, *, limit: int) -> tuple[Commit, ...]:
        """Return a commit that is here and those before it, by their first parents, the newest first. Needs `history`.

        Raises:
            NotFoundError: one of them is not in the local clone.
        """

        def work(repo: pygit2.Repository) -> tuple[Commit, ...]:
            found = [self._commit(repo, head)]
            while len(found) < limit and found[-1].parents:
                found.append(self._commit(repo, found[-1].parents[0]))
            return tuple(found)

        return self._with_refetch(work)

    def fingerprints(self, commits: Sequence[Commit], wanted: Sequence[str]) -> tuple[str, ...]:
        """Return a fingerprint of what each commit holds of `wanted` (as for `read`): equal exactly where that is equal."""
        return self._with_refetch(lambda repo: tuple(fingerprint(repo, commit.tree, wanted) for commit in commits))

    def read(self, id_: str, wanted: Sequence[str] | None = None, *, limits: SnapshotLimits | None = None) -> Snapshot:
        """Return the files of a commit that is here.

        Args:
            id_: the commit.
            wanted: files of the root (`environment.yaml`) and files right inside its folders
                (`applications/*.yaml`); anything else in the root is ignored. None: every file at any depth.
            limits: how much to read.

        Raises:
            NotFoundError: the commit is not in the local clone.
        """
        return self._with_refetch(
            lambda repo: read_tree(repo, id_, self._commit(repo, id_).tree, wanted, limits or SnapshotLimits())
        )

    def merge(self, ours: str, theirs: str, wanted: Sequence[str]) -> Snapshot:
        """Return the files that merging one commit into another would give, as `read` does; nothing is pushed.

        What cannot be merged comes back as the snapshot's problems, with no file. Needs `history`.

        Args:
            ours: the commit that is merged into.
            theirs: the commit that is merged; the snapshot carries its id.
            wanted: as for `read`.

        Raises:
            NotFoundError: a commit is not in the local clone.
        """
        return self._with_refetch(lambda repo: merge(repo, self._commit(repo, ours).id, self._commit(repo, theirs).id, wanted))

    def is_ancestor(self, head: str, commit: str) -> bool:
        """Whether a commit is in the history of another one, which is here with its `history`, or is that one.

        Raises:
            NotFoundError: `head` is not in the local clone.
        """
        return self._with_refetch(lambda repo: self._commit(repo, head).id == commit or _descends(repo, head, commit))

    def write(self, files: Mapping[str, bytes], *, parent: str | None, message: str, time: int) -> Commit:
        """Make a commit of these files (path -> content) in the local clone; equal inputs give an equal id.

        Args:
            files: everything the commit holds.
            parent: the commit before it, which must be here; None for the first.
            message: what it says.
            time: seconds since the epoch, of author and committer.

        Raises:
            NotFoundError: the parent is not in the local clone.
            ValueError: a path that git or some file system does not take.
        """
        made = objects_of(files)

        def work(repo: pygit2.Repository) -> Commit:
            parents = [self._commit(repo, parent).id] if parent else []
            for each in made:
                repo.odb.write(_KINDS[each.kind], each.content)
            who = pygit2.Signature(*self._author, time, 0)
            id_ = repo.create_commit(None, who, who, message, made[-1].id, parents)
            return self._commit(repo, str(id_))

        return self._with_refetch(work)

    def write_over(self, files: Mapping[str, bytes], *, parent: str, message: str, time: int) -> Commit:
        """Make a commit as `write` does, of which only these files (path -> content) differ from its parent, which holds them.

        Raises:
            NotFoundError: the parent is not in the local clone, or does not hold one of the files.
        """

        def work(repo: pygit2.Repository) -> Commit:
            before = self._commit(repo, parent)
            who = pygit2.Signature(*self._author, time, 0)
            id_ = repo.create_commit(None, who, who, message, edit_tree(repo, before.tree, files), [before.id])
            return self._commit(repo, str(id_))

        return self._with_refetch(work)

    def is_own_commit(self, commit: Commit) -> bool:
        """Whether a commit was made by `write` or `write_over`, and by nobody amended."""
        return commit.committer == self._author[1]

    def push(self, commit: str, branch: str, *, expect: str | None) -> None:
        """Set the server's branch to a commit that is here, if the branch is still at `expect`.

        Args:
            commit: the new tip; it need not descend from the old one.
            branch: its name without refs/heads/, or a ref of ours (refs/catalyst/...) in full.
            expect: the id that the branch must have on the server; None if it must not exist.

        Raises:
            ConcurrentUpdateError: the branch is elsewhere.
            RejectedError: a rule of the server turned the push down; the message holds the server's words.
            UnavailableError: also when the outcome is unknown, or the local clone was damaged and has been thrown away.
        """
        try:
            with self._clone.opened() as repo:
                self._remote.push(repo, commit, branch, expect)
        except CorruptCloneError as error:
            self._clone.discard()
            raise UnavailableError(f"the clone of {self._remote.name} was damaged and is made anew: {error}") from error

    def remove(self, branch: str, *, expect: str) -> None:
        """Delete the server's branch, if it is still at `expect`; raises as `push` does."""
        self._clone.with_recovery(lambda repo: self._remote.remove(repo, branch, expect))

    def _fetch(self, repo: pygit2.Repository) -> None:
        absent = {branch: id_ for branch, id_ in self._wanted.items() if id_ not in repo.odb}
        if not absent:
            return
        ours = {branch: f"refs/remotes/origin/{branch}" for branch in absent}
        self._remote.fetch(repo, {full(branch): ref for branch, ref in ours.items()}, history=self._history)
        for branch, id_ in absent.items():
            found = repo.references.get(ours[branch])
            if found is None or str(found.target) != id_:
                raise ConcurrentUpdateError(f"{branch} of {self._remote.name} moved while it was fetched")
            if id_ not in repo.odb:
                raise CorruptCloneError(f"{id_} was thought to be here and is not")

    def _commit(self, repo: pygit2.Repository, id_: str) -> Commit:
        found = repo.get(id_) if _ID.fullmatch(id_) else None
        if found is None and id_ in self._wanted.values():
            raise CorruptCloneError(f"{id_} was fetched and is not here")
        if not isinstance(found, pygit2.Commit):
            raise NotFoundError(f"commit {printable(id_)} is not in the local clone", "fetch its branch first")
        # a clone without history tells of no parents, so they are read from the commit's own lines
        head, _, _ = found.read_raw().partition(b"\n\n")
        parents = tuple(line[7:].decode() for line in head.splitlines() if line.startswith(b"parent "))
        author = next((line[7:].decode("utf-8", "replace") for line in head.splitlines() if line.startswith(b"author ")), "")
        message = found.raw_message.decode("utf-8", "replace")
        committer = (found.committer.raw_email or b"").decode("utf-8", "replace")
        return Commit(id_, str(found.tree_id), parents, found.commit_time, message, committer, author)

    def _with_refetch(self, work: Callable[[pygit2.Repository], T]) -> T:
        """Run `work`; if the clone is damaged, make it anew, fetch what was last wanted, and run it once more."""
        try:
            with self._clone.opened() as repo:
                return work(repo)
        except CorruptCloneError:
            self._clone.discard()
            self.fetch(self._wanted)
            return self._clone.with_recovery(work)


def _descends(repo: pygit2.Repository, head: str, commit: str) -> bool:
    return bool(_ID.fullmatch(commit)) and commit in repo and repo.descendant_of(head, commit)
