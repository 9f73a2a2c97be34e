"""Each call of each collaborator of a pass raises, in two passes: the status is then true or Unknown, and the next pass heals.

Meanwhile `main` has moved and everything that ran is gone, so that the status from before is false in both respects.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import structlog.testing

from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.model.errors import ReconcilerError, UnavailableError
from reconciler.model.forge import PullRequest
from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
from tests.support.environment_files import files, gate_of
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import FakeCommitStatusForge
from tests.support.fault_injection import FaultInjector, Panic
from tests.support.pull_request_environment import EnvironmentWithPullRequests

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.adapters.git import Repository
    from reconciler.services.environment_pass import EnvironmentPass

# Without these no status can be written. It then ages, since it is not confirmed, and the metric says Unknown.
WRITES = {"repository.write", "repository.push"}


@dataclass
class InjectedEnvironment(EnvironmentOnDisk):
    """An Environment whose passes use the wrapped collaborators of an injector."""

    injector: FaultInjector = field(default_factory=FaultInjector)

    def wrap(self, repository: Repository) -> Any:
        return self.injector.wrap("repository", repository)


@dataclass
class Scene:
    """A settled Environment with one pull request, copied for each injection."""

    stage: InjectedEnvironment
    pulls: EnvironmentWithPullRequests
    wall: FakeCommitStatusForge
    running: EnvironmentPass

    @property
    def injector(self) -> FaultInjector:
        return self.stage.injector

    def run(self) -> None:
        self.injector.begin()
        try:
            self.running.run()
        except ReconcilerError:
            return


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> EnvironmentOnDisk:
    stage = EnvironmentOnDisk(tmp_path_factory.mktemp("settled"))
    stage.settle(files("shop"))
    return stage


def scene_of(settled: EnvironmentOnDisk, folder: Path) -> Scene:
    """As after a restart: all is Ready; then `main` moves, a pull request is opened, and everything that ran is gone."""
    injector, wall = FaultInjector(), FakeCommitStatusForge()
    stage = InjectedEnvironment(folder, injector=injector)
    shutil.rmtree(stage.origin)
    shutil.copytree(settled.origin, stage.origin)
    stage.fleet.run_all(stage.lock())
    fleet, shelf = stage.fleet, stage.shelf
    stage.fleet, stage.shelf = injector.wrap("clusters", fleet), injector.wrap("catalog", shelf)
    stage.policies = injector.wrap("trust policies", lambda: TrustPolicies(()))
    stage.notices = CommitStatusPublisher(injector.wrap("forge", wall), "acme/acme-prod")
    pulls = EnvironmentWithPullRequests(stage)
    pulls.gate = gate_of(injector.wrap("policies", EnvironmentPolicies))
    head = pulls.propose(1, files("shop", "site"))
    forge = pulls.forge
    pulls.forge = injector.wrap("forge", forge)
    running = pulls.start()
    running.run()
    assert condition_of(stage, "Ready")[0] == "True"
    stage.push(files("shop", "blog"))
    forge.open[1] = PullRequest(1, "main", head)
    fleet.releases.clear()
    return Scene(stage, pulls, wall, running)


def check(scene: Scene, call: str) -> None:
    """The status is true or Unknown, or cannot be written; the next pass heals."""
    told, main = scene.stage.status(), scene.stage.head("main")
    assert main is not None
    if call not in WRITES:
        assert told.condition("Ready").status != "True", call
        assert told.input == main or told.condition("Valid").status == "Unknown", call
    scene.injector.at = 0
    scene.run()
    healed = scene.stage.status()
    assert (healed.input, healed.condition("Ready").status, healed.condition("Committed").status) == (main, "False", "True"), call
    assert {a.name for a in healed.applications} == {"shop", "blog"}, call
    assert scene.wall.statuses("acme/acme-prod", main)["catalyst/resolved"][0] == "success", call
    before = scene.stage.everything()
    scene.run()
    assert scene.stage.everything() == before, f"{call}: after one pass all is done"


@pytest.mark.parametrize(
    "error", [UnavailableError("away"), ZeroDivisionError(), Panic()], ids=lambda error: type(error).__name__
)
def test_any_call_may_raise(settled: EnvironmentOnDisk, tmp_path: Path, error: BaseException) -> None:
    with structlog.testing.capture_logs():  # a hundred tracebacks cost a minute
        _inject(settled, tmp_path, error)


def _inject(settled: EnvironmentOnDisk, tmp_path: Path, error: BaseException) -> None:
    count = scene_of(settled, tmp_path / "0")
    count.run()
    calls = tuple(count.injector.calls)
    assert {call.partition(".")[0] for call in calls} == {
        "repository", "catalog", "clusters", "trust policies", "policies", "forge",
    }  # fmt: skip
    for point in range(1, len(calls) + 1):
        scene = scene_of(settled, tmp_path / str(point))
        scene.injector.at, scene.injector.error = point, error
        scene.run()
        scene.run()
        check(scene, calls[point - 1])
        shutil.rmtree(tmp_path / str(point))
