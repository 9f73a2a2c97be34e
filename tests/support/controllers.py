"""Environments that a test adds and removes while a Controller runs over them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.adapters.metrics import Metrics
from reconciler.controller.controller import Controller
from reconciler.controller.discovery import EnvironmentTarget
from reconciler.controller.health import Health
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.services.environment_pass import EnvironmentPass
    from tests.support.environments import EnvironmentOnDisk


class ManagedEnvironments:
    """Environments that a test can add and remove while a Service runs over them."""

    def __init__(self) -> None:
        self.stages: dict[str, EnvironmentOnDisk] = {}
        self.searching: Exception | None = None
        self.unmade: set[str] = set()
        self.surprise: BaseException | None = None
        self.stale_after = 60.0
        self.stuck_after: float | None = None

    def add(self, key: str, stage: EnvironmentOnDisk) -> EnvironmentOnDisk:
        self.stages[key] = stage
        return stage

    def targets(self) -> Mapping[str, EnvironmentTarget]:
        if self.searching is not None:
            raise self.searching
        return {key: EnvironmentTarget(EnvironmentIdentity("acme-prod"), key, None) for key in self.stages}

    def reconciliation(self, target: EnvironmentTarget) -> EnvironmentPass:
        if target.url in self.unmade:
            if self.surprise is not None:
                raise self.surprise
            raise ConfigurationError("the url carries a user name")
        return self.stages[target.url].start()

    def service(self, *, poll: float = 0.05, discover: float = 0.05, workers: int = 4) -> Controller:
        return Controller(
            self.targets,
            self.reconciliation,
            workers=workers,
            poll=poll,
            discover=discover,
            health=Health(Metrics(), self.stale_after),
            stuck_after=self.stuck_after,
        )

    @contextmanager
    def running(self, *, poll: float = 0.05, discover: float = 0.05, workers: int = 4) -> Iterator[Controller]:
        service = self.service(poll=poll, discover=discover, workers=workers)
        service.start()
        try:
            yield service
        finally:
            assert service.stop(20)


# Deliveries


class ManagedOnGitea(ManagedEnvironments):
    """Environments whose repositories are on a Gitea, by owner/name."""

    searches = 0

    def targets(self) -> Mapping[str, EnvironmentTarget]:
        self.searches += 1
        return {key: EnvironmentTarget(EnvironmentIdentity("acme-prod"), key, None, f"Acme/{key}") for key in super().targets()}


def is_quiet(service: Controller) -> bool:
    return not service._queue._running and not service._queue.depth()
