"""One Environment, opened for a command: in a clone of its own, so that a running reconciler is not disturbed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import logs
from reconciler.cli.once import chosen
from reconciler.loop.assemble import Runtime, repository
from reconciler.loop.branches import Branches
from reconciler.loop.settings import read_settings
from reconciler.loop.targets import Target
from reconciler.model.faults import Misconfigured, Missing
from reconciler.model.lock import EnvironmentLock
from reconciler.world.git import Repository

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENV", help="An Environment.", show_default=False)]


@dataclass(frozen=True)
class Opened:
    """An Environment with all that a command needs; its branches were not looked at yet."""

    runtime: Runtime
    target: Target
    clone: Repository
    branches: Branches

    def lock(self) -> EnvironmentLock:
        """What is resolved. Raises Missing when nothing is, or another Fault."""
        self.branches.look()
        lock = self.branches.lock()
        if lock is None:
            raise Missing("nothing is resolved yet", "see `reconciler status`")
        return lock


@contextlib.contextmanager
def opened(config: Path, environment: str) -> Iterator[Opened]:
    """Open an Environment by its name, or by owner/name. Raises as `opened_together` does."""
    with opened_together(config, (environment,)) as (one,):
        yield one


@contextlib.contextmanager
def opened_together(config: Path, environments: Sequence[str]) -> Iterator[tuple[Opened, ...]]:
    """Open some Environments, each by its name, or by owner/name.

    Raises:
        Misconfigured: there is none, or more than one, of such a name.
    """
    logs.configure(verbose=False)
    runtime = Runtime(read_settings(config))
    try:
        known = runtime.targets()
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            yield tuple(_opened(runtime, known, one, Path(folder)) for one in environments)
    finally:
        runtime.close()


def _opened(runtime: Runtime, known: dict[str, Target], environment: str, folder: Path) -> Opened:
    targets = list(chosen(known, [environment]).values())
    if len(targets) > 1:
        raise Misconfigured(f"more than one Environment is called {environment}", "name it by owner/name")
    clone = repository(targets[0], folder)
    return Opened(runtime, targets[0], clone, Branches(clone))
