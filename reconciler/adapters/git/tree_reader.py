"""Reads a commit's files straight from git objects; `formats.git_snapshot` has the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygit2.enums import ObjectType

from reconciler.formats.git_objects import TreeEntry, entries_of
from reconciler.formats.git_snapshot import read_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pygit2

    from reconciler.model.git import Snapshot, SnapshotLimits


def read_tree(repo: pygit2.Repository, commit: str, tree: str, wanted: Sequence[str] | None, limits: SnapshotLimits) -> Snapshot:
    """Reads the files of `commit`, whose tree is `tree`; see `Repository.read` for `wanted`."""
    return read_snapshot(_Objects(repo), commit, tree, wanted, limits)


class _Objects:
    """The objects of a clone."""

    def __init__(self, repo: pygit2.Repository) -> None:
        self._odb = repo.odb

    def folder_size(self, id_: str) -> int:
        return self.file_size(id_)

    def entries(self, id_: str) -> list[TreeEntry]:
        return list(entries_of(self._odb.read(id_)[1]))

    def file_size(self, id_: str) -> int:
        size: int = self._odb.read_header(id_)[1]
        return size

    def content(self, id_: str) -> bytes | None:
        kind, content = self._odb.read(id_)
        return content if kind == ObjectType.BLOB else None
