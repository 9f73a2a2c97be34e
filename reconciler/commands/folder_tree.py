"""Shows a folder on disk as the tree that git would make of it, so that it is read as a commit is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from reconciler.formats.git_objects import FOLDER_MODE, TreeEntry
from reconciler.formats.yaml.documents import MAX_BYTES
from reconciler.model.problem import Problem

ROOT: Final = ""
_GIT: Final = ".git"
_FILE_MODE: Final = 0o100644
_LINK_MODE: Final = 0o120000
_SUBMODULE_MODE: Final = 0o160000


class FolderTree:
    """The objects of a folder's tree; the id of each is its path, and `ROOT` that of the folder itself.

    As in a commit there are no empty folders, no pipes and devices, and a folder that is a repository of its own is a submodule.

    Args:
        folder: the folder.

    Attributes:
        unreadable: a problem for each file and folder that could not be read, by its path; it is empty in the tree.
    """

    def __init__(self, folder: Path) -> None:
        self.unreadable: dict[str, Problem] = {}
        self._folder = folder

    def folder_size(self, id_: str) -> int:
        """Returns 0: a file system bounds its folders itself."""
        del id_
        return 0

    def entries(self, id_: str) -> list[TreeEntry]:
        """Returns the entries of a folder, by name."""
        try:
            with os.scandir(self._folder / id_) as listed:
                modes = {entry.name: _mode(entry) for entry in listed if entry.name != _GIT}
        except OSError as error:
            self._cannot_be_read(id_, error)
            return []
        return sorted(
            (TreeEntry(mode, os.fsencode(name), f"{id_}/{name}" if id_ else name) for name, mode in modes.items() if mode),
            key=lambda entry: entry.name,
        )

    def file_size(self, id_: str) -> int:
        """Returns the size of a file."""
        try:
            return (self._folder / id_).stat().st_size
        except OSError as error:
            self._cannot_be_read(id_, error)
            return 0

    def content(self, id_: str) -> bytes:
        """Returns the content of a file, up to one byte more than a document may have."""
        try:
            with (self._folder / id_).open("rb") as stream:
                return stream.read(MAX_BYTES + 1)
        except OSError as error:
            self._cannot_be_read(id_, error)
            return b""

    def _cannot_be_read(self, id_: str, error: OSError) -> None:
        message = f"cannot be read: {error.strerror}"
        self.unreadable[id_] = Problem(code="Unreadable", message=message, file=str(self._folder / id_))


def _mode(entry: os.DirEntry[str]) -> int | None:
    """Returns the mode that git would give an entry; None for what it does not commit."""
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return _LINK_MODE
    if stat.S_ISREG(mode):
        return _FILE_MODE
    if not stat.S_ISDIR(mode):
        return None
    if os.path.lexists(Path(entry.path) / _GIT):
        return _SUBMODULE_MODE
    return FOLDER_MODE if any(files for _, _, files in os.walk(entry.path)) else None
