"""The service over real repositories on disk; Catalogs and clusters are in memory and misbehave as a test wants."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.metrics import Metrics
from reconciler.controller.controller import MAX_RETRY, Controller
from reconciler.controller.health import Health
from reconciler.model.errors import UnavailableError
from tests.support.controllers import ManagedEnvironments, ManagedOnGitea, is_quiet
from tests.support.environment_files import CLUSTER, SECOND, Latch, application, files
from tests.support.environments import EnvironmentOnDisk
from tests.support.fakes import DOWN, FakeCatalog, FakeClusters, verified
from tests.support.fault_injection import Panic
from tests.support.measurements import measured
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
    from reconciler.model.observation import Observation


@pytest.fixture
def sovereign() -> ManagedEnvironments:
    return ManagedEnvironments()


class HangingCatalog(FakeCatalog):
    """A Catalog that answers once its gate is open."""

    def __init__(self, gate: Latch) -> None:
        super().__init__(verified("bp-shop", "1.0.0"))
        self.gate = gate

    def find(self, name: str) -> Mapping[str, tuple[str, ...]]:
        self.gate.wait()
        return super().find(name)


class FailingCatalog(FakeCatalog):
    """A Catalog with a bug."""

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        del catalog, name, version, digest
        raise ZeroDivisionError


class SurprisingCatalog(FakeCatalog):
    """A Catalog with any defect."""

    def __init__(self, surprise: BaseException) -> None:
        super().__init__(verified("bp-shop", "1.0.0"))
        self.surprise = surprise

    def find(self, name: str) -> Mapping[str, tuple[str, ...]]:
        del name
        raise self.surprise


def away(stage: EnvironmentOnDisk) -> None:
    stage.origin.rename(stage.origin.with_name("away"))


def test_all_environments_are_resolved_and_new_pushes_seen(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    stages = [sovereign.add(f"e{n}", EnvironmentOnDisk(tmp_path / str(n))) for n in range(5)]
    for stage in stages:
        stage.push(files("shop"))
    with sovereign.running(workers=2):
        eventually(lambda: all(stage.head("status") for stage in stages))
        first = stages[0].head("status")
        stages[0].push(files("blog", "shop"))
        eventually(lambda: stages[0].head("status") != first)
    assert [len(stage.trees("resolved")) for stage in stages] == [2, 1, 1, 1, 1]


@pytest.mark.parametrize("shelf", [FailingCatalog(verified("bp-shop", "1.0.0")), FakeCatalog()], ids=["surprise", "refused"])
def test_one_broken_environment_does_not_delay_another(
    sovereign: ManagedEnvironments, tmp_path: Path, shelf: FakeCatalog
) -> None:
    broken = sovereign.add("a", EnvironmentOnDisk(tmp_path / "a", shelf=shelf))
    gone = sovereign.add("b", EnvironmentOnDisk(tmp_path / "b"))
    good = sovereign.add("c", EnvironmentOnDisk(tmp_path / "c"))
    for stage in (broken, gone, good):
        stage.push(files("shop"))
    away(gone)
    with sovereign.running(workers=1):
        eventually(lambda: good.head("status"))
        good.push(files("blog", "shop"))
        eventually(lambda: len(good.trees("resolved")) == 2)
        gone.origin.with_name("away").rename(gone.origin)
        eventually(lambda: gone.head("status"))
    assert broken.head("resolved") is None


def test_one_that_hangs_holds_one_worker_alone(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    gate = Latch()
    hanging = sovereign.add("a", EnvironmentOnDisk(tmp_path / "a", shelf=HangingCatalog(gate)))
    good = sovereign.add("b", EnvironmentOnDisk(tmp_path / "b"))
    hanging.push(files("shop"))
    with sovereign.running(workers=2):
        assert gate.reached.wait(15)
        good.push(files("shop"))
        eventually(lambda: good.head("status"))
        assert hanging.head("status") is None
        gate.open.set()
        eventually(lambda: hanging.head("status"))


def test_environments_come_and_go(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    stays = sovereign.add("stays", EnvironmentOnDisk(tmp_path / "stays"))
    with sovereign.running() as service:
        comes = sovereign.add("comes", EnvironmentOnDisk(tmp_path / "comes"))
        comes.push(files("shop"))
        eventually(lambda: comes.head("status"))
        del sovereign.stages["comes"]
        eventually(lambda: "comes" not in service._passes)
        comes.push(files("blog", "shop"))
        stays.push(files("shop"))
        eventually(lambda: stays.head("status"))
        time.sleep(0.2)
        assert len(comes.trees("resolved")) == 1
        sovereign.add("comes", comes)
        eventually(lambda: len(comes.trees("resolved")) == 2)


def test_one_that_goes_while_it_is_worked_on_is_forgotten(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    gate = Latch()
    goes = sovereign.add("goes", EnvironmentOnDisk(tmp_path, shelf=HangingCatalog(gate)))
    goes.push(files("shop"))
    with sovereign.running() as service:
        assert gate.reached.wait(15)
        del sovereign.stages["goes"]
        eventually(lambda: "goes" not in service._passes)
        gate.open.set()
        eventually(lambda: goes.head("status"))
        eventually(lambda: "goes" not in service._queue._running)
        assert "goes" not in service._queue._due
        assert (service._clusters, service._failures) == ({}, {})


def test_one_that_cannot_be_made_does_not_keep_others_away(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    odd = sovereign.add("a", EnvironmentOnDisk(tmp_path / "a"))
    good = sovereign.add("b", EnvironmentOnDisk(tmp_path / "b"))
    sovereign.unmade.add("a")
    for stage in (odd, good):
        stage.push(files("shop"))
    with sovereign.running():
        eventually(lambda: good.head("status"))
        sovereign.unmade.clear()
        eventually(lambda: odd.head("status"))


@pytest.mark.parametrize("trouble", [UnavailableError("Gitea did not answer"), ZeroDivisionError()])
def test_a_search_that_fails_is_made_again(sovereign: ManagedEnvironments, tmp_path: Path, trouble: Exception) -> None:
    known = sovereign.add("a", EnvironmentOnDisk(tmp_path / "a"))
    with sovereign.running() as service:
        eventually(lambda: service._passes)
        sovereign.searching = trouble
        new = sovereign.add("b", EnvironmentOnDisk(tmp_path / "b"))
        for stage in (known, new):
            stage.push(files("shop"))
        eventually(lambda: known.head("status"))
        sovereign.searching = None
        eventually(lambda: new.head("status"))


# Clusters


class CountingClusters(FakeClusters):
    """Counts how often it is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.at_first: Callable[[], None] | None = None

    def observe(self, context: str, namespace: str, name: str) -> Observation:
        self.looks += 1
        found = super().observe(context, namespace, name)
        if self.at_first is not None:
            self.at_first()
        return found


