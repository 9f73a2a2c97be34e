"""When a status is committed, held back or confirmed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.model.layout import CONFIRMED
from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
from reconciler.services.observation.ports import AssessmentLimits
from tests.support.environment_files import files
from tests.support.environments import EnvironmentOnDisk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fakes import FakeCommitStatusForge


@pytest.fixture
def stage(tmp_path: Path, wall: FakeCommitStatusForge) -> EnvironmentOnDisk:
    return EnvironmentOnDisk(tmp_path, notices=CommitStatusPublisher(wall, "acme/acme-prod"))


def test_a_commit_is_marked_from_refused_to_ready(stage: EnvironmentOnDisk, wall: FakeCommitStatusForge) -> None:
    bad = stage.push(files("shop") | {"applications/odd.yaml": "kind: Nothing\n"})
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    assert {context: state for context, state, _ in wall.shown[bad]} == {
        "catalyst/resolved": "failure",
        "catalyst/ready": "failure",
    }
    good = stage.push(files("shop"))
    reconciliation.run(wait=1)
    stage.fleet.run_all(stage.lock())
    reconciliation.run(fetch=False)
    reconciliation.run()
    assert [(context, state) for context, state, _ in wall.shown[good]] == [
        ("catalyst/resolved", "success"),
        ("catalyst/ready", "pending"),
        ("catalyst/ready", "success"),
    ]


def test_status_commits_are_held_back_and_the_last_one_lands(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path, limits={"coalesce": 0.5})
    stage.push(files("shop"))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    before = stage.head("status")
    stage.fleet.run_all(stage.lock())
    held = reconciliation.run(fetch=False)
    assert held.observe_after is not None
    assert 0 < held.observe_after <= 0.5
    assert (held.pushed, stage.head("status")) == ((), before)
    time.sleep(held.observe_after)
    calm = reconciliation.run(fetch=False)
    assert (calm.observe_after, calm.pushed) == (0.05, ()), "it has only just changed, more may come"
    time.sleep(0.06)
    assert reconciliation.run(fetch=False).pushed == ("status",)


def test_a_status_that_stands_is_confirmed_now_and_then_without_history(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path, limits={"confirm": 2.0})
    reconciliation = stage.settle(files("shop"))
    commits = stage.git("rev-list", "--count", "status")
    assert reconciliation.run(wait=1).pushed == ()
    assert stage.git("for-each-ref", "refs/catalyst") == "", "it was said just now"
    time.sleep(3.1)
    reconciliation.run(wait=1)
    confirmed = stage.git("rev-parse", "refs/catalyst/confirmed")
    assert stage.git("rev-parse", "refs/catalyst/confirmed^{tree}") == stage.git("rev-parse", "status^{tree}")
    assert stage.git("rev-list", "--count", "refs/catalyst/confirmed") == "1"
    reconciliation.run(wait=1)
    assert stage.git("rev-parse", "refs/catalyst/confirmed") == confirmed
    assert stage.git("rev-list", "--count", "status") == commits


def test_a_confirmation_that_is_dated_ahead_is_none_and_is_replaced(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path, limits={"confirm": 1.0})
    reconciliation = stage.settle(files("shop"))
    writer = Repository(tmp_path / "writer", stage.origin.as_uri())
    heads = writer.heads()
    writer.fetch({"status": heads["status"]})
    forged = writer.write(writer.read(heads["status"]).files, parent=None, message="ahead", time=int(time.time()) + 10**6)
    writer.push(forged.id, CONFIRMED, expect=heads.get(CONFIRMED))
    time.sleep(2.1)
    reconciliation.run(wait=1)
    assert stage.git("rev-parse", CONFIRMED) != forged.id, "by a confirmation of ours"


@pytest.mark.parametrize("kind", ["blob", "tree", "tag"])
def test_what_is_no_confirmation_stops_nothing_and_is_replaced(tmp_path: Path, kind: str) -> None:
    stage = EnvironmentOnDisk(tmp_path, limits={"confirm": 1.0})
    stage.settle(files("shop"))
    stage.git("tag", "-a", "-m", "x", "odd", "main")
    odd = stage.git("rev-parse", {"blob": "main:environment.yaml", "tree": "main:applications", "tag": "odd"}[kind])
    stage.git("update-ref", CONFIRMED, odd)
    made = stage.start()
    made.run(wait=1)
    time.sleep(2.1)
    made.run(wait=1)
    assert stage.git("rev-parse", f"{CONFIRMED}^{{tree}}") == stage.git("rev-parse", "status^{tree}")


def looking(stage: EnvironmentOnDisk, *, is_: bool) -> None:
    """Flux looks again at everything, or has done so."""
    for release in stage.fleet.releases.values():
        kept = [c for c in release["status"]["conditions"] if c["type"] != "Reconciling"]
        added = [{"type": "Reconciling", "status": "True", "reason": "Progressing", "message": "looking"}] if is_ else []
        release["status"]["conditions"] = [*kept, *added]


def test_that_flux_looks_again_is_no_news_for_a_while(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path, limits={"patience": 0.4})
    reconciliation = stage.settle(files("shop"))
    before = stage.head("status")
    for look in (True, False):
        looking(stage, is_=True)
        held = reconciliation.run(fetch=look)
        assert held.observe_after is not None
        assert (0 < held.observe_after < 0.5, held.pushed) == (True, ())
        looking(stage, is_=False)
        time.sleep(held.observe_after)
        assert reconciliation.run(fetch=look).observe_after is None
    assert stage.head("status") == before
    looking(stage, is_=True)
    assert reconciliation.run(fetch=False).pushed == ()
    time.sleep(0.5)
    assert reconciliation.run(fetch=False).pushed == ("status",), "it goes on for longer: something is done"
    assert stage.status().applications[0].placements[0].reason == "Reconciling"
    assert reconciliation.run(fetch=False).observe_after is None


def test_whatever_else_changes_meanwhile_is_told_at_once(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path, limits={"patience": 60.0})
    reconciliation = stage.settle(files("shop"))
    looking(stage, is_=True)
    assert reconciliation.run(fetch=False).pushed == ()
    release = next(iter(stage.fleet.releases.values()))
    release["status"]["conditions"][0]["status"] = "False"
    assert reconciliation.run(fetch=False).pushed == ("status",)
    looking(stage, is_=False)
    assert reconciliation.run(fetch=False).pushed == (), "still not ready, and said so"


def test_the_deadline_is_for_what_is_to_come(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path, judged=AssessmentLimits(progress_deadline=1.0), limits={"patience": 0.0})
    reconciliation = stage.settle(files("shop"))
    time.sleep(1.1)
    looking(stage, is_=True)
    for one in (reconciliation, stage.start()):  # this process has seen it ready, the next reads that in the status
        one.run(wait=1, fetch=True)
        assert stage.status().applications[0].placements[0].reason == "Reconciling"
        looking(stage, is_=False)
        one.run(wait=1)
        assert stage.status().applications[0].ready == "True"
        looking(stage, is_=True)
    stage.push(files("shop", "more"))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    time.sleep(1.1)
    reconciliation.run(wait=1)
    late = {a.name: a.placements[0].reason for a in stage.status().applications}
    assert late == {"more": "ProgressDeadlineExceeded", "shop": "Reconciling"}
