"""Git's object formats as pure functions: which tree a set of files is, and what a tree's bytes say.

We parse trees ourselves because a stranger can craft them: git and libgit2 refuse or repair odd ones, each in its
own way, while a person must be told which name is odd and why.
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
    """A git object yet to be stored; `id` is what git calls it."""

    kind: Kind
    content: bytes

    @property
    def id(self) -> str:
        """The SHA-1 that git gives to this kind and content, in hexadecimal."""
        header = f"{self.kind} {len(self.content)}\0".encode()
        return hashlib.sha1(header + self.content, usedforsecurity=False).hexdigest()


def entries_of(tree: bytes) -> Iterator[TreeEntry]:
    """Yield the entries of a tree object's content, in its order.

    Raises:
        ValueError: the content is not a tree.
    """
    at = 0
    while at < len(tree):
        found = _ENTRY.match(tree, at)
        if not found:
            raise ValueError(f"not a tree: no entry at byte {at}")
        yield TreeEntry(int(found[1], 8), found[2], found[3].hex())
        at = found.end()


def tree_id(files: Mapping[str, bytes]) -> str:
    """Returns the id of the tree that holds these files (path -> content).

    Raises:
        ValueError: as `objects_of`.
    """
    return objects_of(files)[-1].id


def objects_of(files: Mapping[str, bytes]) -> tuple[Object, ...]:
    """Return every object that stores `files` (path -> content), children before parents, the root tree last.

    Raises:
        ValueError: a path is not one that git and every file system take, or is both a file and a folder.
    """
    made = {path: Object("blob", content) for path, content in files.items()}
    lines: dict[str, list[tuple[bytes, bytes]]] = {"": []}  # of each folder's tree, with what git sorts them by
    for path, blob in made.items():
        _check(path)
        above = ["", *accumulate(path.split("/")[:-1], "{}/{}".format)]
        for folder in above:
            lines.setdefault(folder, [])
        name = path.rpartition("/")[2].encode()
        lines[above[-1]].append((name, b"100644 %b\0%b" % (name, bytes.fromhex(blob.id))))
    if both := made.keys() & lines.keys():
        raise ValueError(f"both a file and a folder: {', '.join(sorted(map(printable, both)))}")
    trees: list[Object] = []
    for folder in sorted(lines, key=lambda path: (path != "", path.count("/")), reverse=True):
        trees.append(Object("tree", b"".join(line for _, line in sorted(lines[folder]))))
        if folder:
            parent, _, last = folder.rpartition("/")
            name = last.encode()
            # git sorts a folder as if its name ended with a slash
            lines[parent].append((name + b"/", b"40000 %b\0%b" % (name, bytes.fromhex(trees[-1].id))))
    return (*made.values(), *trees)


def _check(path: str) -> None:
    for name in path.split("/"):
        if fault := name_problem(name.encode()):
            raise ValueError(f"{printable(path)}: the name {fault}")