def test_a_change_on_a_cluster_wakes_those_that_are_placed_there(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    fleets = {name: CountingClusters() for name in ("one", "two")}
    clusters = {"one": (CLUSTER,), "two": (SECOND,)}
    stages = {n: sovereign.add(n, EnvironmentOnDisk(tmp_path / n, fleet=fleets[n])) for n in fleets}
    for name, stage in stages.items():
        stage.push(files("shop", clusters=clusters[name]))
    with sovereign.running(poll=3600, discover=3600) as service:
        eventually(lambda: all(s.head("status") for s in stages.values()) and len(service._clusters) == 2)
        eventually(lambda: not service._queue._running and all(f.looks == 2 for f in fleets.values()))
        for name, stage in stages.items():
            fleets[name].run_all(stage.lock())
        service.cluster_changed("hz-nbg-rtz-prod-acme")
        service.cluster_changed(CLUSTER)
        eventually(lambda: len(stages["one"].trees("status")) == 2)
        time.sleep(0.1)
        assert (fleets["one"].looks, fleets["two"].looks) == (3, 2)
        service.cluster_changed(SECOND)
        eventually(lambda: len(stages["two"].trees("status")) == 2)


def test_what_a_cluster_says_during_the_first_pass_is_not_lost(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    fleet = CountingClusters()
    fleet.unlisted.add(CLUSTER)
    stage = sovereign.add("acme-prod", EnvironmentOnDisk(tmp_path, fleet=fleet))
    stage.push(files("shop"))
    with sovereign.running(poll=3600, discover=3600) as service:

        def answer() -> None:
            if fleet.unlisted:
                fleet.unlisted.clear()
                service.cluster_changed(CLUSTER)

        fleet.at_first = answer
        eventually(lambda: stage.head("status"))


@pytest.fixture
def gitea() -> ManagedOnGitea:
    return ManagedOnGitea()


def test_a_delivery_starts_a_pass_at_once(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    one, other = (gitea.add(name, EnvironmentOnDisk(tmp_path / name)) for name in ("Prod", "stg"))
    with gitea.running(poll=3600, discover=3600) as service:
        eventually(
            lambda: (
                len(service._failures) == 0 and service._passes and not service.health.readiness_problems() and is_quiet(service)
            )
        )
        for stage in (one, other):
            stage.push(files("shop"))
        assert service.wake("acme/prod")
        eventually(lambda: one.head("status"))
        eventually(lambda: is_quiet(service))
        assert other.head("status") is None
        found = measured(service.health)
        assert found["reconciler_wake_seconds_count"] == 1
        assert found['reconciler_wake_seconds_bucket{le="0.5"}'] == 1


def test_a_delivery_about_the_policies_wakes_all(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    stages = [gitea.add(name, EnvironmentOnDisk(tmp_path / name)) for name in ("prod", "stg")]
    with gitea.running(poll=3600, discover=3600) as service:
        eventually(lambda: not service.health.readiness_problems() and is_quiet(service))
        for stage in stages:
            stage.push(files("shop"))
        service.wake_all()
        eventually(lambda: all(stage.head("status") for stage in stages))


def test_a_thousand_deliveries_are_a_few_passes(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    gate = Latch()
    stage = gitea.add("prod", EnvironmentOnDisk(tmp_path, shelf=HangingCatalog(gate)))
    stage.push(files("shop"))
    with gitea.running(poll=3600, discover=3600) as service:
        assert gate.reached.wait(15)
        for _ in range(1000):
            service.wake("acme/prod")
        gate.open.set()
        eventually(lambda: stage.head("status") and is_quiet(service))
        passes = sum(n for name, n in measured(service.health).items() if name.startswith("reconciler_passes_total"))
    looks, glances = 2, 1  # the one under way and one for all that came meanwhile; its clusters' first answer is looked at
    assert passes <= looks + glances


def test_a_delivery_does_not_wait_for_one_that_failed(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    stage = gitea.add("prod", EnvironmentOnDisk(tmp_path))
    stage.push(files("shop"))
    away(stage)
    service = gitea.service(poll=3600, discover=3600)
    service._search()
    service._failures["prod"] = 5000
    service.start()
    try:
        eventually(lambda: service._failures["prod"] > 5000 and is_quiet(service))
        stage.origin.with_name("away").rename(stage.origin)
        assert service.wake("Acme/Prod")
        eventually(lambda: stage.head("status"))
    finally:
        assert service.stop(15)


def test_an_unknown_repository_is_searched_for_but_not_for_every_delivery(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    with gitea.running(poll=3600, discover=3600) as service:
        eventually(lambda: gitea.searches == 1 and is_quiet(service))
        new = gitea.add("new", EnvironmentOnDisk(tmp_path))
        new.push(files("shop"))
        for _ in range(100):
            assert not service.wake("acme/new")
        eventually(lambda: new.head("status"))
        assert gitea.searches == 2
        assert service.wake("acme/new")


def test_one_that_is_gone_is_woken_no_more(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    gitea.add("prod", EnvironmentOnDisk(tmp_path))
    with gitea.running(poll=3600) as service:
        eventually(lambda: service._passes)
        assert service.wake("acme/prod")
        del gitea.stages["prod"]
        eventually(lambda: not service._passes)
        assert not service.wake("acme/prod")
        assert service._repositories == {}


def test_one_that_is_not_on_gitea_is_not_woken_by_its_name(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    sovereign.add("prod", EnvironmentOnDisk(tmp_path))
    with sovereign.running(poll=3600, discover=3600) as service:
        eventually(lambda: service._passes)
        assert not service.wake("acme/prod")


def test_repositories_are_tended_whatever_comes_of_their_passes(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    gitea.add("prod", EnvironmentOnDisk(tmp_path / "prod"))
    away(gitea.add("away", EnvironmentOnDisk(tmp_path / "away")))
    tended: list[str] = []
    service = Controller(
        gitea.targets,
        gitea.reconciliation,
        workers=1,
        poll=3600,
        discover=3600,
        health=Health(Metrics()),
        after_pass=tended.append,
    )
    service.start()
    eventually(lambda: len(set(tended)) == 2)
    assert service.stop(15)
    assert set(tended) == {"Acme/prod", "Acme/away"}


def test_a_service_whose_workers_ended_is_broken(sovereign: ManagedEnvironments) -> None:
    with sovereign.running(workers=3) as service:
        assert service.liveness_problems() == []
    assert service.liveness_problems() == ["3 of 3 workers ended"]


@pytest.mark.parametrize(
    "surprise",
    [ZeroDivisionError(), Panic(), SystemExit(1), KeyboardInterrupt(), GeneratorExit()],
    ids=lambda error: type(error).__name__,
)
def test_workers_survive_anything(sovereign: ManagedEnvironments, tmp_path: Path, surprise: BaseException) -> None:
    bad = sovereign.add("a", EnvironmentOnDisk(tmp_path / "a", shelf=SurprisingCatalog(surprise)))
    sovereign.add("b", EnvironmentOnDisk(tmp_path / "b"))
    good = sovereign.add("c", EnvironmentOnDisk(tmp_path / "c"))
    sovereign.unmade, sovereign.surprise = {"b"}, surprise if isinstance(surprise, Exception) else ZeroDivisionError()
    bad.push(files("shop"))
    good.push(files("shop"))
    with sovereign.running(workers=2) as service:
        eventually(lambda: good.head("resolved"))
        for _ in range(3):
            service.cluster_changed(CLUSTER)
            time.sleep(0.1)
        good.push(files("blog", "shop"))
        eventually(lambda: len(good.trees("resolved")) == 2)
        assert service.liveness_problems() == []


@pytest.mark.parametrize("how", ["the repository is away", "main is deleted"])
def test_no_answer_is_counted_for_longer_than_it_holds(sovereign: ManagedEnvironments, tmp_path: Path, how: str) -> None:
    sovereign.stale_after = 0.5
    stage = sovereign.add("a", EnvironmentOnDisk(tmp_path))
    stage.settle(files("shop"))

    def ready(service: Controller) -> float:
        return measured(service.health)['reconciler_environments{ready="True"}']

    with sovereign.running(poll=3600, discover=3600) as service:
        eventually(lambda: ready(service) == 1)
        time.sleep(1.2)
        assert ready(service) == 1, "it is observed anew before the answer is too old"
        away(stage) if how == "the repository is away" else stage.git("update-ref", "-d", "refs/heads/main")
        stage.fleet.releases.clear()
        service.wake_all()
        eventually(lambda: ready(service) == 0)


def test_live_is_what_makes_progress(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    """As akuity/kargo#6790: the pod was ready, and nothing was reconciled."""
    gate, sovereign.stuck_after = Latch(), 0.3
    hanging = sovereign.add("a", EnvironmentOnDisk(tmp_path / "a", shelf=HangingCatalog(gate)))
    hanging.push(files("shop"))
    with sovereign.running(workers=1) as service:
        assert gate.reached.wait(15)
        assert service.liveness_problems() == []
        eventually(lambda: service.liveness_problems() == ["a worker has been busy with a for more than 0.3 s"])
        gate.open.set()
        eventually(lambda: hanging.head("status") and service.liveness_problems() == [])


# Stopping


def test_stop_lets_a_pass_under_way_finish(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    gate = Latch()
    stage = sovereign.add("a", EnvironmentOnDisk(tmp_path, shelf=HangingCatalog(gate)))
    stage.push(files("shop"))
    service = sovereign.service()
    service.start()
    assert gate.reached.wait(15)
    threading.Timer(0.1, gate.open.set).start()
    assert service.stop(15)
    assert stage.head("status")


def test_stop_does_not_wait_longer_than_it_may(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    gate = Latch()
    stage = sovereign.add("a", EnvironmentOnDisk(tmp_path, shelf=HangingCatalog(gate)))
    stage.push(files("shop"))
    service = sovereign.service()
    service.start()
    assert gate.reached.wait(15)
    began = time.monotonic()
    assert not service.stop(0.1)
    assert time.monotonic() - began < 5
    gate.open.set()
    assert service.stop(15)


def test_stop_with_nothing_under_way_is_quick(sovereign: ManagedEnvironments) -> None:
    service = sovereign.service(poll=3600, discover=3600)
    service.start()
    began = time.monotonic()
    assert service.stop(15)
    assert time.monotonic() - began < 5


# Back-off


def pause(service: Controller, key: str) -> float:
    """In how many seconds a key is due; it is taken out."""
    at = service._queue._due.pop(key).fetch_at
    return at - time.monotonic()


def test_pauses_grow_and_start_anew_after_a_good_pass(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    sovereign.add("a", EnvironmentOnDisk(tmp_path))
    service = sovereign.service(poll=30)
    service._search()
    pauses = []
    for _ in range(4):
        service._requeue("a", failed=True)
        pauses.append(pause(service, "a"))
    for found, base in zip(pauses[1:], (2, 4, 8), strict=True):
        assert base * 0.79 < found < base * 1.21
    service._requeue("a", failed=False)
    assert 24 - 0.1 < pause(service, "a") < 36.1
    service._requeue("a", failed=True)
    assert pause(service, "a") < 1.21


def test_an_environment_that_fails_for_weeks_is_still_tried(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    sovereign.add("a", EnvironmentOnDisk(tmp_path))
    service = sovereign.service(poll=30)
    service._search()
    service._queue._due.clear()
    service._failures["a"] = 5000
    service._requeue("a", failed=True)
    assert pause(service, "a") < MAX_RETRY * 1.21


def test_a_registry_that_is_away_is_tried_again(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    stage = sovereign.add("a", EnvironmentOnDisk(tmp_path))
    stage.push(files("shop"))
    stage.shelf.down = DOWN
    with sovereign.running(poll=3600):
        eventually(lambda: stage.head("status"))
        stage.shelf.down = None
        eventually(lambda: stage.head("resolved"))


def test_a_refused_push_is_looked_at_again_at_the_poll_interval(sovereign: ManagedEnvironments, tmp_path: Path) -> None:
    stage = sovereign.add("acme-prod", EnvironmentOnDisk(tmp_path, limits={"retry": 0.0}))
    stage.push(files() | {"applications/blog.yaml": application("blog", "bp-blog")})
    with sovereign.running():
        eventually(lambda: stage.head("status"))
        stage.shelf.put(verified("bp-blog", "1.0.0"))
        eventually(lambda: stage.head("resolved"))


def test_an_environment_whose_repository_was_renamed_goes_on_under_the_new_name(gitea: ManagedOnGitea, tmp_path: Path) -> None:
    stage = gitea.add("prod", EnvironmentOnDisk(tmp_path))
    stage.push(files("shop"))
    service = gitea.service(poll=3600, discover=3600)
    service._search()
    before = service._passes["prod"]
    service._search()
    assert service._passes["prod"] is before
    (target,) = gitea.targets().values()
    gitea.add("new", stage)
    service._targets = lambda: {"prod": replace(target, url="new", repository="Acme/new")}
    service._search()
    assert service._passes["prod"] is not before
    assert service._repositories == {"prod": "Acme/new"}
