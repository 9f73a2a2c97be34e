"""A directory of content by digest.

Safe to share by processes, to be killed while writing, to be damaged and to be deleted at any time: what is not there,
or is not what its name says, is simply not found.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from reconciler.model.faults import Misconfigured
from reconciler.world.manifest import DIGEST, digest_of


class Cache:
    """Content by digest, below one directory, which is made when needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, digest: str) -> bytes | None:
        """Return the content of a digest, checked against it, or None. What does not match is removed."""
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if digest_of(data) == digest:
            return data
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, data: bytes) -> str:
        """Keep some content, readable by its owner only, and return its digest.

        A disk that is full or read-only costs time later, and is no reason to fail now: nothing is raised.
        """
        digest = digest_of(data)
        path = self._path(digest)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, data)
        return digest

    def _path(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise Misconfigured(f"`{digest}` is no digest")
        kind, _, hexadecimal = digest.partition(":")
        return self._directory / kind / hexadecimal[:2] / hexadecimal


def _write(path: Path, data: bytes) -> None:
    """Write under a name of its own, then rename: readers see all of a file or none of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
