"""A local clone as it lies on disk: made whole, thrown away when it is damaged or crowded, and made anew."""

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

# libgit2 collects no garbage. These are git's own thresholds for doing so (gc.autoPackLimit; gc.auto, counted like
# git does in one of 256 folders of loose objects); past them the clone is made anew, which costs one small fetch.
_MOST_PACKS = 50
_MOST_LOOSE_IN_ONE_FOLDER = 6700 // 256


class CorruptCloneError(IntegrityError):
    """The local clone cannot be read or written. It never leaves this package: the clone is made anew."""


class Clone:
    """A bare clone, empty when it is made.

    Args:
        path: where it lies; its parent is made when missing.
        name: of what it is a clone, fit for a message.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    @contextmanager
    def opened(self) -> Iterator[pygit2.Repository]:
        """Open it, or make it first.

        Raises:
            CorruptCloneError: it cannot be read or written.
            ConfigurationError: it cannot be made there.
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
        """Run `work`; if the clone is damaged, make it anew, and run it once more.

        Raises:
            IntegrityError: it is damaged again right after it was made.
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
            raise IntegrityError(f"the clone of {self._name} is damaged even when made anew: {error}") from error

    def discard(self) -> None:
        """Throw it away, if it is there; raises Misconfigured when that cannot be done."""
        try:
            shutil.rmtree(self._path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigurationError(f"cannot remove the damaged clone at {self._path}: {error}") from error

    def needs_gc(self) -> bool:
        """Whether it holds so much that making it anew is cheaper than keeping it."""
        objects = self._path / "objects"
        packs = sum(1 for _ in (objects / "pack").glob("*.pack"))
        loose = sum(1 for _ in (objects / "17").glob("*"))
        return packs > _MOST_PACKS or loose > _MOST_LOOSE_IN_ONE_FOLDER

    def _create(self) -> None:
        """Make an empty clone beside its place and move it there whole, so that no half-made one is ever seen."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = Path(mkdtemp(prefix=f".{self._path.name}-", dir=self._path.parent))
            try:
                repo = pygit2.init_repository(str(beside), bare=True)
                # a redirect to another host would take the credentials there
                repo.config["http.followRedirects"] = "false"
                repo.free()
                beside.rename(self._path)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        except (OSError, pygit2.GitError) as error:
            raise ConfigurationError(f"cannot keep a clone at {self._path}: {error}") from error
