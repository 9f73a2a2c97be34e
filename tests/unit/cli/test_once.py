"""`once` over several Environments: a surprise with one keeps no other back, and is the exit code's business at the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from reconciler.cli import console, once
from reconciler.controller.discovery import EnvironmentTarget
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import InternalError, ReconcilerError, UnavailableError
from tests.support.environment_files import files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import FakeClusters
from tests.support.fault_injection import Panic

if TYPE_CHECKING:
    from pathlib import Path

TARGET = EnvironmentTarget(EnvironmentIdentity("acme-prod"), "", None)


def made(build: Any) -> Any:
    """What `once` makes of an Environment whose passes are built so."""
    return once._pass(cast("Any", SimpleNamespace(environment_pass=build)), TARGET)


@pytest.mark.parametrize("surprise", [ZeroDivisionError(), Panic()], ids=lambda error: type(error).__name__)
def test_a_surprise_is_a_result(surprise: BaseException) -> None:
    def build(_: EnvironmentTarget) -> None:
        raise surprise

    result = made(build)
    assert isinstance(result, InternalError)
    assert once._code(result) == console.OUTSIDE


def test_a_pass_that_fails_is_repeated_once() -> None:
    runs = []

    def run(*, wait: float) -> None:
        runs.append(wait)
        raise UnavailableError(str(len(runs)))

    result = made(lambda _: SimpleNamespace(run=run))
    assert isinstance(result, ReconcilerError)
    assert (result.message, len(runs)) == ("2", 2)


class BrokenClusters(FakeClusters):
    """Clusters that cannot be observed for a defect."""

    def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
        del context, wait
        raise ZeroDivisionError


def test_when_both_passes_fail_the_status_says_that_nothing_is_known(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    stage.settle(files("shop"))
    assert condition_of(stage, "Ready")[0] == "True"
    stage.fleet = BrokenClusters()
    assert isinstance(made(lambda _: stage.start()), InternalError)
    assert condition_of(stage, "Ready") == ("Unknown", "InternalError")
    assert {p.reason for a in stage.status().applications for p in a.placements} == {"InternalError"}
    assert "incident=" in stage.status().condition("Ready").message
