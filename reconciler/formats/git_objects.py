"""Git's object formats as pure functions: builds the objects of a set of files, and parses the bytes of trees and commits.

They are parsed here because a stranger can craft them: git and libgit2 refuse or repair malformed ones, each in its own way,
while the author needs a report that gives the name and the reason.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from reconciler.formats.git_names import name_problem, printable
from reconciler.model.git import Commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER_MODE = 0o040000

Kind = Literal["blob", "tree"]

_TREE = re.compile(rb"tree ([0-9a-fA-F]{40})\n")
_PARENT = re.compile(rb"parent ([0-9a-fA-F]{40})\n")
_TIME = re.compile(rb" *(-?[0-9]+)")
_LAST_TIME = 253_402_300_799  # the end of the year 9999 in seconds since the epoch: no calendar has a later date
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


def parse_commit(id_: str, content: bytes) -> Commit:
    """Returns the commit with this id and content, read as git reads it: only the tree must be there.

    Parents count only where git writes them, right after the tree. Without an author, a committer or a mail address the field is
    empty; a time that is missing, negative or after the year 9999 is 0. The message ends at its first NUL.

    Raises:
        ValueError: the content does not begin with a tree.
    """
    tree = _TREE.match(content)
    if tree is None:
        raise ValueError("it does not begin with a tree")
    position, parents = tree.end(), []
    while parent := _PARENT.match(content, position):
        parents.append(parent[1].decode().lower())
        position = parent.end()
    header, _, message = content[position - 1 :].partition(b"\n\n")  # with the line's end, since there may be no other line
    fields = [line.partition(b" ") for line in header.split(b"\n")]
    author, committer = (next((value for key, _, value in fields if key == name), b"") for name in (b"author", b"committer"))
    mail, is_closed, time = committer.rpartition(b"<")[2].partition(b">")
    seconds = _TIME.match(time)
    at = int(seconds[1]) if seconds and len(seconds[1]) <= len(str(_LAST_TIME)) else 0
    return Commit(
        id=id_,
        tree=tree[1].decode().lower(),
        parents=tuple(parents),
        time=at if 0 <= at <= _LAST_TIME else 0,
        message=message.lstrip(b"\n").partition(b"\0")[0].decode("utf-8", "replace"),
        committer=mail.decode("utf-8", "replace") if is_closed else "",
        author=author.decode("utf-8", "replace"),
    )


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
