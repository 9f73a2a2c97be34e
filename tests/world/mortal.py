"""Puts b"last" in caches and dies of it: `python -m tests.world.mortal FOLDER POINT...`, in FOLDER/POINT for each point.

A point is how many calls, the cache's own and those into C, a process lives through; then it is killed with nothing caught and
nothing flushed. With no point, prints how many calls there are in all, by putting the same in FOLDER/whole.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.world import cache

if TYPE_CHECKING:
    from types import FrameType

SIZE = 16 * 4096  # bytes


class Life:
    """Counts calls, and ends the process at a given one."""

    def __init__(self, end: int) -> None:
        self.calls, self._end = 0, end

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event in {"call", "return", "c_call", "c_return"} and frame.f_code.co_filename == cache.__file__:
            self.calls += 1
            if self.calls == self._end:
                os.kill(os.getpid(), signal.SIGKILL)

    def live(self, folder: Path) -> int:
        """Put something; returns how many calls it took."""
        one = cache.BlobCache(folder, SIZE)
        sys.setprofile(self)
        try:
            one.put(b"last")
        finally:
            sys.setprofile(None)
        return self.calls


def main(folder: Path, points: list[int]) -> None:
    """Die at each point."""
    if not points:
        sys.stdout.write(str(Life(0).live(folder / "whole")))
    for point in points:
        child = os.fork()
        if not child:
            Life(point).live(folder / str(point))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"the process in {point} ended by itself"


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(point) for point in sys.argv[2:]])
