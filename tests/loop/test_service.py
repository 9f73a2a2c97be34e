"""The service over real repositories on disk; Catalogs and clusters are in memory and misbehave as a test wants."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from reconciler.loop.desire import EnvironmentIdentity
from reconciler.loop.service import MAX_RETRY, Controller
from reconciler.loop.targets import EnvironmentTarget
from reconciler.model.faults import ConfigurationError, UnavailableError
from tests.loop.builders import CLUSTER, DOWN, SECOND, Fleet, Latch, Shelf, Stage, application, files, measured, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from reconciler.decide.catalog import ExcludedVersion, VerifiedBlueprint
    from reconciler.loop.environment_pass import EnvironmentPass
    from reconciler.model.observation import Observation


class Sovereign:
    """Environments that a test can add and remove while a Service runs over them."""

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}
        self.searching: Exception | None = None
        self.unmade: set[str] = set()

    def add(self, key: str, stage: Stage) -> Stage:
        self.stages[key] = stage
        return stage

    def targets(self) -> Mapping[str, EnvironmentTarget]:
        if self.searching is not None:
            raise self.searching
        return {key: EnvironmentTarget(EnvironmentIdentity("acme-prod"), key, None) for key in self.stages}

    def reconciliation(self, target: EnvironmentTarget) -> EnvironmentPass:
        if target.url in self.unmade:
            raise ConfigurationError("the url carries a user name")
        return self.stages[target.url].start()

    def service(self, *, poll: float = 0.05, discover: float = 0.05, workers: int = 4) -> Controller:
        return Controller(self.targets, self.reconciliation, workers=workers, poll=poll, discover=discover)

    @contextmanager
    def running(self, *, poll: float = 0.05, discover: float = 0.05, workers: int = 4) -> Iterator[Controller]:
        service = self.service(poll=poll, discover=discover, workers=workers)
        service.start()
        try:
            yield service
        finally:
            assert service.stop(20)


@pytest.fixture
def sovereign() -> Sovereign:
    return Sovereign()


def eventually(what: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)


class Hanging(Shelf):
    """A Catalog that answers once its gate is open."""

    def __init__(self, gate: Latch) -> None:
        super().__init__(verified("bp-shop", "1.0.0"))
        self.gate = gate

    def find(self, name: str) -> Mapping[str, tuple[str, ...]]:
        self.gate.wait()
        return super().find(name)


class Bursting(Shelf):
    """A Catalog with a bug."""

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        del catalog, name, version, digest
        raise ZeroDivisionError


def away(stage: Stage) -> None:
    stage.origin.rename(stage.origin.with_name("away"))


def test_all_environments_are_resolved_and_new_pushes_seen(sovereign: Sovereign, tmp_path: Path) -> None:
    stages = [sovereign.add(f"e{n}", Stage(tmp_path / str(n))) for n in range(5)]
    for stage in stages:
        stage.push(files("shop"))
    with sovereign.running(workers=2):
        eventually(lambda: all(stage.head("status") for stage in stages))
        first = stages[0].head("status")
        stages[0].push(files("blog", "shop"))
        eventually(lambda: stages[0].head("status") != first)
    assert [len(stage.trees("resolved")) for stage in stages] == [2, 1, 1, 1, 1]


@pytest.mark.parametrize("shelf", [Bursting(verified("bp-shop", "1.0.0")), Shelf()], ids=["surprise", "refused"])
def test_one_broken_environment_does_not_delay_another(sovereign: Sovereign, tmp_path: Path, shelf: Shelf) -> None:
    broken = sovereign.add("a", Stage(tmp_path / "a", shelf=shelf))
    gone = sovereign.add("b", Stage(tmp_path / "b"))
    good = sovereign.add("c", Stage(tmp_path / "c"))
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


def test_one_that_hangs_holds_one_worker_alone(sovereign: Sovereign, tmp_path: Path) -> None:
    gate = Latch()
    hanging = sovereign.add("a", Stage(tmp_path / "a", shelf=Hanging(gate)))
    good = sovereign.add("b", Stage(tmp_path / "b"))
    hanging.push(files("shop"))
    with sovereign.running(workers=2):
        assert gate.reached.wait(15)
        good.push(files("shop"))
        eventually(lambda: good.head("status"))
        assert hanging.head("status") is None
        gate.open.set()
        eventually(lambda: hanging.head("status"))


def test_environments_come_and_go(sovereign: Sovereign, tmp_path: Path) -> None:
    stays = sovereign.add("stays", Stage(tmp_path / "stays"))
    with sovereign.running() as service:
        comes = sovereign.add("comes", Stage(tmp_path / "comes"))
        comes.push(files("shop"))
        eventually(lambda: comes.head("status"))
        del sovereign.stages["comes"]
        eventually(lambda: "comes" not in service._known)
        comes.push(files("blog", "shop"))
        stays.push(files("shop"))
        eventually(lambda: stays.head("status"))
        time.sleep(0.2)
        assert len(comes.trees("resolved")) == 1
        sovereign.add("comes", comes)
        eventually(lambda: len(comes.trees("resolved")) == 2)


def test_one_that_goes_while_it_is_worked_on_is_forgotten(sovereign: Sovereign, tmp_path: Path) -> None:
    gate = Latch()
    goes = sovereign.add("goes", Stage(tmp_path, shelf=Hanging(gate)))
    goes.push(files("shop"))
    with sovereign.running() as service:
        assert gate.reached.wait(15)
        del sovereign.stages["goes"]
        eventually(lambda: "goes" not in service._known)
        gate.open.set()
        eventually(lambda: goes.head("status"))
        eventually(lambda: "goes" not in service._queue._running)
        assert "goes" not in service._queue._due
        assert (service._placed, service._failures) == ({}, {})


def test_one_that_cannot_be_made_does_not_keep_others_away(sovereign: Sovereign, tmp_path: Path) -> None:
    odd = sovereign.add("a", Stage(tmp_path / "a"))
    good = sovereign.add("b", Stage(tmp_path / "b"))
    sovereign.unmade.add("a")
    for stage in (odd, good):
        stage.push(files("shop"))
    with sovereign.running():
        eventually(lambda: good.head("status"))
        sovereign.unmade.clear()
        eventually(lambda: odd.head("status"))


@pytest.mark.parametrize("trouble", [UnavailableError("Gitea did not answer"), ZeroDivisionError()])
def test_a_search_that_fails_is_made_again(sovereign: Sovereign, tmp_path: Path, trouble: Exception) -> None:
    known = sovereign.add("a", Stage(tmp_path / "a"))
    with sovereign.running() as service:
        eventually(lambda: service._known)
        sovereign.searching = trouble
        new = sovereign.add("b", Stage(tmp_path / "b"))
        for stage in (known, new):
            stage.push(files("shop"))
        eventually(lambda: known.head("status"))
        sovereign.searching = None
        eventually(lambda: new.head("status"))


# Clusters


class Counting(Fleet):
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


def test_a_change_on_a_cluster_wakes_those_that_are_placed_there(sovereign: Sovereign, tmp_path: Path) -> None:
    fleets = {name: Counting() for name in ("one", "two")}
    clusters = {"one": (CLUSTER,), "two": (SECOND,)}
    stages = {n: sovereign.add(n, Stage(tmp_path / n, fleet=fleets[n])) for n in fleets}
    for name, stage in stages.items():
        stage.push(files("shop", clusters=clusters[name]))
    with sovereign.running(poll=3600, discover=3600) as service:
        eventually(lambda: all(s.head("status") for s in stages.values()) and len(service._placed) == 2)
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


def test_what_a_cluster_says_during_the_first_pass_is_not_lost(sovereign: Sovereign, tmp_path: Path) -> None:
    fleet = Counting()
    fleet.unlisted.add(CLUSTER)
    stage = sovereign.add("acme-prod", Stage(tmp_path, fleet=fleet))
    stage.push(files("shop"))
    with sovereign.running(poll=3600, discover=3600) as service:

        def answer() -> None:
            if fleet.unlisted:
                fleet.unlisted.clear()
                service.cluster_changed(CLUSTER)

        fleet.at_first = answer
        eventually(lambda: stage.head("status"))


# Deliveries


class OnGitea(Sovereign):
    """Environments whose repositories are on a Gitea, by owner/name."""

    searches = 0

    def targets(self) -> Mapping[str, EnvironmentTarget]:
        self.searches += 1
        return {key: EnvironmentTarget(EnvironmentIdentity("acme-prod"), key, None, f"Acme/{key}") for key in super().targets()}


@pytest.fixture
def gitea() -> OnGitea:
    return OnGitea()


def quiet(service: Controller) -> bool:
    return not service._queue._running and not service._queue.depth()


def test_a_delivery_starts_a_pass_at_once(gitea: OnGitea, tmp_path: Path) -> None:
    one, other = (gitea.add(name, Stage(tmp_path / name)) for name in ("Prod", "stg"))
    with gitea.running(poll=3600, discover=3600) as service:
        eventually(
            lambda: len(service._failures) == 0 and service._known and not service.health.readiness_problems() and quiet(service)
        )
        for stage in (one, other):
            stage.push(files("shop"))
        assert service.wake("acme/prod")
        eventually(lambda: one.head("status"))
        eventually(lambda: quiet(service))
        assert other.head("status") is None
        found = measured(service.health)
        assert found["reconciler_wake_seconds_count"] == 1
        assert found['reconciler_wake_seconds_bucket{le="0.5"}'] == 1


def test_a_delivery_about_the_policies_wakes_all(gitea: OnGitea, tmp_path: Path) -> None:
    stages = [gitea.add(name, Stage(tmp_path / name)) for name in ("prod", "stg")]
    with gitea.running(poll=3600, discover=3600) as service:
        eventually(lambda: not service.health.readiness_problems() and quiet(service))
        for stage in stages:
            stage.push(files("shop"))
        service.wake_all()
        eventually(lambda: all(stage.head("status") for stage in stages))


def test_a_thousand_deliveries_are_a_few_passes(gitea: OnGitea, tmp_path: Path) -> None:
    gate = Latch()
    stage = gitea.add("prod", Stage(tmp_path, shelf=Hanging(gate)))
    stage.push(files("shop"))
    with gitea.running(poll=3600, discover=3600) as service:
        assert gate.reached.wait(15)
        for _ in range(1000):
            service.wake("acme/prod")
        gate.open.set()
        eventually(lambda: stage.head("status") and quiet(service))
        passes = sum(n for name, n in measured(service.health).items() if name.startswith("reconciler_passes_total"))
    looks, glances = 2, 1  # the one under way and one for all that came meanwhile; its clusters' first answer is looked at
    assert passes <= looks + glances


def test_a_delivery_does_not_wait_for_one_that_failed(gitea: OnGitea, tmp_path: Path) -> None:
    stage = gitea.add("prod", Stage(tmp_path))
    stage.push(files("shop"))
    away(stage)
    service = gitea.service(poll=3600, discover=3600)
    service._search()
    service._failures["prod"] = 5000
    service.start()
    try:
        eventually(lambda: service._failures["prod"] > 5000 and quiet(service))
        stage.origin.with_name("away").rename(stage.origin)
        assert service.wake("Acme/Prod")
        eventually(lambda: stage.head("status"))
    finally:
        assert service.stop(15)


def test_an_unknown_repository_is_searched_for_but_not_for_every_delivery(gitea: OnGitea, tmp_path: Path) -> None:
    with gitea.running(poll=3600, discover=3600) as service:
        eventually(lambda: gitea.searches == 1 and quiet(service))
        new = gitea.add("new", Stage(tmp_path))
        new.push(files("shop"))
        for _ in range(100):
            assert not service.wake("acme/new")
        eventually(lambda: new.head("status"))
        assert gitea.searches == 2
        assert service.wake("acme/new")


def test_one_that_is_gone_is_woken_no_more(gitea: OnGitea, tmp_path: Path) -> None:
    gitea.add("prod", Stage(tmp_path))
    with gitea.running(poll=3600) as service:
        eventually(lambda: service._known)
        assert service.wake("acme/prod")
        del gitea.stages["prod"]
        eventually(lambda: not service._known)
        assert not service.wake("acme/prod")
        assert service._repositories == {}


def test_one_that_is_not_on_gitea_is_not_woken_by_its_name(sovereign: Sovereign, tmp_path: Path) -> None:
    sovereign.add("prod", Stage(tmp_path))
    with sovereign.running(poll=3600, discover=3600) as service:
        eventually(lambda: service._known)
        assert not service.wake("acme/prod")


def test_repositories_are_tended_whatever_comes_of_their_passes(gitea: OnGitea, tmp_path: Path) -> None:
    gitea.add("prod", Stage(tmp_path / "prod"))
    away(gitea.add("away", Stage(tmp_path / "away")))
    tended: list[str] = []
    service = Controller(gitea.targets, gitea.reconciliation, workers=1, poll=3600, discover=3600, after_pass=tended.append)
    service.start()
    eventually(lambda: len(set(tended)) == 2)
    assert service.stop(15)
    assert set(tended) == {"Acme/prod", "Acme/away"}


def test_a_service_whose_workers_ended_is_broken(sovereign: Sovereign) -> None:
    with sovereign.running(workers=3) as service:
        assert service.liveness_problems() == []
    assert service.liveness_problems() == ["3 of 3 workers ended"]


# Stopping


def test_stop_lets_a_pass_under_way_finish(sovereign: Sovereign, tmp_path: Path) -> None:
    gate = Latch()
    stage = sovereign.add("a", Stage(tmp_path, shelf=Hanging(gate)))
    stage.push(files("shop"))
    service = sovereign.service()
    service.start()
    assert gate.reached.wait(15)
    threading.Timer(0.1, gate.open.set).start()
    assert service.stop(15)
    assert stage.head("status")


def test_stop_does_not_wait_longer_than_it_may(sovereign: Sovereign, tmp_path: Path) -> None:
    gate = Latch()
    stage = sovereign.add("a", Stage(tmp_path, shelf=Hanging(gate)))
    stage.push(files("shop"))
    service = sovereign.service()
    service.start()
    assert gate.reached.wait(15)
    began = time.monotonic()
    assert not service.stop(0.1)
    assert time.monotonic() - began < 5
    gate.open.set()
    assert service.stop(15)


def test_stop_with_nothing_under_way_is_quick(sovereign: Sovereign) -> None:
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


def test_pauses_grow_and_start_anew_after_a_good_pass(sovereign: Sovereign, tmp_path: Path) -> None:
    sovereign.add("a", Stage(tmp_path))
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


def test_an_environment_that_fails_for_weeks_is_still_tried(sovereign: Sovereign, tmp_path: Path) -> None:
    sovereign.add("a", Stage(tmp_path))
    service = sovereign.service(poll=30)
    service._search()
    service._queue._due.clear()
    service._failures["a"] = 5000
    service._requeue("a", failed=True)
    assert pause(service, "a") < MAX_RETRY * 1.21


def test_a_registry_that_is_away_is_tried_again(sovereign: Sovereign, tmp_path: Path) -> None:
    stage = sovereign.add("a", Stage(tmp_path))
    stage.push(files("shop"))
    stage.shelf.down = DOWN
    with sovereign.running(poll=3600):
        eventually(lambda: stage.head("status"))
        stage.shelf.down = None
        eventually(lambda: stage.head("resolved"))


def test_a_refused_push_is_looked_at_again_at_the_poll_interval(sovereign: Sovereign, tmp_path: Path) -> None:
    stage = sovereign.add("acme-prod", Stage(tmp_path, limits={"retry": 0.0}))
    stage.push(files() | {"applications/blog.yaml": application("blog", "bp-blog")})
    with sovereign.running():
        eventually(lambda: stage.head("status"))
        stage.shelf.put(verified("bp-blog", "1.0.0"))
        eventually(lambda: stage.head("resolved"))
