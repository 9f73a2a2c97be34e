"""Whether a tree can be merged at all: libgit2 walks all of it, at any depth, and a stranger can craft it.

A few small objects that name each other make a tree of more files than any machine holds; other crafted ones make libgit2 fail
as it does when the clone is damaged. Neither is found by asking libgit2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pygit2.enums import ObjectType

from reconciler.formats.git_names import collision_key, name_problem, printable
from reconciler.formats.git_objects import FOLDER_MODE, TreeEntry, entries_of
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    import pygit2

MAX_FILES: Final = 100_000  # with folders, as often as they are named
_DEEPEST: Final = 64  # folders in each other
_LARGEST: Final = 16 * 1024 * 1024  # bytes of one folder's list of names
_HINT: Final = "commit it anew with git, or split the repository"


def tree_problem(repo: pygit2.Repository, tree: str) -> Problem | None:
    """Why a tree cannot be merged; each folder is looked at once, however often it is named."""
    size: dict[str, int] = {}  # files below a folder
    height: dict[str, int] = {}
    waiting, total = [tree], 0
    while waiting:
        here = waiting[-1]
        if here in size:
            waiting.pop()
            continue
        folders, count, words = _read(repo, here)
        if words:
            return _problem(words)
        total += count  # of some folders twice at most
        if total > 2 * MAX_FILES:
            return _problem(f"it holds more than {MAX_FILES} files and folders")
        if new := [one for one in dict.fromkeys(folders) if one not in size]:
            waiting += new
            continue
        waiting.pop()
        size[here] = count + sum(size[one] for one in folders)
        height[here] = 1 + max((height[one] for one in folders), default=0)
        if size[here] > MAX_FILES:
            return _problem(f"it holds more than {MAX_FILES} files and folders")
        if height[here] > _DEEPEST:
            return _problem(f"its folders are more than {_DEEPEST} deep")
    return None


def _read(repo: pygit2.Repository, tree: str) -> tuple[list[str], int, str]:
    """The folders in a folder, how many entries it has, and what is wrong with it."""
    kind, size = repo.odb.read_header(tree)
    if kind != ObjectType.TREE:
        return [], 0, "a folder in it is none"
    if size > _LARGEST:
        return [], 0, f"the list of names of a folder in it has {size} bytes"
    try:
        entries = list(entries_of(repo.odb.read(tree)[1]))
    except ValueError as error:
        return [], 0, f"git cannot have written a folder in it: {error}"
    odd = next((entry for entry in entries if _is_refused(entry)), None)
    words = f"the name {printable(odd.name)} in it {name_problem(odd.name)}" if odd else ""
    return [entry.id for entry in entries if entry.mode == FOLDER_MODE], len(entries), words


def _is_refused(entry: TreeEntry) -> bool:
    """Whether libgit2 takes no such name; other odd ones are told by who reads the files."""
    key = collision_key(entry.name.decode("utf-8", "replace"))
    return bool(name_problem(entry.name)) and (not key.strip(". ") or ".git" in key or "git~" in key or "/" in key)


def _problem(words: str) -> Problem:
    return Problem(code="Unmergeable", message=words, hint=_HINT)
