"""Runs passes that are killed: `python -m tests.loop.mortal FOLDER POINT...` makes one in FOLDER/POINT for each point.

A point is how many calls, ours and those into C, a pass lives through; then it is killed as the kernel's out-of-memory
killer would, with nothing caught and nothing flushed. Only the pass of the last point may end before that. With no point,
prints how many calls a whole pass makes in FOLDER/whole, and at which of them each of its pushes has returned.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.decide.trust import TrustPolicies
from reconciler.loop.branches import EnvironmentBranches
from reconciler.loop.desire import EnvironmentIdentity
from reconciler.loop.passes import ReconcileContext
from reconciler.world.git import Repository
from tests.loop.builders import AROUND, Fleet, Shelf, passes, verified

if TYPE_CHECKING:
    from types import FrameType

    from reconciler.loop.environment_pass import EnvironmentPass

OURS = ("/reconciler/loop/", "/reconciler/world/git/")


def reconciliation(folder: Path) -> EnvironmentPass:
    """Passes over FOLDER/env.git, with the clone next to it."""
    world = ReconcileContext(
        catalog=Shelf(verified("bp-shop", "1.0.0"), verified("bp-shop", "1.1.0")),
        clusters=Fleet(),
        policies=lambda: TrustPolicies(()),
        surroundings=lambda _: AROUND,
    )
    repository = Repository(folder / "clone", (folder / "env.git").as_uri())
    return passes(EnvironmentIdentity("acme-prod"), EnvironmentBranches(repository), world)


class Life:
    """Counts calls, and ends the process at a given one."""

    def __init__(self, end: int) -> None:
        self.calls, self._end = 0, end
        self.pushed: list[int] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event in {"call", "c_call", "c_return"} and any(part in frame.f_code.co_filename for part in OURS):
            self.calls += 1
            if self.calls == self._end:
                os.kill(os.getpid(), signal.SIGKILL)

        if event == "return" and frame.f_code.co_name == "push" and OURS[1] in frame.f_code.co_filename:
            self.pushed.append(self.calls)

    def live(self, folder: Path) -> str:
        """Make one pass; returns how many calls it took, and at which a push had returned."""
        one = reconciliation(folder)
        sys.setprofile(self)
        try:
            one.run(wait=1)
        finally:
            sys.setprofile(None)
        return " ".join(map(str, [self.calls, *self.pushed]))


def main(folder: Path, points: list[int]) -> None:
    """Make the passes."""
    if not points:
        sys.stdout.write(Life(0).live(folder / "whole"))
    for point in points:
        child = os.fork()
        if not child:
            Life(point).live(folder / str(point))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ends = {-signal.SIGKILL, 0} if point == max(points) else {-signal.SIGKILL}
        assert os.waitstatus_to_exitcode(status) in ends, f"the pass in {point} ended by itself"


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(point) for point in sys.argv[2:]])
