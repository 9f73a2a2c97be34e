"""Git's object formats as pure functions: builds the objects of a set of files, and parses a tree's bytes.

Trees are parsed here because a stranger can craft them: git and libgit2 refuse or repair malformed ones, each in its own way,
while the author needs a report that gives the name and the reason.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from reconciler.formats.git_names import name_problem, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER_MODE = 0o040000

Kind = Literal["blob", "tree"]

_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)


@dataclass(frozen=True)
class TreeEntry:
    """One line of a tree: `mode` as git writes it, `name` as raw bytes, `id` in hexadecimal."""

    mode: int
    name: bytes
    id: str


@dataclass(frozen=True)
class Object:
    """A git object that is not stored yet; `id` is its id in git."""

    kind: Kind
    content: bytes

    @property
    def id(self) -> str:
        """The SHA-1 of this kind and content as git computes it, in hexadecimal."""
        header = f"{self.kind} {len(self.content)}\0".encode()
        return hashlib.sha1(header + self.content, usedforsecurity=False).hexdigest()


def entries_of(tree: bytes) -> Iterator[TreeEntry]:
    """Yields the entries of a tree object's content, in its order.

    Raises:
        ValueError: the content is not a tree.
    """
    position = 0
    while position < len(tree):
        match = _ENTRY.match(tree, position)
        if not match:
            raise ValueError(f"not a tree: no entry at byte {position}")
        yield TreeEntry(int(match[1], 8), match[2], match[3].hex())
        position = match.end()


def tree_id(files: Mapping[str, bytes]) -> str:
    """Returns the id of the tree that holds these files (path -> content).

    Raises:
        ValueError: as `objects_of`.
    """
    return objects_of(files)[-1].id


def objects_of(files: Mapping[str, bytes]) -> tuple[Object, ...]:
    """Returns every object that stores `files` (path -> content), children before parents, the root tree last.

    Raises:
        ValueError: git or some file system does not accept a path, or a path is both a file and a folder.
    """
    blobs = {path: Object("blob", content) for path, content in files.items()}
    lines: dict[str, list[tuple[bytes, bytes]]] = {"": []}  # the lines of each folder's tree, with git's sort key
    for path, blob in blobs.items():
        _check(path)
        parents = ["", *accumulate(path.split("/")[:-1], "{}/{}".format)]
        for folder in parents:
            lines.setdefault(folder, [])
        name = path.rpartition("/")[2].encode()
        lines[parents[-1]].append((name, b"100644 %b\0%b" % (name, bytes.fromhex(blob.id))))
    if ambiguous := blobs.keys() & lines.keys():
        raise ValueError(f"both a file and a folder: {', '.join(sorted(map(printable, ambiguous)))}")
    trees: list[Object] = []
    for folder in sorted(lines, key=lambda path: (path != "", path.count("/")), reverse=True):
        trees.append(Object("tree", b"".join(line for _, line in sorted(lines[folder]))))
        if folder:
            parent, _, last_name = folder.rpartition("/")
            name = last_name.encode()
            # git sorts a folder as if its name ended with a slash
            lines[parent].append((name + b"/", b"40000 %b\0%b" % (name, bytes.fromhex(trees[-1].id))))
    return (*blobs.values(), *trees)


def _check(path: str) -> None:
    for name in path.split("/"):
        if defect := name_problem(name.encode()):
            raise ValueError(f"{printable(path)}: the name {defect}")
