"""Readiness of what is locked, over passes and restarts."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.git import Repository
from reconciler.model.observation import Failure
from reconciler.services.observation.lock_assessment import assess_lock
from reconciler.services.observation.ports import AssessmentLimits
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import CLUSTER, SECOND, application, files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import NO_KUBECONFIG, FakeClusters, running, verified
from tests.support.own_commits import push_resolved


def test_everything_that_runs_is_ready(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("blog", "shop"))
    assert stage.message("status").startswith("acme-prod: Ready 2/2\n")
    assert [c.status for c in stage.status().conditions] == ["True"] * 6


def test_the_second_of_two_placements_counts(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop", clusters=(CLUSTER, SECOND)))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    stage.fleet.run_all(stage.lock())
    del stage.fleet.releases[SECOND, "shop"]
    reconciliation.run(wait=1)
    assert condition_of(stage, "Ready") == ("False", "Progressing")
    assert reconciliation.clusters == {CLUSTER, SECOND}


def test_an_environment_without_applications_is_never_ready(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files())
    assert condition_of(stage, "Committed") == ("True", "Committed")
    assert condition_of(stage, "Ready") == ("Unknown", "NothingObserved")
    assert reconciliation.run(wait=1).pushed == ()


# What runs


def test_without_a_kubeconfig_nothing_is_known(stage: EnvironmentOnDisk) -> None:
    stage.fleet.failures[CLUSTER] = NO_KUBECONFIG
    stage.push(files("shop"))
    reconciliation = stage.start()
    reconciliation.run()
    assert stage.message("status").startswith("acme-prod: Unknown (KubeconfigMissing)\n")
    del stage.fleet.failures[CLUSTER]
    stage.fleet.run_all(stage.lock())
    reconciliation.run()
    assert condition_of(stage, "Ready") == ("True", "AllReady")


def test_one_cluster_of_two_that_cannot_be_seen_makes_it_unknown(stage: EnvironmentOnDisk) -> None:
    stage.fleet.failures[SECOND] = Failure("AccessDenied", "forbidden")
    stage.settle(files("shop", clusters=(CLUSTER, SECOND)))
    assert condition_of(stage, "Ready") == ("Unknown", "AccessDenied")


def test_an_old_answer_does_not_count(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.fleet.age = 61.0
    reconciliation.run(fetch=False)
    assert condition_of(stage, "Ready") == ("Unknown", "ObservationStale")


def test_what_was_not_observed_yet_overwrites_no_status(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    before = stage.everything()
    stage.fleet.unlisted.add(CLUSTER)
    reconciliation = stage.start()
    outcome = reconciliation.run()
    assert (outcome.status, outcome.pushed, stage.everything()) == (None, (), before)
    assert reconciliation.run(wait=1).status is not None
    assert stage.everything() == before


def test_nothing_observed_in_time_is_said_when_one_waits(stage: EnvironmentOnDisk) -> None:
    class Hanging(FakeClusters):
        def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
            self.ensured.append((context, wait))

    stage.fleet = Hanging()
    stage.fleet.unlisted.add(CLUSTER)
    stage.push(files("shop"))
    stage.start().run(wait=2)
    assert stage.fleet.ensured[-1] == (CLUSTER, 2)
    assert condition_of(stage, "Ready") == ("Unknown", "NotObserved")


def test_removed_stays_removed_over_passes_and_a_restart(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.fleet.releases.clear()
    for _ in range(3):
        reconciliation.run()
    removed = stage.everything()
    assert stage.status().applications[0].placements[0].reason == "Removed"
    for _ in range(2):
        assert stage.start().run().pushed == ()
    assert stage.everything() == removed


def test_what_people_took_away_and_want_again_was_not_removed_by_somebody(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    stage.push(files("shop"))
    reconciliation.run()
    del stage.fleet.releases[CLUSTER, "blog"]
    reconciliation.run()
    stage.push(files("blog", "shop"))
    reconciliation.run()
    blog = stage.status().applications[0]
    assert (blog.name, blog.state, blog.placements[0].reason) == ("blog", "Installing", "AwaitingApply")


def test_what_comes_back_is_ready_again(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.fleet.releases.clear()
    reconciliation.run()
    stage.fleet.run_all(stage.lock())
    reconciliation.run()
    assert condition_of(stage, "Ready") == ("True", "AllReady")


def test_the_deadline_makes_installing_a_failure(stage: EnvironmentOnDisk) -> None:
    stage.judged = AssessmentLimits(progress_deadline=-1.0)
    stage.push(files("shop"))
    stage.start().run()
    placement = stage.status().applications[0].placements[0]
    assert (placement.ready, placement.state, placement.reason) == ("False", "Failed", "ProgressDeadlineExceeded")


def test_an_upgrade_is_not_ready_while_the_old_one_runs(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put(verified("bp-shop", "2.0.0"))
    stage.push(files() | {"applications/shop.yaml": application("shop", version="^2")})
    reconciliation.run()
    assert "~ shop: bp-shop 1.0.0 -> 2.0.0" in stage.message("resolved")
    assert condition_of(stage, "Ready") == ("False", "Progressing")


# What runs is compared with the files of the resolved commit

BESIDE_OURS: dict[str, dict[str, Any]] = {
    "upgrade.disableWait": {"upgrade": {"disableWait": True, "remediation": {"retries": 3}}},
    "install.disableWait": {"install": {"disableWait": True, "remediation": {"retries": 3}}},
    "upgrade.preserveValues": {"upgrade": {"preserveValues": True, "remediation": {"retries": 3}}},
    "disableHooks": {"install": {"disableHooks": True}, "upgrade": {"disableHooks": True}},
    "driftDetection.disabled": {"driftDetection": {"mode": "disabled"}},
    "driftDetection.ignore": {"driftDetection": {"mode": "enabled", "ignore": [{"paths": [""]}]}},
    "test.ignoreFailures": {"test": {"enable": True, "ignoreFailures": True}},
}


@pytest.mark.parametrize("name", BESIDE_OURS)
def test_fields_that_somebody_added_beside_ours_take_the_meaning_out_of_ready(stage: EnvironmentOnDisk, name: str) -> None:
    reconciliation = stage.settle(files("shop"))
    before = stage.fleet.releases[CLUSTER, "shop"]
    stage.fleet.releases[CLUSTER, "shop"] = {**before, "spec": {**before["spec"], **BESIDE_OURS[name]}}
    reconciliation.run(wait=1)
    placement = stage.status().applications[0].placements[0]
    assert (placement.ready, placement.state, placement.reason) == ("False", "Degraded", "NotAsResolved")
    stage.fleet.releases[CLUSTER, "shop"] = before
    reconciliation.run(wait=1)
    assert condition_of(stage, "Ready") == ("True", "AllReady")


def test_one_kubeconfig_for_two_placements_makes_neither_ready(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop", clusters=(CLUSTER, SECOND)))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    same = running(stage.lock().packages[0])
    stage.fleet.releases = {(CLUSTER, "shop"): same, (SECOND, "shop"): same}
    reconciliation.run(wait=1)
    assert condition_of(stage, "Ready") == ("Unknown", "SharedObject")
    found = [(p.ready, p.reason) for p in stage.status().applications[0].placements]
    assert found == 2 * [("Unknown", "SharedObject")]
    stage.fleet.run_all(stage.lock())
    reconciliation.run(wait=1)
    assert condition_of(stage, "Ready") == ("True", "AllReady")


def test_what_should_run_is_read_from_the_resolved_commit_and_not_rendered_by_the_code_of_today(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    path = f"clusters/{CLUSTER}/shop.yaml"
    tree = {file: stage.show("resolved", file) + "\n" for file in stage.paths("resolved")}
    older = tree[path].replace("retries: 3", "retries: 5")
    assert older != tree[path]
    push_resolved(stage.origin, stage.folder / "theirs", {**tree, path: older})
    lock, view = stage.lock(), stage.fleet
    branches = EnvironmentBranches(Repository(stage.folder / "other", stage.origin.as_uri()))
    branches.refresh()

    def reason() -> str:
        rendered = branches.rendered_releases()
        verdicts = assess_lock(lock, rendered, view, AssessmentLimits(), committed=0.0, now=0.0, observed={})
        return verdicts["shop", CLUSTER].reason

    assert reason() == "NotAsResolved"
    release = view.releases[CLUSTER, "shop"]
    remediation = {"remediation": {"retries": 5}}
    view.releases[CLUSTER, "shop"] = {**release, "spec": {**release["spec"], "install": remediation, "upgrade": remediation}}
    assert reason() == "InstallSucceeded"
