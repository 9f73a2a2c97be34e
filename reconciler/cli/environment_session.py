"""One Environment, opened for a command: in a clone of its own, so that a running reconciler is not disturbed."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.bootstrap.clients import repository
from reconciler.bootstrap.runtime import Runtime
from reconciler.cli import logs
from reconciler.cli.environment_reader import select_environment
from reconciler.config.settings import read_settings
from reconciler.services.repository.branches import EnvironmentBranches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.services.repository.ports import GitRepository


@dataclass(frozen=True)
class EnvironmentSession:
    """An Environment with the clients that a command needs. Its branches are not fetched yet."""

    runtime: Runtime
    target: EnvironmentTarget
    clone: GitRepository
    branches: EnvironmentBranches


@contextlib.contextmanager
def open_environment(config: Path, environment: str) -> Iterator[EnvironmentSession]:
    """Opens an Environment by its name, or by owner/name; raises as `open_environments` does."""
    with open_environments(config, (environment,)) as (session,):
        yield session


@contextlib.contextmanager
def open_environments(config: Path, environments: Sequence[str]) -> Iterator[tuple[EnvironmentSession, ...]]:
    """Opens some Environments, each by its name, or by owner/name.

    Raises:
        ConfigurationError: no Environment has such a name, or more than one has.
        ReconcilerError: the forge failed.
    """
    logs.configure(verbose=False)
    runtime = Runtime(read_settings(config))
    try:
        known = runtime.targets()
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            yield tuple(_open(runtime, select_environment(known, name), Path(folder)) for name in environments)
    finally:
        runtime.close()


def _open(runtime: Runtime, target: EnvironmentTarget, folder: Path) -> EnvironmentSession:
    clone = repository(runtime.settings, target, folder)
    return EnvironmentSession(runtime, target, clone, EnvironmentBranches(clone))
