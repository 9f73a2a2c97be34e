"""Kills processes of its own, each at another call of given code, as the kernel's out-of-memory killer would.

A point is how many calls, of that code and from it into C, a process lives through; then it is killed with nothing caught and
nothing flushed. A module that is run with `python -m MODULE FOLDER POINT...` hands its argument list to `main`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import FrameType


class CallCounter:
    """Counts calls while a job runs, and kills the process at one of them.

    Args:
        counts: whether an event of a file counts, given the event of `sys.setprofile` and the file's name.
        end: the call at which the process is killed; 0 for none.
        returned: whether a function whose return is to be noted has returned, given its name and its file's.
    """

    def __init__(
        self, counts: Callable[[str, str], bool], end: int = 0, returned: Callable[[str, str], bool] = lambda *_: False
    ) -> None:
        self._counts, self._end, self._returned = counts, end, returned
        self.calls = 0
        self.returns: list[int] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        file, function = frame.f_code.co_filename, frame.f_code.co_name
        if self._counts(event, file):
            self.calls += 1
            if self.calls == self._end:
                os.kill(os.getpid(), signal.SIGKILL)
        if event == "return" and self._returned(function, file):
            self.returns.append(self.calls)

    def run(self, job: Callable[[], object]) -> list[int]:
        """Run the job; returns how many calls it took, and at which of them each noted function returned."""
        sys.setprofile(self)
        try:
            job()
        finally:
            sys.setprofile(None)
        return [self.calls, *self.returns]


def main(
    arguments: Sequence[str],
    run: Callable[[Path, int], list[int]],
    may_end: Callable[[int, Collection[int]], bool] = lambda *_: False,
) -> None:
    """Run a job in FOLDER/POINT for each point, each in a process of its own that is killed there.

    With no point, prints what `run` returns for FOLDER/whole.

    Args:
        arguments: FOLDER POINT...
        run: runs the job in a folder until the given call, as `CallCounter.run` does.
        may_end: whether the job of a point, given all points, may end by itself before it.
    """
    folder, points = Path(arguments[0]), [int(point) for point in arguments[1:]]
    if not points:
        sys.stdout.write(" ".join(map(str, run(folder / "whole", 0))))
    for point in points:
        child = os.fork()
        if not child:
            run(folder / str(point), point)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ends = {-signal.SIGKILL, 0} if may_end(point, points) else {-signal.SIGKILL}
        assert os.waitstatus_to_exitcode(status) in ends, f"the process in {point} ended by itself"
