"""The operations of one Environment's repository, on its server and in a local clone."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, TypeVar

import pygit2
import stamina
from pygit2.enums import ObjectType

from reconciler.adapters.git.clone import Clone, CorruptCloneError, forget_refs
from reconciler.adapters.git.fingerprints import fingerprint
from reconciler.adapters.git.history import ancestors, is_ancestor, is_commit
from reconciler.adapters.git.isolation import isolated
from reconciler.adapters.git.merge import merge
from reconciler.adapters.git.own_commits import OwnCommits
from reconciler.adapters.git.remote import MAX_FETCH, Remote, full
from reconciler.adapters.git.tree_edits import edit_tree
from reconciler.adapters.git.tree_reader import read_tree
from reconciler.formats.git_names import printable
from reconciler.formats.git_objects import objects_of, parse_commit
from reconciler.model.errors import (
    ConcurrentUpdateError,
    IntegrityError,
    NotFoundError,
    ReconcilerError,
    TooLargeError,
    UnavailableError,
)
from reconciler.model.git import Commit, GitCredentials, Snapshot, SnapshotLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from reconciler.adapters.git.own_commits import CommitSigner

T = TypeVar("T")

_KINDS = {"blob": ObjectType.BLOB, "tree": ObjectType.TREE}

_FAULTS_OF_A_REF = (IntegrityError, TooLargeError, UnavailableError)

_ID = re.compile(r"[0-9a-f]{40}")

_KEPT = "ownhead."  # before the name of a branch, in the clone's own configuration

# A server that hangs uses up the time-out at the first attempt; the next pass is the next attempt.
_with_retries = stamina.RetryingCaller(attempts=3, timeout=10.0, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2)


def library_version() -> str:
    """The version of the libgit2 that all of this runs on."""
    return pygit2.LIBGIT2_VERSION


class Repository:
    """One Environment's repository with a bare local clone, which is a cache: deleting it costs only time.

    A clone that is missing, incomplete, locked by a dead process, corrupt or in need of garbage collection is deleted and created
    again, automatically and once. Files are open only during a call. One thread (and one process) at a time may use one object;
    different objects, with different paths, may be used by different threads at once.

    Every method may raise UnavailableError, AccessDeniedError, NotFoundError (no such repository), ConfigurationError (an
    untrusted certificate, an unwritable path) and IntegrityError (damaged again right after it was created). Reads from the
    server are retried a little; a push is not, because the next pass repeats it.

    Args:
        path: the clone's directory; its parent is created when missing.
        url: http(s)://, file:// or an absolute path, without credentials; see `Remote` for the differences on disk.
        credentials: for http(s).
        author: name and mail address of the commits that `write` creates.
        keys: signs the commits that `write` creates, and tells them from others; None where commits are not signed.
        history: whether to fetch the ancestors of the wanted commits too, which `merge` needs.
        max_fetch: bytes that one fetch may receive.
    """

    def __init__(
        self,
        path: Path,
        url: str,
        *,
        credentials: GitCredentials | None = None,
        author: tuple[str, str] = ("Catalyst reconciler", "reconciler@catalyst.openova.io"),
        keys: CommitSigner | None = None,
        history: bool = False,
        max_fetch: int = MAX_FETCH,
    ) -> None:
        self._remote = Remote(url, credentials, max_fetch)
        self._clone = Clone(path, self._remote.name)
        self._author = author
        self._own = OwnCommits(author[1], keys, self._content)
        self._history = history
        self._wanted: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Repository({self._remote.name!r})"

    @property
    def name(self) -> str:
        """The url without credentials, fit for a message."""
        return self._remote.name

    def heads(self) -> dict[str, str]:
        """Returns the server's current branches, name -> commit id; our own refs and `refs/pull/<n>/head` in full.

        One request.
        """
        return _with_retries(UnavailableError, self._clone.with_recovery, self._remote.heads)

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Fetches the commits of `wanted` (branch -> id, as `heads` returned them); no request when the clone has them all.

        Only their files are guaranteed, and their history only with `history`.

        Raises:
            ConcurrentUpdateError: a branch is no longer at its id.
            TooLargeError: the server sends more than the limit of one fetch.
        """
        previous, self._wanted = self._wanted, dict(wanted)
        if self._clone.needs_gc():
            self._clone.discard()
        try:
            _with_retries(UnavailableError, self._clone.with_recovery, self._fetch)
        except ReconcilerError:
            self._wanted = previous
            raise

    def fetch_each(self, wanted: Mapping[str, str]) -> dict[str, ReconcilerError]:
        """Fetches the commits of `wanted` as `fetch` does, each on its own where they cannot be fetched together.

        Returns:
            Why, for each branch that cannot be fetched: its content is the cause, and keeps no other branch back.

        Raises:
            ConcurrentUpdateError: a branch is no longer at its id.
            UnavailableError: two branches in a row failed with it, so that the server is the cause.
        """
        if sum(not self._clone.has(id_) for id_ in wanted.values()) > 1:
            with contextlib.suppress(*_FAULTS_OF_A_REF):
                self.fetch(wanted)
                return {}
        faults: dict[str, ReconcilerError] = {}
        is_away = False
        for branch, id_ in wanted.items():
            try:
                self.fetch({branch: id_})
                is_away = False
            except _FAULTS_OF_A_REF as error:
                if is_away:
                    raise
                is_away = isinstance(error, UnavailableError)
                faults[branch] = error
        self._wanted = {branch: id_ for branch, id_ in wanted.items() if branch not in faults}
        return faults

    def fetch_also(self, ref: str, id_: str) -> Commit | None:
        """Fetches one more ref, which anybody may have set to anything; None when it is not a commit or cannot be fetched.

        Raises:
            ConcurrentUpdateError: the ref is no longer at its id.
        """
        try:
            faults = self.fetch_each({**self._wanted, ref: id_})
            return None if ref in faults else self.commit_of(id_)
        except ConcurrentUpdateError:
            raise
        except ReconcilerError:
            self._wanted.pop(ref, None)
            return None

    def fetch_commit(self, id_: str) -> bool:
        """Fetches a commit by its id alone, which no branch needs to lead to; returns whether the clone has it.

        A server may not have it any more, or not give it out by its id; a repository on disk never does.
        """

        def work(repo: pygit2.Repository) -> bool:
            if id_ not in repo.odb and _ID.fullmatch(id_):
                self._remote.fetch_commit(repo, id_)
            return id_ in repo.odb

        try:
            return _with_retries(UnavailableError, self._clone.with_recovery, work)
        except NotFoundError:
            return False

    def commit_of(self, id_: str) -> Commit:
        """Returns the commit with this id, however oddly it is written (`formats.git_objects.parse_commit`).

        Raises:
            NotFoundError: the commit is not in the local clone.
            IntegrityError: it names no tree, so that it has no files.
        """
        return self._with_refetch(lambda repo: self._commit(repo, id_))

    def first_parent_history(self, head: str, *, limit: int) -> tuple[Commit, ...]:
        """Returns a commit of the clone and its ancestors by first parents, the newest first. Needs `history`.

        Raises:
            NotFoundError: one of them is not in the local clone.
        """

        def work(repo: pygit2.Repository) -> tuple[Commit, ...]:
            commits = [self._commit(repo, head)]
            while len(commits) < limit and commits[-1].parents:
                commits.append(self._commit(repo, commits[-1].parents[0]))
            return tuple(commits)

        return self._with_refetch(work)

    def fingerprints(self, commits: Sequence[Commit], wanted: Sequence[str]) -> tuple[str, ...]:
        """Returns each commit's fingerprint of the files that `wanted` selects (as for `read`), equal exactly where they are."""
        return self._with_refetch(lambda repo: tuple(fingerprint(repo, commit.tree, wanted) for commit in commits))

    def read(self, id_: str, wanted: Sequence[str] | None = None, *, limits: SnapshotLimits | None = None) -> Snapshot:
        """Returns the files of a commit in the clone.

        Args:
            id_: the commit.
            wanted: files of the root (`environment.yaml`) and files directly in its folders
                (`applications/*.yaml`); everything else in the root is ignored. None: every file at any depth.
            limits: the limits of the number and sizes of files.

        Raises:
            NotFoundError: the commit is not in the local clone.
        """
        return self._with_refetch(
            lambda repo: read_tree(repo, id_, self._commit(repo, id_).tree, wanted, limits or SnapshotLimits())
        )

    def merge(self, ours: str, theirs: str, wanted: Sequence[str]) -> Snapshot:
        """Returns the files that merging one commit into another would give, as `read` does; pushes nothing.

        A merge that fails is returned as the snapshot's problems, without files. Needs `history`.

        Args:
            ours: the commit to merge into.
            theirs: the commit to merge; the snapshot has its id.
            wanted: as for `read`.

        Raises:
            NotFoundError: a commit is not in the local clone.
        """
        return self._with_refetch(lambda repo: merge(repo, self._commit(repo, ours), self._commit(repo, theirs), wanted))

    def is_ancestor(self, head: str, commit: str) -> bool:
        """Whether a commit is `head` itself or in its history, which the clone must have (see `history`).

        Raises:
            NotFoundError: `head` is not in the local clone.
        """
        return self._with_refetch(lambda repo: is_ancestor(repo, self._commit(repo, head).id, commit))

    def has_commit(self, id_: str) -> bool:
        """Whether a commit is in the local clone."""
        return self._with_refetch(lambda repo: is_commit(repo, id_))

    def ancestors(self, heads: Collection[str], commits: Iterable[str]) -> frozenset[str]:
        """Returns those of some commits that are one of `heads`, or in the history of one by any parent. Needs `history`.

        Args:
            heads: commits in the local clone.
            commits: the commits to look for.
        """
        return self._with_refetch(lambda repo: ancestors(repo, heads, commits))

    def write(self, files: Mapping[str, bytes], *, parent: str | None, message: str, time: int) -> Commit:
        """Creates a commit of these files (path -> content) in the local clone; equal inputs and keys give an equal id.

        Args:
            files: all files of the commit.
            parent: its parent, which must be in the clone; None for a first commit.
            message: the commit message.
            time: seconds since the epoch, of author and committer.

        Raises:
            NotFoundError: the parent is not in the local clone.
            ValueError: git or some file system does not accept a path.
        """
        objects = objects_of(files)

        def work(repo: pygit2.Repository) -> Commit:
            parents = [self._commit(repo, parent).id] if parent else []
            for git_object in objects:
                repo.odb.write(_KINDS[git_object.kind], git_object.content)
            return self._create(repo, objects[-1].id, parents, message, time)

        return self._with_refetch(work)

    def write_over(self, files: Mapping[str, bytes], *, parent: str, message: str, time: int) -> Commit:
        """Creates a commit as `write` does that differs from its parent only in the content of these files (path -> content).

        Raises:
            NotFoundError: the parent is not in the local clone, or does not contain one of the files.
        """

        def work(repo: pygit2.Repository) -> Commit:
            parent_commit = self._commit(repo, parent)
            return self._create(repo, edit_tree(repo, parent_commit.tree, files), [parent_commit.id], message, time)

        return self._with_refetch(work)

    def is_own_commit(self, commit: Commit) -> bool:
        """Whether a commit was created by `write` or `write_over`, and amended by nobody (`OwnCommits.is_own`)."""
        return self._own.is_own(commit)

    def has_own_committer(self, commit: Commit) -> bool:
        """Whether a commit names the committer of this repository's own, signed or not."""
        return self._own.has_own_committer(commit)

    def needs_signature(self, commit: Commit) -> bool:
        """Whether commits are signed, and this one is not, or by another key."""
        return self._own.needs_signature(commit)

    def check_signing(self) -> None:
        """Raises a ConfigurationError where commits are signed, and there is no key to do so."""
        self._own.check_signing()

    def keep_own(self, branch: str, id_: str) -> None:
        """Keeps in the clone that a commit is the newest own one of a branch, where commits are signed."""
        if not self._own.are_signed:
            return

        def work(repo: pygit2.Repository) -> None:
            name = f"{_KEPT}{branch}"
            if name not in repo.config or repo.config[name] != id_:
                repo.config[name] = id_

        self._with_refetch(work)

    def kept_own(self) -> Mapping[str, str]:
        """Returns the newest own commits that were kept, by branch: those that an accepted key signed."""
        if not self._own.are_signed:
            return {}

        def work(repo: pygit2.Repository) -> dict[str, str]:
            return {entry.name.removeprefix(_KEPT): entry.value or "" for entry in repo.config if entry.name.startswith(_KEPT)}

        kept = self._clone.with_recovery(work)
        return {branch: id_ for branch, id_ in kept.items() if self.has_commit(id_) and self.is_own_commit(self.commit_of(id_))}

    def _content(self, id_: str) -> bytes:
        return self._with_refetch(lambda repo: bytes(repo.odb.read(self._commit(repo, id_).id)[1]))

    def push(self, commit: str, branch: str, *, expect: str | None) -> None:
        """Sets the server's branch to a commit of the clone, if the branch is still at `expect`.

        Args:
            commit: the new tip; it need not descend from the old one.
            branch: its name without refs/heads/, or one of the reconciler's refs (refs/catalyst/...) in full.
            expect: the id that the branch must have on the server; None if it must not exist.

        Raises:
            ConcurrentUpdateError: the branch is at another commit.
            RejectedError: a rule of the server rejected the push; the message quotes the server.
            UnavailableError: also when the outcome is unknown, or the local clone was damaged and has been deleted.
        """
        try:
            with self._clone.opened() as repo:
                self._push(repo, commit, branch, expect)
        except CorruptCloneError as error:
            self._clone.discard()
            raise UnavailableError(f"the clone of {self._remote.name} was damaged and will be created again: {error}") from error

    def remove(self, branch: str, *, expect: str) -> None:
        """Deletes the server's branch, if it is still at `expect`; raises as `push` does."""
        self._clone.with_recovery(lambda repo: self._remove(repo, branch, expect))

    def _push(self, repo: pygit2.Repository, commit: str, branch: str, expect: str | None) -> None:
        try:
            self._remote.push(repo, commit, branch, expect)
        except pygit2.GitError:
            with isolated(repo, commit) as copy:
                self._remote.push(copy, commit, branch, expect)

    def _remove(self, repo: pygit2.Repository, branch: str, expect: str) -> None:
        try:
            self._remote.remove(repo, branch, expect)
        except pygit2.GitError:
            with isolated(repo, None) as copy:
                self._remote.remove(copy, branch, expect)

    def _create(self, repo: pygit2.Repository, tree: str, parents: list[str], message: str, time: int) -> Commit:
        """Creates a commit, signed where there is a key to sign with."""
        author = pygit2.Signature(*self._author, time, 0)
        id_ = repo.create_commit(None, author, author, message, tree, parents)
        if (signed := self._own.signed(content := bytes(repo.odb.read(id_)[1]))) != content:
            id_ = repo.odb.write(ObjectType.COMMIT, signed)
        return self._commit(repo, str(id_))

    def _fetch(self, repo: pygit2.Repository) -> None:
        missing = {branch: id_ for branch, id_ in self._wanted.items() if id_ not in repo.odb}
        if not missing:
            return
        local_refs = {branch: f"refs/remotes/origin/{branch}" for branch in missing}
        refs = {full(branch): ref for branch, ref in local_refs.items()}
        try:
            self._remote.fetch(repo, refs, history=self._history)
        except pygit2.GitError:  # libgit2 reads the commits that the refs lead to, and fails at one that git would not write
            forget_refs(repo)
            self._remote.fetch(repo, refs, history=self._history)
        for branch, id_ in missing.items():
            fetched = repo.references.get(local_refs[branch])
            if fetched is None or str(fetched.target) != id_:
                raise ConcurrentUpdateError(f"{branch} of {self._remote.name} moved while it was fetched")
            if id_ not in repo.odb:
                raise CorruptCloneError(f"{id_} was fetched and is missing from the clone")

    def _commit(self, repo: pygit2.Repository, id_: str) -> Commit:
        is_present = bool(_ID.fullmatch(id_)) and id_ in repo.odb
        if not is_present and id_ in self._wanted.values():
            raise CorruptCloneError(f"{id_} was fetched and is missing from the clone")
        # Not libgit2's own reading: it knows no parents in a clone without history, and fails at what git would not write.
        kind, content = repo.odb.read(id_) if is_present else (None, b"")
        if kind != ObjectType.COMMIT:
            raise NotFoundError(f"commit {printable(id_)} is not in the local clone", "fetch its branch first")
        try:
            return parse_commit(id_, content)
        except ValueError as error:
            raise IntegrityError(
                f"commit {id_} of {self._remote.name} cannot be read: {error}", "commit it again with git"
            ) from error

    def _with_refetch(self, work: Callable[[pygit2.Repository], T]) -> T:
        """Runs `work`; if the clone is damaged, creates it again, fetches the commits last wanted, and runs `work` once more."""
        try:
            with self._clone.opened() as repo:
                return work(repo)
        except CorruptCloneError:
            self._clone.discard()
            self.fetch(self._wanted)
            return self._clone.with_recovery(work)
