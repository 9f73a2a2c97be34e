"""Checks whether a tree can be merged at all: libgit2 walks all of it, at any depth, and a stranger can craft it.

A few small objects that name each other make a tree of more files than any machine can store; other crafted trees make libgit2
fail as it does when the clone is damaged. libgit2 itself detects neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pygit2.enums import ObjectType

from reconciler.formats.git_names import collision_key, name_problem, printable
from reconciler.formats.git_objects import FOLDER_MODE, TreeEntry, entries_of
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    import pygit2

MAX_FILES: Final = 100_000  # with folders, each counted as often as it is named
_MAX_DEPTH: Final = 64  # nested folders
_MAX_FOLDER: Final = 16 * 1024 * 1024  # bytes of one folder's list of entries
_HINT: Final = "commit it again with git, or split the repository"


def tree_problem(repo: pygit2.Repository, tree: str) -> Problem | None:
    """Returns why a tree cannot be merged, or None; each folder is read once, however often it is named."""
    files_below: dict[str, int] = {}
    depth: dict[str, int] = {}
    waiting, total = [tree], 0
    while waiting:
        folder = waiting[-1]
        if folder in files_below:
            waiting.pop()
            continue
        folders, count, defect = _read(repo, folder)
        if defect:
            return _problem(defect)
        total += count  # a folder may be counted twice
        if total > 2 * MAX_FILES:
            return _problem(f"it contains more than {MAX_FILES} files and folders")
        if unvisited := [child for child in dict.fromkeys(folders) if child not in files_below]:
            waiting += unvisited
            continue
        waiting.pop()
        files_below[folder] = count + sum(files_below[child] for child in folders)
        depth[folder] = 1 + max((depth[child] for child in folders), default=0)
        if files_below[folder] > MAX_FILES:
            return _problem(f"it contains more than {MAX_FILES} files and folders")
        if depth[folder] > _MAX_DEPTH:
            return _problem(f"its folders are nested more than {_MAX_DEPTH} deep")
    return None


def _read(repo: pygit2.Repository, tree: str) -> tuple[list[str], int, str]:
    """Returns the ids of the folders in a folder, the number of its entries, and its defect (empty when it has none)."""
    kind, size = repo.odb.read_header(tree)
    if kind != ObjectType.TREE:
        return [], 0, "a folder in it is not a tree object"
    if size > _MAX_FOLDER:
        return [], 0, f"the list of entries of a folder in it has {size} bytes, more than {_MAX_FOLDER}"
    try:
        entries = list(entries_of(repo.odb.read(tree)[1]))
    except ValueError as error:
        return [], 0, f"a folder in it is malformed, not written by git: {error}"
    refused = next((entry for entry in entries if _is_refused(entry)), None)
    defect = f"the name {printable(refused.name)} in it {name_problem(refused.name)}" if refused else ""
    return [entry.id for entry in entries if entry.mode == FOLDER_MODE], len(entries), defect


def _is_refused(entry: TreeEntry) -> bool:
    """Whether libgit2 refuses such a name; other unsafe names are reported when the files are read."""
    key = collision_key(entry.name.decode("utf-8", "replace"))
    return bool(name_problem(entry.name)) and (not key.strip(". ") or ".git" in key or "git~" in key or "/" in key)


def _problem(message: str) -> Problem:
    return Problem(code="Unmergeable", message=message, hint=_HINT)
