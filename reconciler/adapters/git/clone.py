"""Manages a local clone on disk: creates it whole, and replaces it when it is damaged or needs garbage collection."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, TypeVar

import pygit2
from pygit2.enums import RepositoryOpenFlag

from reconciler.formats.git_names import printable
from reconciler.model.errors import ConfigurationError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

# libgit2 collects no garbage. These are git's own thresholds for doing so (gc.autoPackLimit; gc.auto, counted as git does in one
# of 256 folders of loose objects); above them the clone is deleted and created again, which costs one small fetch.
_MAX_PACKS = 50
_MAX_LOOSE_IN_ONE_FOLDER = 6700 // 256


class CorruptCloneError(IntegrityError):
    """The local clone cannot be read or written. It never leaves this package: the clone is made anew."""


def forget_refs(repo: pygit2.Repository) -> None:
    """Deletes the refs of a clone, from which a fetch tells the server what the clone has; the objects stay.

    Raises:
        CorruptCloneError: one of them cannot be deleted.
    """
    try:
        for name in list(repo.references):
            repo.references.delete(name)
    except OSError as error:
        raise CorruptCloneError(printable(str(error))) from error


class Clone:
    """A bare clone, empty when it is created.

    Args:
        path: its directory; the parent is created when missing.
        name: the name of the cloned repository, fit for a message.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    @contextmanager
    def opened(self) -> Iterator[pygit2.Repository]:
        """Opens the clone, creating it first when it does not exist.

        Raises:
            CorruptCloneError: it cannot be read or written.
            ConfigurationError: it cannot be created at its path.
        """
        if not self._path.exists():
            self._create()
        try:
            repo = pygit2.Repository(str(self._path), RepositoryOpenFlag.NO_SEARCH | RepositoryOpenFlag.BARE)
            try:
                yield repo
            finally:
                repo.free()
        except pygit2.GitError as error:
            raise CorruptCloneError(printable(str(error))) from error

    def with_recovery(self, work: Callable[[pygit2.Repository], T]) -> T:
        """Runs `work`; if the clone is damaged, deletes it, creates it again and runs `work` once more.

        Raises:
            IntegrityError: the clone is damaged again right after it was created.
        """
        try:
            with self.opened() as repo:
                return work(repo)
        except CorruptCloneError:
            self.discard()
        try:
            with self.opened() as repo:
                return work(repo)
        except CorruptCloneError as error:
            raise IntegrityError(f"the clone of {self._name} is damaged right after it was created: {error}") from error

    def discard(self) -> None:
        """Deletes the clone, if it exists; raises ConfigurationError when that fails."""
        try:
            shutil.rmtree(self._path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigurationError(f"cannot remove the damaged clone at {self._path}: {error}") from error

    def has(self, id_: str) -> bool:
        """Whether an object is in the clone; a clone that cannot be read has none."""
        try:
            with self.opened() as repo:
                return id_ in repo.odb
        except CorruptCloneError:
            return False

    def needs_gc(self) -> bool:
        """Whether the clone has so many packs or loose objects that creating it again is cheaper than using it."""
        objects = self._path / "objects"
        packs = sum(1 for _ in (objects / "pack").glob("*.pack"))
        loose = sum(1 for _ in (objects / "17").glob("*"))
        return packs > _MAX_PACKS or loose > _MAX_LOOSE_IN_ONE_FOLDER

    def _create(self) -> None:
        """Creates an empty clone beside its path and renames it, so that no incomplete clone is ever visible."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(mkdtemp(prefix=f".{self._path.name}-", dir=self._path.parent))
            try:
                repo = pygit2.init_repository(str(temporary), bare=True)
                # a redirect to another host would send the credentials there
                repo.config["http.followRedirects"] = "false"
                repo.free()
                temporary.rename(self._path)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        except (OSError, pygit2.GitError) as error:
            raise ConfigurationError(f"cannot create a clone at {self._path}: {error}") from error
