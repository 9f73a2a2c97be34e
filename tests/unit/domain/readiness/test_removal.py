"""A release is gone only when a fresh and complete list does not contain it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.readiness.removal import assess_removal
from reconciler.model.lock import Removal
from reconciler.model.observation import Failure, Observation
from tests.support.builders import FSN, package
from tests.support.fakes import running

REMOVAL = Removal(
    application="db",
    blueprint="bp-db",
    version="1.0.0",
    placements=[FSN],
    flux_namespace="flux-system",
    entry=package("db").entry,
)
THERE = running(package("db"), FSN)


def going(**condition: Any) -> dict[str, Any]:
    metadata = THERE["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    conditions = [{"type": "Ready", "observedGeneration": 1, **condition}] if condition else []
    return THERE | {"metadata": metadata, "status": THERE["status"] | {"conditions": conditions}}


@pytest.mark.parametrize(
    ("observation", "reason", "words"),
    [
        (Observation(listed=True, age=0.0), "Gone", ""),
        (Observation(listed=True, age=60.1), "ObservationStale", "has not responded"),
        (Observation(listed=True, age=float("nan")), "ObservationStale", "has not responded"),
        (Observation(listed=False, age=0.0), "NotObserved", "not been listed"),
        (Observation(failure=Failure("KubeconfigMissing", "there is none")), "KubeconfigMissing", "there is none"),
        (Observation(failure=Failure("FluxMissing", "no such API"), listed=True, age=0.0), "FluxMissing", "no such API"),
        (Observation(listed=True, age=0.0, unreadable="it is too deep"), "Unreadable", "too deep"),
        (Observation(listed=True, age=0.0, release=THERE), "AwaitingPrune", "has not deleted"),
        (Observation(listed=True, age=0.0, release={}), "AwaitingPrune", "has not deleted"),
        (Observation(listed=True, age=0.0, release=going()), "Uninstalling", "is uninstalling"),
        (
            Observation(listed=True, age=0.0, release=going(status="False", reason="UninstallFailed", message="a hook\nfailed")),
            "UninstallFailed",
            "a hook failed",
        ),
    ],
)
def test_each_observation_of_a_removal(observation: Observation, reason: str, words: str) -> None:
    progress = assess_removal(REMOVAL, FSN, observation, stale_after=60.0, may_come=False)
    expected = "AwaitingApply" if reason == "Gone" else reason
    assert assess_removal(REMOVAL, FSN, observation, stale_after=60.0, may_come=True).reason == expected
    assert (progress.reason, words in progress.message, progress.is_gone) == (reason, True, reason == "Gone")
