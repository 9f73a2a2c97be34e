"""Whether two commits hold the same, told without reading a file: git names content by its digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from reconciler.formats.git_objects import FOLDER_MODE, TreeEntry, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pygit2

_MOST: Final = 16 * 1024 * 1024  # bytes of a tree whose entries are told apart; a larger one is taken as a whole


def fingerprint(repo: pygit2.Repository, tree: str, wanted: Sequence[str]) -> str:
    """A digest of what a tree holds of `wanted` (see `Repository.read`): of names, modes and content."""
    suffixes = {name.encode(): suffix.encode() for name, _, suffix in (each.partition("/*") for each in wanted)}
    found = hashlib.sha256()
    for entry in _entries(repo, tree):
        if entry.name not in suffixes:
            continue
        parts = [(b"", entry)]
        if entry.mode == FOLDER_MODE:
            parts = [(entry.name, one) for one in _entries(repo, entry.id) if one.name.endswith(suffixes[entry.name])]
        for folder, one in parts:
            found.update(b"%s/%s %o %s\0" % (folder, one.name, one.mode, one.id.encode()))
    return found.hexdigest()


def _entries(repo: pygit2.Repository, tree: str) -> Iterator[TreeEntry]:
    whole = TreeEntry(FOLDER_MODE, b"", tree)
    if repo.odb.read_header(tree)[1] > _MOST:
        return iter((whole,))
    try:
        return iter(tuple(entries_of(repo.odb.read(tree)[1])))
    except ValueError:  # git cannot have written it: the same bytes are the same to us
        return iter((whole,))
