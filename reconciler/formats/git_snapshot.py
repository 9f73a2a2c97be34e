"""Reads the files of a tree, checked by name, kind and size before their content is loaded.

The tree is that of a commit, or that which a folder on disk would have once it is committed: what is refused when it is pushed
is refused before, by the same code. Every violation is reported as a problem of the author, all of them at once, because git
accepts trees that no file system could store. Nothing that a person pushed raises an exception here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from stat import S_ISREG
from typing import TYPE_CHECKING, Protocol

from reconciler.formats.git_names import collision_key, name_problem, printable
from reconciler.formats.git_objects import FOLDER_MODE, TreeEntry
from reconciler.model.git import Snapshot, SnapshotLimits
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_PATH = 1024  # bytes, all folders included

_KINDS = {
    0o040000: ("UnexpectedFolder", "a folder"),
    0o120000: ("Symlink", "a symbolic link"),
    0o160000: ("Submodule", "a submodule"),
}


@dataclass(frozen=True)
class _Folder:
    """A folder to read.

    Attributes:
        path: with a final slash (`applications/`); empty for the root.
        tree: the id of its tree.
        suffix: of the names of the wanted files.
        nested: whether to read the folders below too.
    """

    path: bytes
    tree: str
    suffix: str = ""
    nested: bool = True


class TreeObjects(Protocol):
    """Where a tree's objects are, each with the id that its entry has."""

    def folder_size(self, id_: str) -> int:
        """Returns the bytes of a folder's list of entries."""

    def entries(self, id_: str) -> list[TreeEntry]:
        """Returns the entries of a folder; ValueError with the reason when they are malformed."""

    def file_size(self, id_: str) -> int:
        """Returns the bytes of a file."""

    def content(self, id_: str) -> bytes | None:
        """Returns the content of a file; None when the object is not a file."""


def read_snapshot(objects: TreeObjects, commit: str, tree: str, wanted: Sequence[str] | None, limits: SnapshotLimits) -> Snapshot:
    """Reads the files of a tree.

    Args:
        objects: the tree's objects.
        commit: the commit that the snapshot is of.
        tree: the id of its root.
        wanted: the files of the root to read: `name`, or `folder/*.suffix` for files directly in a folder; None for everything.
        limits: the limits; what exceeds them is a problem.
    """
    reading = _Reading(objects, limits)
    reading.folder(_Folder(b"", tree)) if wanted is None else reading.root(tree, wanted)
    return Snapshot(commit, dict(sorted(reading.files.items())), tuple(reading.problems))


@dataclass
class _Reading:
    objects: TreeObjects
    limits: SnapshotLimits
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    entries: int = 0
    size: int = 0

    def root(self, tree: str, wanted: Sequence[str]) -> None:
        """Reads only what `wanted` names; the rest of the root is not checked, since it is not the reconciler's."""
        patterns = {name: (star, suffix) for name, star, suffix in (pattern.partition("/*") for pattern in wanted)}
        keys = {collision_key(name): name for name in patterns}
        for entry in self._entries(b"", tree):
            name = entry.name.decode("utf-8", "replace")
            if name not in patterns:
                if wanted_name := keys.get(collision_key(name)):
                    self._problem("NameCollision", entry.name, f"is read only under the name {wanted_name}", "rename it")
                continue
            star, suffix = patterns[name]
            if not star:
                self._file(entry.name, entry)
            elif entry.mode == FOLDER_MODE:
                self.folder(_Folder(entry.name + b"/", entry.id, suffix, nested=False))
            else:
                self._problem("UnexpectedFile", entry.name, "must be a folder", f"make it a folder of *{suffix} files")

    def folder(self, top: _Folder) -> None:
        """Reads a folder and, where nesting is allowed, all below it; iteratively, because the author chooses the depth."""
        waiting = [top]
        while waiting and self.entries <= self.limits.entries:
            folder = waiting.pop()
            subfolders: list[_Folder] = []
            for entry in self._safe_entries(folder):
                path = folder.path + entry.name
                if entry.mode != FOLDER_MODE:
                    if self._wanted(folder, entry):
                        self._file(path, entry)
                elif folder.nested:
                    subfolders.append(_Folder(path + b"/", entry.id))
                else:
                    self._problem("UnexpectedFolder", path, "is a folder where only files are read", "move it elsewhere")
            waiting.extend(reversed(subfolders))

    def _safe_entries(self, folder: _Folder) -> list[TreeEntry]:
        """Returns the folder's entries whose names are safe and unique; the others become problems."""
        by_key: dict[str, list[TreeEntry]] = {}
        for entry in self._entries(folder.path, folder.tree):
            self.entries += 1
            if self.entries > self.limits.entries:
                self._problem(
                    "TooManyFiles",
                    folder.path,
                    f"contains more than {self.limits.entries} files and folders",
                    "split the repository",
                )
                return []
            defect = name_problem(entry.name)
            if not defect and len(folder.path) + len(entry.name) > _MAX_PATH:
                defect = f"makes a path longer than {_MAX_PATH} bytes"
            if defect:
                self._problem("BadName", folder.path + entry.name, f"the name {defect}", "rename it")
            else:
                by_key.setdefault(collision_key(entry.name.decode()), []).append(entry)
        for colliding in by_key.values():
            if len(colliding) > 1:
                names = " and ".join(printable(entry.name) for entry in colliding)
                message = f"{names} are the same name on some file systems"
                self._problem("NameCollision", folder.path + colliding[0].name, message, "rename all but one")
        return [colliding[0] for colliding in by_key.values() if len(colliding) == 1]

    def _wanted(self, folder: _Folder, entry: TreeEntry) -> bool:
        name = entry.name.decode()
        if name.endswith(folder.suffix) or not S_ISREG(entry.mode):
            return True
        if folder.suffix == ".yaml" and name.casefold().endswith((".yaml", ".yml")):
            message = f"would be ignored: only *{folder.suffix} is read"
            self._problem("IgnoredFile", folder.path + entry.name, message, "rename it")
        return False

    def _file(self, path: bytes, entry: TreeEntry) -> None:
        """Loads one file, unless its kind or size forbids it."""
        if not S_ISREG(entry.mode):
            code, kind_name = _KINDS.get(entry.mode, ("BadTree", f"of the unknown mode {entry.mode:o}"))
            self._problem(code, path, f"is {kind_name}; only plain files are read", "replace it with a plain file")
            return
        size = self.objects.file_size(entry.id)
        if size > self.limits.file:
            self._problem("TooLarge", path, f"has {size} bytes, more than {self.limits.file}", "make it smaller")
            return
        if self.size + size > self.limits.total:
            message = f"exceeds the limit of {self.limits.total} bytes for all files together"
            self._problem("TooLarge", path, message, "split the repository")
            return
        self.size += size
        content = self.objects.content(entry.id)
        if content is None:
            self._problem("BadTree", path, "is listed as a file, but its object is not a blob", "commit it again with git")
        else:
            self.files[path.decode()] = content

    def _entries(self, path: bytes, tree: str) -> list[TreeEntry]:
        size = self.objects.folder_size(tree)
        if size > self.limits.total:
            self._problem(
                "TooManyFiles", path, f"its list of entries has {size} bytes, more than {self.limits.total}", "split the folder"
            )
            return []
        try:
            return self.objects.entries(tree)
        except ValueError as error:
            self._problem("BadTree", path, f"is a malformed folder, not written by git: {error}", "commit it again with git")
            return []

    def _problem(self, code: str, path: bytes, message: str, hint: str) -> None:
        shown = printable(path, _MAX_PATH)
        self.problems.append(Problem(code=code, message=message, file=shown, hint=hint))
