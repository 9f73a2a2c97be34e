"""Copies one commit into a clone of its own, to push from where libgit2 cannot push from the whole clone.

To know what the server has, libgit2 reads every commit that the server lists and the clone holds, and fails at one that git would
not write. A clone that holds nothing but what is pushed has no such commit.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pygit2.enums import ObjectType

from reconciler.adapters.git.clone import Clone
from reconciler.formats.git_objects import entries_of, parse_commit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pygit2


@contextmanager
def isolated(repo: pygit2.Repository, commit: str | None) -> Iterator[pygit2.Repository]:
    """Opens a temporary clone with one commit of `repo` and its parents, as far as `repo` has them; empty without a commit.

    Raises:
        CorruptCloneError: it cannot be written.
        GitError: the commit is not in `repo`.
    """
    with TemporaryDirectory(prefix="reconciler-push-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "clone"
        with Clone(path, "the commit to push").opened() as copy:
            parents = _copy(repo, copy, commit) if commit is not None else ()
            for parent in parents:
                _copy(repo, copy, parent)
            if parents:
                (path / "shallow").write_text("".join(f"{parent}\n" for parent in parents))
        with Clone(path, "the commit to push").opened() as copy:  # opened anew, so that the ends of its history are known
            yield copy


def _copy(repo: pygit2.Repository, copy: pygit2.Repository, commit: str) -> tuple[str, ...]:
    """Copies a commit with its files; returns its parents that `repo` has."""
    kind, content = repo.odb.read(commit)
    copy.odb.write(kind, content)
    parsed = parse_commit(commit, content)
    waiting, copied = [parsed.tree], set[str]()
    while waiting:
        id_ = waiting.pop()
        if id_ in copied:
            continue
        copied.add(id_)
        kind, content = repo.odb.read(id_)
        copy.odb.write(kind, content)
        waiting += [entry.id for entry in entries_of(content)] if kind == ObjectType.TREE else []
    return tuple(parent for parent in parsed.parents if parent in repo.odb)
