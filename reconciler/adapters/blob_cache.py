"""Caches content by digest in a directory of bounded size; evicts the least recently used files first.

The directory may be shared by processes, and may be damaged or deleted at any time; a process may be killed while it writes. A
file that is missing, or whose content does not match its name, is a cache miss.

Each file is named by its digest, and its modification time is that of its last use. The file `used` contains an upper bound on
the bytes of all of them, and `new` is the file being written. A writer locks the directory itself, and the kernel releases the
lock when the process dies, so a `new` found under the lock is left over from a dead writer. Reading needs no lock. Writes are not
synced: damage by a power failure is detected on reading.
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
_BLOCK = 4096  # bytes: most file systems allocate this much to even the smallest file
_PATIENCE = 2.0  # seconds to wait for another writer, which may be suspended


class BlobCache:
    """A cache of content by digest in one directory, which is created when needed.

    Args:
        directory: the directory; its other files are not touched.
        size: the limit in bytes on disk.
    """

    def __init__(self, directory: Path, size: int) -> None:
        self._directory = directory
        self._size = size

    def get(self, digest: str) -> bytes | None:
        """Returns the content of a digest, checked against it, or None. A file that does not match is removed."""
        if not DIGEST.fullmatch(digest):
            raise ConfigurationError(f"`{digest}` is not a sha256 digest")
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
        """Stores content, readable by its owner only, and returns its digest.

        A disk that is full or read-only raises nothing: the content is fetched again later, which costs only time.
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
        """Reserves bytes in `used` before they are written, evicting files when they would not fit.

        A writer killed in between has reserved too many; the next eviction counts anew. An eviction frees an extra eighth of the
        limit, so that not every file needs one.
        """
        used = _used(folder)
        if used is None or used + needed > self._size:
            used = _evict(folder, self._size - self._size // 8 - needed)
        _write(folder, _USED, str(used + needed).encode())


def _read(path: Path, limit: int) -> bytes | None:
    """Returns a regular file's content and sets its time of last use; None for a larger file, another kind of file or a link."""
    with open(path, "rb", opener=_no_link) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        with contextlib.suppress(OSError):  # a read-only disk records no times
            os.utime(file.fileno())
        return file.read()


def _no_link(path: str, flags: int, folder: int | None = None) -> int:
    """Opens without following a link and without blocking, which a FIFO in its place would cause."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)


def _write(folder: int, name: str, data: bytes) -> None:
    """Writes under another name, then rename, so that readers see a whole file or none, and a link is replaced, not followed."""
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
    """Locks a directory against other writers and yields its descriptor; BlockingIOError when another one holds it too long."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
        yield folder
    finally:
        os.close(folder)


def _used(folder: int) -> int | None:
    """The upper bound on the bytes in use, as the last writer recorded it; None when it cannot be read."""
    try:
        with open(_USED, "rb", opener=partial(_no_link, folder=folder)) as file:
            text = file.read(20)
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _evict(folder: int, target: int) -> int:
    """Removes the least recently used files until at most `target` bytes are in use; returns the bytes in use then."""
    files = sorted(_content(folder))
    used = sum(size for _, size, _ in files)
    for _, size, name in files:
        if used <= target:
            break
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
            used -= size
    return used


def _content(folder: int) -> Iterator[tuple[int, int, str]]:
    """Yields each file's time of last use, its bytes on disk, and its name."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if DIGEST.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):  # a reader removed a damaged file
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_mtime_ns, _on_disk(status.st_size), entry.name


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
