from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.metrics import Metrics
from reconciler.controller.health import Health
from reconciler.controller.work_queue import Item
from reconciler.domain import blocker
from reconciler.model.errors import ConcurrentUpdateError, UnavailableError
from reconciler.model.problem import Problem
from reconciler.services.reconcile.outcome import ReconcileOutcome
from tests.support.environment_files import files
from tests.support.environments import EnvironmentOnDisk
from tests.support.measurements import measured

if TYPE_CHECKING:
    from pathlib import Path

QUIET = ReconcileOutcome("acme-prod", "c1")


def watch(health: Health, key: str, outcome: ReconcileOutcome | Exception = QUIET, *, look: bool = True) -> None:
    def run(*, fetch: bool) -> ReconcileOutcome:
        del fetch
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    if isinstance(outcome, Exception):
        with pytest.raises(type(outcome)):
            health.measured_pass(Item(key, fetch=look), run)
    else:
        assert health.measured_pass(Item(key, fetch=look), run) is outcome


def test_ready_is_what_looked_at_everything_once() -> None:
    health = Health(Metrics())
    assert health.readiness_problems() == ["no search for Environments has succeeded yet"]
    health.discovered(["a", "b"])
    assert health.readiness_problems() == ["Environments that were not looked at yet: 2"]
    watch(health, "a")
    watch(health, "b", UnavailableError("away"))
    assert health.readiness_problems() == [], "what could not be looked at was tried"
    health.discovered(["a", "b", "new"])
    assert health.readiness_problems() == [], "one that comes later does not cut the others off"


def test_what_is_gone_is_not_waited_for() -> None:
    health = Health(Metrics())
    health.discovered(["a", "b"])
    watch(health, "a")
    health.discovered(["a"])
    assert health.readiness_problems() == []


def test_a_sovereign_without_environments_is_ready_once_that_is_known() -> None:
    health = Health(Metrics())
    health.discovered([])
    assert health.readiness_problems() == []
    assert measured(health)["reconciler_look_age_seconds"] == 0


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (QUIET, "unchanged"),
        (ReconcileOutcome("e", "c1", pushed=("status",)), "changed"),
        (
            ReconcileOutcome("e", "c1", pushed=("status",), blocker=blocker.Refused("Valid", (Problem(code="X", message="no"),))),
            "refused",
        ),
        (ReconcileOutcome("e", "c1", blocker=blocker.Unavailable("Resolved", "X", "away")), "blocked"),
        (ConcurrentUpdateError("they pushed"), "conflict"),
        (UnavailableError("away"), "failed"),
        (ZeroDivisionError(), "failed"),
    ],
)
def test_passes_are_counted_by_what_came_of_them(outcome: ReconcileOutcome | Exception, result: str) -> None:
    health = Health(Metrics())
    health.discovered(["a"])
    watch(health, "a", outcome)
    found = measured(health)
    assert {name: n for name, n in found.items() if name.startswith("reconciler_passes")} == {
        f'reconciler_passes_total{{result="{result}"}}': 1
    }
    assert found["reconciler_pass_seconds_count"] == 1


def test_the_age_of_the_oldest_look_is_told() -> None:
    health = Health(Metrics())
    health.discovered(["a", "b"])
    health._fetched_at |= {"a": health._fetched_at["a"] - 1000, "b": health._fetched_at["b"] - 2000}
    watch(health, "b")
    assert 1000 <= measured(health)["reconciler_look_age_seconds"] < 1100
    for look, outcome in ((False, QUIET), (True, UnavailableError("away"))):
        watch(health, "a", outcome, look=look)
    assert measured(health)["reconciler_look_age_seconds"] >= 1000, "neither a glance nor a failure is a look"
    watch(health, "a")
    assert measured(health)["reconciler_look_age_seconds"] < 100


def truths(health: Health) -> dict[str, float]:
    found = measured(health)
    return {truth: found[f'reconciler_environments{{ready="{truth}"}}'] for truth in ("True", "False", "Unknown")}


def test_environments_are_counted_by_their_ready(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    health = Health(Metrics())
    health.discovered(["a", "b"])
    assert truths(health) == {"True": 0, "False": 0, "Unknown": 2}
    ready = stage.settle(files("shop")).run(wait=1)
    watch(health, "a", ready)
    watch(health, "gone meanwhile", ready)
    assert truths(health) == {"True": 1, "False": 0, "Unknown": 1}
    watch(health, "a")
    assert truths(health) == {"True": 1, "False": 0, "Unknown": 1}, "a pass that says nothing changes nothing"
    health.discovered(["b"])
    assert truths(health) == {"True": 0, "False": 0, "Unknown": 1}


def test_an_answer_counts_for_as_long_as_an_observation(tmp_path: Path) -> None:
    health = Health(Metrics(), stale_after=100)
    health.discovered(["a"])
    watch(health, "a", EnvironmentOnDisk(tmp_path).settle(files("shop")).run(wait=1))
    ready, at = health._ready["a"]
    for age, counted in ((99, 1), (101, 0)):
        health._ready["a"] = ready, at - age
        assert truths(health) == {"True": counted, "False": 0, "Unknown": 1 - counted}
