"""Why releases do not come, as Flux tells it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.readiness.assessment import MAX_MESSAGE, Verdict
from reconciler.model.observation import Failure
from reconciler.services.observation.flux_diagnostics import GRACE, MAX_QUERIED, FluxDiagnostics
from tests.support.environment_files import CLUSTER
from tests.support.fakes import FakeClusters

WAITS = Verdict("False", "Installing", "AwaitingApply", "Flux has not created the HelmRelease yet", 7)
LATE = GRACE + 1


def said(status: str, message: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Ready", "status": status, "reason": "Because", "message": message}]}}


@pytest.fixture
def fleet() -> FakeClusters:
    fleet = FakeClusters()
    fleet.flux = {"GitRepository/environment": said("False", "authentication\nrequired"), "Kustomization/applications": None}
    return fleet


def test_what_is_wrong_behind_a_release_that_does_not_come_is_quoted(fleet: FakeClusters) -> None:
    found = FluxDiagnostics(fleet).with_diagnostics({("shop", CLUSTER): WAITS}, "flux-system", age=LATE)["shop", CLUSTER]
    assert found.message == (
        "Flux has not created the HelmRelease yet. Flux: GitRepository/environment Ready=False Because: authentication required; "
        "Kustomization/applications does not exist"
    )
    assert (found.ready, found.state, found.reason, found.row) == (WAITS.ready, WAITS.state, WAITS.reason, WAITS.row)
    assert fleet.asked_why == [(CLUSTER, "flux-system", "shop")]


@pytest.mark.parametrize("ready", ["True", "Unknown", 5, None])
def test_what_is_not_wrong_adds_nothing_and_grants_nothing(fleet: FakeClusters, ready: Any) -> None:
    fleet.flux = {"GitRepository/environment": said(ready, "fetched"), "OCIRepository/shop": {"status": {"conditions": 5}}}
    assert FluxDiagnostics(fleet).with_diagnostics({("shop", CLUSTER): WAITS}, "flux-system", age=LATE)["shop", CLUSTER] == WAITS


def test_nobody_is_asked_too_early_or_about_what_explains_itself(fleet: FakeClusters) -> None:
    behind = FluxDiagnostics(fleet)
    running = Verdict("True", "Running", "InstallSucceeded", "", 27)
    failing = Verdict("False", "Failed", "InstallFailed", "helm said no", 19)
    assert behind.with_diagnostics({("shop", CLUSTER): WAITS}, "f", age=GRACE - 1) == {("shop", CLUSTER): WAITS}
    verdicts = {("a", CLUSTER): running, ("b", CLUSTER): failing}
    assert behind.with_diagnostics(verdicts, "f", age=LATE) == verdicts
    assert fleet.asked_why == []


def test_an_answer_stands_for_a_while_and_few_are_asked_about(fleet: FakeClusters) -> None:
    behind, verdicts = FluxDiagnostics(fleet), {(f"a{n:03}", CLUSTER): WAITS for n in range(100)}
    first = behind.with_diagnostics(verdicts, "f", age=LATE)
    assert first == behind.with_diagnostics(verdicts, "f", age=LATE)
    assert len(fleet.asked_why) == MAX_QUERIED
    assert sum("authentication" in v.message for v in first.values()) == MAX_QUERIED


def test_a_cluster_that_cannot_be_asked_changes_nothing(fleet: FakeClusters) -> None:
    fleet.failures[CLUSTER] = Failure("WatchFailed", "no")
    assert FluxDiagnostics(fleet).with_diagnostics({("shop", CLUSTER): WAITS}, "f", age=LATE)["shop", CLUSTER] == WAITS


def test_words_are_bounded(fleet: FakeClusters) -> None:
    fleet.flux = {f"OCIRepository/{n}": said("False", "x" * 10_000) for n in range(10)}
    assert (
        len(FluxDiagnostics(fleet).with_diagnostics({("shop", CLUSTER): WAITS}, "f", age=LATE)["shop", CLUSTER].message)
        == MAX_MESSAGE
    )
