"""One Environment, opened to be read: its branches in a clone of its own, and no client but git's and the forge's."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.bootstrap.clients import known_environments, repository
from reconciler.cli import logs
from reconciler.config.settings import read_settings
from reconciler.controller.discovery import select_targets
from reconciler.model.errors import ConfigurationError, NotFoundError
from reconciler.services.repository.branches import EnvironmentBranches

if TYPE_CHECKING:
    from reconciler.config.settings import Settings
    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.model.lock import EnvironmentLock

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENV", help="An Environment.", show_default=False)]


def find_environment(settings: Settings, name: str) -> EnvironmentTarget:
    """The Environment of a name, or of owner/name.

    Raises:
        ConfigurationError: no Environment has that name, or more than one has.
        ReconcilerError: the forge failed.
    """
    return select_environment(known_environments(settings), name)


def select_environment(known: dict[str, EnvironmentTarget], name: str) -> EnvironmentTarget:
    """The one Environment of a name, or of owner/name, among those that are known; raises as `find_environment` does."""
    targets = list(select_targets(known, [name]).values())
    if len(targets) > 1:
        raise ConfigurationError(f"more than one Environment is called {name}", "name it by owner/name")
    return targets[0]


def read_lock(config: Path, environment: str) -> EnvironmentLock:
    """Fetches the lock of an Environment's `resolved`.

    Raises:
        NotFoundError: nothing is resolved yet.
        ConfigurationError: no Environment has that name, or more than one has.
        ReconcilerError: the forge or the repository failed.
    """
    logs.configure(verbose=False)
    settings = read_settings(config)
    target = find_environment(settings, environment)
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        branches = EnvironmentBranches(repository(settings, target, Path(folder)))
        branches.refresh()
        lock = branches.lock()
    if lock is None:
        raise NotFoundError("nothing is resolved yet", "see `reconciler status`")
    return lock
