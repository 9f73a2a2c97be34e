"""A directory of content by digest, bounded in size: what was not used for the longest time goes first.

Safe to share by processes, to be killed while writing, to be damaged and to be deleted at any time: what is not there,
or is not what its name says, is simply not found.

Each file is named by its digest and was last modified when it was last used; `used` says how many bytes they all take at most,
and `new` is being written. Who writes holds a lock on the directory itself, which the kernel takes back from the dead: a `new`
that is found under the lock is rubbish. Reading needs no lock. Nothing waits for the disk: what a power failure damages is
noticed when it is read.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from functools import partial
from typing import TYPE_CHECKING

from reconciler.formats.oci_manifest import DIGEST, digest_of_bytes
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_USED, _NEW = "used", "new"
_BLOCK = 4096  # bytes: what most file systems give to even the smallest file
_PATIENCE = 2.0  # seconds to wait for another writer, who may have been stopped


class BlobCache:
    """Content by digest, in one directory, which is made when needed.

    Args:
        directory: where; its other files are left alone.
        size: bytes that it may take on disk.
    """

    def __init__(self, directory: Path, size: int) -> None:
        self._directory = directory
        self._size = size

    def get(self, digest: str) -> bytes | None:
        """Return the content of a digest, checked against it, or None. What does not match is removed."""
        if not DIGEST.fullmatch(digest):
            raise ConfigurationError(f"`{digest}` is no digest")
        path = self._directory / digest
        try:
            data = _read(path, self._size)
        except OSError:
            return None
        if data is not None and digest_of_bytes(data) == digest:
            return data
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, data: bytes) -> str:
        """Keep some content, readable by its owner only, and return its digest.

        A disk that is full or read-only costs time later, and is no reason to fail now: nothing is raised.
        """
        digest = digest_of_bytes(data)
        if _on_disk(len(data)) <= self._size:
            with contextlib.suppress(OSError):
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                with _locked(self._directory) as folder:
                    self._make_room(folder, _on_disk(len(data)))
                    _write(folder, digest, data)
        return digest

    def _make_room(self, folder: int, needed: int) -> None:
        """Count some bytes before they are written: who is killed in between has counted too many, which the next look mends.

        A look leaves an eighth free, so that there need not be one for each file.
        """
        used = _used(folder)
        if used is None or used + needed > self._size:
            used = _evict(folder, self._size - self._size // 8 - needed)
        _write(folder, _USED, str(used + needed).encode())


def _read(path: Path, limit: int) -> bytes | None:
    """A plain file's content, marked as used now; None when it is larger than it may be, or is none: no link is followed."""
    with open(path, "rb", opener=_no_link) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            return None
        with contextlib.suppress(OSError):  # a read-only disk keeps no time
            os.utime(file.fileno())
        return file.read()


def _no_link(path: str, flags: int, folder: int | None = None) -> int:
    """Open a file that nobody can make us wait for."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)


def _write(folder: int, name: str, data: bytes) -> None:
    """Write under another name, then rename: readers see all of a file or none of it, and a link is replaced, not followed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_NEW, dir_fd=folder)
    try:
        with open(_NEW, "xb", opener=partial(os.open, mode=0o600, dir_fd=folder)) as file:
            file.write(data)
        os.rename(_NEW, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(_NEW, dir_fd=folder)
        raise


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """Hold a directory against other writers, and give its descriptor; BlockingIOError when another holds it for long."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.005)
        yield folder
    finally:
        os.close(folder)


def _used(folder: int) -> int | None:
    """How many bytes are used at most, as the last writer counted; None when that cannot be told."""
    try:
        with open(_USED, "rb", opener=partial(_no_link, folder=folder)) as file:
            text = file.read(20)
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _evict(folder: int, target: int) -> int:
    """Remove what was not used for the longest time, until no more than a target is used; return what is used then."""
    found = sorted(_content(folder))
    used = sum(size for _, size, _ in found)
    for _, size, name in found:
        if used <= target:
            break
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
            used -= size
    return used


def _content(folder: int) -> Iterator[tuple[int, int, str]]:
    """When each file was last used, the bytes that it takes, and its name."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if DIGEST.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):  # a reader removed what was damaged
                    found = entry.stat(follow_symlinks=False)
                    yield found.st_mtime_ns, _on_disk(found.st_size), entry.name


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
