"""A commit's files, straight from git objects: checked by name, kind and size before their content is loaded.

Everything odd is reported at once as problems of the author, for git lets anybody push trees that no file system would
hold. Nothing here raises for what a person pushed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from stat import S_ISREG
from typing import TYPE_CHECKING

from pygit2.enums import ObjectType

from reconciler.formats.git_names import collision_key, name_problem, printable
from reconciler.formats.git_objects import FOLDER_MODE, TreeEntry, entries_of
from reconciler.model.git import Snapshot, SnapshotLimits
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pygit2

_LONGEST_PATH = 1024  # bytes, all folders included

_KINDS = {
    0o040000: ("UnexpectedFolder", "a folder"),
    0o120000: ("Symlink", "a symbolic link"),
    0o160000: ("Submodule", "a submodule"),
}


@dataclass(frozen=True)
class _Folder:
    """A folder to read: its path (`applications/`, empty for the root), its tree, and which of its files are wanted."""

    path: bytes
    tree: str
    suffix: str = ""
    nested: bool = True


def read_tree(repo: pygit2.Repository, commit: str, tree: str, wanted: Sequence[str] | None, limits: SnapshotLimits) -> Snapshot:
    """Read the files of `commit`, whose tree is `tree`; see `Repository.read` for `wanted`."""
    reading = _Reading(repo, limits)
    reading.folder(_Folder(b"", tree)) if wanted is None else reading.root(tree, wanted)
    return Snapshot(commit, dict(sorted(reading.files.items())), tuple(reading.problems))


@dataclass
class _Reading:
    repo: pygit2.Repository
    limits: SnapshotLimits
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    entries: int = 0
    size: int = 0

    def root(self, tree: str, wanted: Sequence[str]) -> None:
        """Read only what `wanted` names; the rest of the root is not ours to judge."""
        patterns = {name: (star, suffix) for name, star, suffix in (each.partition("/*") for each in wanted)}
        keys = {collision_key(name): name for name in patterns}
        for entry in self._entries(b"", tree):
            name = entry.name.decode("utf-8", "replace")
            if name not in patterns:
                if near := keys.get(collision_key(name)):
                    self._problem("NameCollision", entry.name, f"is read only under the name {near}", "rename it")
                continue
            star, suffix = patterns[name]
            if not star:
                self._file(entry.name, entry)
            elif entry.mode == FOLDER_MODE:
                self.folder(_Folder(entry.name + b"/", entry.id, suffix, nested=False))
            else:
                self._problem("UnexpectedFile", entry.name, "must be a folder", f"make it a folder of *{suffix} files")

    def folder(self, top: _Folder) -> None:
        """Read a folder and, where it may be nested, all below; without recursion, for depth is the author's choice."""
        waiting = [top]
        while waiting and self.entries <= self.limits.entries:
            here = waiting.pop()
            below: list[_Folder] = []
            for entry in self._sane(here):
                path = here.path + entry.name
                if entry.mode != FOLDER_MODE:
                    if self._wanted(here, entry):
                        self._file(path, entry)
                elif here.nested:
                    below.append(_Folder(path + b"/", entry.id))
                else:
                    self._problem("UnexpectedFolder", path, "is a folder where only files are read", "move it elsewhere")
            waiting.extend(reversed(below))

    def _sane(self, here: _Folder) -> list[TreeEntry]:
        """Return the folder's entries whose names are safe and alone; the others become problems."""
        by_key: dict[str, list[TreeEntry]] = {}
        for entry in self._entries(here.path, here.tree):
            self.entries += 1
            if self.entries > self.limits.entries:
                self._problem("TooManyFiles", here.path, f"more than {self.limits.entries} files", "split the repository")
                return []
            fault = name_problem(entry.name)
            if not fault and len(here.path) + len(entry.name) > _LONGEST_PATH:
                fault = f"makes a path longer than {_LONGEST_PATH} bytes"
            if fault:
                self._problem("BadName", here.path + entry.name, f"the name {fault}", "rename it")
            else:
                by_key.setdefault(collision_key(entry.name.decode()), []).append(entry)
        for same in by_key.values():
            if len(same) > 1:
                names = " and ".join(printable(each.name) for each in same)
                message = f"{names} are one name to some file systems"
                self._problem("NameCollision", here.path + same[0].name, message, "rename all but one")
        return [same[0] for same in by_key.values() if len(same) == 1]

    def _wanted(self, here: _Folder, entry: TreeEntry) -> bool:
        name = entry.name.decode()
        if name.endswith(here.suffix) or not S_ISREG(entry.mode):
            return True
        if here.suffix == ".yaml" and name.casefold().endswith((".yaml", ".yml")):
            message = f"would be ignored: only *{here.suffix} is read"
            self._problem("IgnoredFile", here.path + entry.name, message, "rename it")
        return False

    def _file(self, path: bytes, entry: TreeEntry) -> None:
        """Load one file, unless its kind or size forbids it."""
        if not S_ISREG(entry.mode):
            code, what = _KINDS.get(entry.mode, ("BadTree", f"of the unknown mode {entry.mode:o}"))
            self._problem(code, path, f"is {what}; only plain files are read", "replace it by a plain file")
            return
        _, size = self.repo.odb.read_header(entry.id)
        if size > self.limits.file:
            self._problem("TooLarge", path, f"has {size} bytes, more than {self.limits.file}", "make it smaller")
            return
        if self.size + size > self.limits.total:
            message = f"takes what is read past {self.limits.total} bytes in all"
            self._problem("TooLarge", path, message, "split the repository")
            return
        self.size += size
        kind, content = self.repo.odb.read(entry.id)
        if kind == ObjectType.BLOB:
            self.files[path.decode()] = content
        else:
            self._problem("BadTree", path, "is listed as a file and is none", "commit it anew with git")

    def _entries(self, path: bytes, tree: str) -> list[TreeEntry]:
        _, size = self.repo.odb.read_header(tree)
        if size > self.limits.total:
            self._problem("TooManyFiles", path, f"its list of names has {size} bytes", "split the folder")
            return []
        try:
            return list(entries_of(self.repo.odb.read(tree)[1]))
        except ValueError as error:
            self._problem("BadTree", path, f"git cannot have written this folder: {error}", "commit it anew with git")
            return []

    def _problem(self, code: str, path: bytes, message: str, hint: str) -> None:
        shown = printable(path, _LONGEST_PATH)
        self.problems.append(Problem(code=code, message=message, file=shown, hint=hint))
