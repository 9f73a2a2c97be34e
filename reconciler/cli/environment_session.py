"""One Environment, opened for a command: in a clone of its own, so that a running reconciler is not disturbed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters.git import Repository
from reconciler.bootstrap.clients import repository
from reconciler.bootstrap.runtime import Runtime
from reconciler.cli import logs
from reconciler.config.settings import read_settings
from reconciler.controller.discovery import EnvironmentTarget, select_targets
from reconciler.model.errors import ConfigurationError, NotFoundError
from reconciler.model.lock import EnvironmentLock
from reconciler.services.repository.branches import EnvironmentBranches

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENV", help="An Environment.", show_default=False)]


@dataclass(frozen=True)
class EnvironmentSession:
    """An Environment with all that a command needs; its branches were not looked at yet."""

    runtime: Runtime
    target: EnvironmentTarget
    clone: Repository
    branches: EnvironmentBranches

    def lock(self) -> EnvironmentLock:
        """What is resolved. Raises Missing when nothing is, or another ReconcilerError."""
        self.branches.refresh()
        lock = self.branches.lock()
        if lock is None:
            raise NotFoundError("nothing is resolved yet", "see `reconciler status`")
        return lock


@contextlib.contextmanager
def open_environment(config: Path, environment: str) -> Iterator[EnvironmentSession]:
    """Open an Environment by its name, or by owner/name. Raises as `open_environments` does."""
    with open_environments(config, (environment,)) as (one,):
        yield one


@contextlib.contextmanager
def open_environments(config: Path, environments: Sequence[str]) -> Iterator[tuple[EnvironmentSession, ...]]:
    """Open some Environments, each by its name, or by owner/name.

    Raises:
        ConfigurationError: there is none, or more than one, of such a name.
    """
    logs.configure(verbose=False)
    runtime = Runtime(read_settings(config))
    try:
        known = runtime.targets()
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            yield tuple(_opened(runtime, known, one, Path(folder)) for one in environments)
    finally:
        runtime.close()


def _opened(runtime: Runtime, known: dict[str, EnvironmentTarget], environment: str, folder: Path) -> EnvironmentSession:
    targets = list(select_targets(known, [environment]).values())
    if len(targets) > 1:
        raise ConfigurationError(f"more than one Environment is called {environment}", "name it by owner/name")
    clone = repository(targets[0], folder)
    return EnvironmentSession(runtime, targets[0], clone, EnvironmentBranches(clone))
