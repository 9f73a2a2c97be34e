"""Runs passes that are killed: `python -m` this module FOLDER POINT... makes one in FOLDER/POINT for each point.

Only the pass of the last point may end before it. With no point, prints how many calls a whole pass makes in FOLDER/whole, and at
which of them each of its pushes has returned.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reconciler.adapters.git import Repository
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.model.environment import EnvironmentIdentity
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support import crash_runner
from tests.support.environment_files import passes
from tests.support.environments import AROUND
from tests.support.fakes import FakeCatalog, FakeClusters, verified

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.services.environment_pass import EnvironmentPass

OURS = (
    "/reconciler/services/",
    "/reconciler/domain/desired_state.py",
    "/reconciler/domain/status/throttle.py",
    "/reconciler/adapters/git/",
)


def reconciliation(folder: Path) -> EnvironmentPass:
    """Passes over FOLDER/env.git, with the clone next to it."""
    world = ReconcileContext(
        catalog=FakeCatalog(verified("bp-shop", "1.0.0"), verified("bp-shop", "1.1.0")),
        clusters=FakeClusters(),
        policies=lambda: TrustPolicies(()),
        render_context=lambda _: AROUND,
    )
    repository = Repository(folder / "clone", (folder / "env.git").as_uri())
    return passes(EnvironmentIdentity("acme-prod"), EnvironmentBranches(repository), world)


def _counts(event: str, file: str) -> bool:
    return event in {"call", "c_call", "c_return"} and any(part in file for part in OURS)


def run(folder: Path, end: int) -> list[int]:
    """Make one pass, or a part of it."""
    alive = reconciliation(folder)
    counter = crash_runner.CallCounter(_counts, end, lambda function, file: function == "push" and OURS[-1] in file)
    return counter.run(lambda: alive.run(wait=1))


if __name__ == "__main__":
    crash_runner.main(sys.argv[1:], run, may_end=lambda point, points: point == max(points))
