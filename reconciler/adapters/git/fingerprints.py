"""Compares what two commits contain without reading a file, because git names content by its digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from reconciler.formats.git_objects import FOLDER_MODE, TreeEntry, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pygit2

_MAX_TREE: Final = 16 * 1024 * 1024  # bytes of a tree whose entries are compared; a larger one is compared as a whole


def fingerprint(repo: pygit2.Repository, tree: str, wanted: Sequence[str]) -> str:
    """Returns a digest of the part of a tree that `wanted` selects (see `Repository.read`): of names, modes and content."""
    suffixes = {name.encode(): suffix.encode() for name, _, suffix in (pattern.partition("/*") for pattern in wanted)}
    digest = hashlib.sha256()
    for entry in _entries(repo, tree):
        if entry.name not in suffixes:
            continue
        files = [(b"", entry)]
        if entry.mode == FOLDER_MODE:
            files = [(entry.name, file) for file in _entries(repo, entry.id) if file.name.endswith(suffixes[entry.name])]
        for folder, file in files:
            digest.update(b"%s/%s %o %s\0" % (folder, file.name, file.mode, file.id.encode()))
    return digest.hexdigest()


def _entries(repo: pygit2.Repository, tree: str) -> Iterator[TreeEntry]:
    whole = TreeEntry(FOLDER_MODE, b"", tree)
    if repo.odb.read_header(tree)[1] > _MAX_TREE:
        return iter((whole,))
    try:
        return iter(tuple(entries_of(repo.odb.read(tree)[1])))
    except ValueError:  # malformed, not written by git: compared by its bytes
        return iter((whole,))
