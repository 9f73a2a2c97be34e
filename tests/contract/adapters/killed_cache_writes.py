"""Puts b"last" in caches and dies of it: `python -m` this module FOLDER POINT..., in FOLDER/POINT for each point.

With no point, prints how many calls there are in all, by putting the same in FOLDER/whole.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reconciler.adapters import blob_cache
from tests.support import crash_runner

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 16 * 4096  # bytes


def _counts(event: str, file: str) -> bool:
    return event in {"call", "return", "c_call", "c_return"} and file == blob_cache.__file__


def run(folder: Path, end: int) -> list[int]:
    """Put something, or begin to."""
    cache = blob_cache.BlobCache(folder, SIZE)
    return crash_runner.CallCounter(_counts, end).run(lambda: cache.put(b"last"))


if __name__ == "__main__":
    crash_runner.main(sys.argv[1:], run)
