"""A removal is two commits: the Namespace stays until Helm has uninstalled, whatever becomes of `main` meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.formats.yaml.documents import load_all
from reconciler.model.observation import Failure
from reconciler.services.observation.ports import AssessmentLimits
from tests.support.builders import package
from tests.support.environment_files import CLUSTER, SECOND, application, files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import FakeCatalog, running, verified
from tests.support.git_server import hook

if TYPE_CHECKING:
    from pathlib import Path

REMOVING = f"clusters/{CLUSTER}/removing/blog.yaml"


@pytest.fixture
def stage(tmp_path: Path) -> EnvironmentOnDisk:
    return EnvironmentOnDisk(tmp_path, shelf=FakeCatalog(verified("bp-shop", "1.0.0"), verified("bp-shop", "1.1.0")))


def documents(stage: EnvironmentOnDisk, file: str) -> list[Any]:
    return [source.data for source in load_all((stage.show("resolved", file) + "\n").encode(), file)]


def deleting(stage: EnvironmentOnDisk, message: str = "") -> None:
    """Let the cluster delete blog's HelmRelease, and Helm say something of it."""
    release = stage.fleet.releases[CLUSTER, "blog"]
    release["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    if message:
        release["status"]["conditions"] = [
            {"type": "Ready", "status": "False", "reason": "UninstallFailed", "message": message, "observedGeneration": 1}
        ]


def test_the_namespace_stays_until_the_release_is_gone(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop", "blog"))
    before = documents(stage, f"clusters/{CLUSTER}/blog.yaml")
    reconciliation, commits = stage.start(), len(stage.trees("resolved"))
    stage.push(files("shop"))
    reconciliation.run(wait=1)
    assert documents(stage, REMOVING) == [document for document in before if document["kind"] == "Namespace"]
    assert f"clusters/{CLUSTER}/blog.yaml" not in stage.paths("resolved")
    assert "removing/blog.yaml" in documents(stage, f"clusters/{CLUSTER}/kustomization.yaml")[0]["resources"]
    (removal,) = stage.status().removing
    assert (removal.name, removal.state, removal.placements[0].reason) == ("blog", "Removing", "AwaitingPrune")
    assert condition_of(stage, "Ready") == ("True", "AllReady")

    deleting(stage, "failed pre-delete: namespaces blog is being terminated")
    reconciliation.run(fetch=False)
    assert stage.status().removing[0].placements[0].reason == "UninstallFailed"
    assert "failed pre-delete" in stage.status().removing[0].placements[0].message
    assert "failed pre-delete" in stage.show("status", "README.md")

    del stage.fleet.releases[CLUSTER, "blog"]
    assert reconciliation.run(fetch=False).pushed == ("resolved", "status")
    assert len(stage.trees("resolved")) == commits + 2
    assert REMOVING not in stage.paths("resolved")
    assert documents(stage, f"clusters/{CLUSTER}/kustomization.yaml")[0]["resources"] == ["shop.yaml"]
    assert stage.message("resolved").splitlines()[-1] == "Removed: blog"
    assert (stage.status().removing, stage.lock().removing) == ([], [])

    everything = stage.everything()
    for again in (reconciliation, stage.start()):
        again.run(wait=1)
        again.run(fetch=False)
    assert stage.everything() == everything


def test_a_release_that_flux_may_still_apply_is_not_gone(stage: EnvironmentOnDisk) -> None:
    """Added and removed within one interval: Flux applies the commit with it late, and must not prune its Namespace with it."""
    stage.settle(files("shop"))
    reconciliation = stage.start()
    for content in (files("shop", "blog"), files("shop")):
        stage.push(content)
        reconciliation.run(wait=1)
    assert stage.status().removing[0].placements[0].reason == "AwaitingApply"
    for again in (reconciliation, stage.start()):
        again.run(wait=1)
        assert [removal.application for removal in stage.lock().removing] == ["blog"]
    stage.fleet.releases[CLUSTER, "blog"] = running(package("blog"), CLUSTER)
    reconciliation.run(fetch=False)
    assert stage.status().removing[0].placements[0].reason == "AwaitingPrune"
    del stage.fleet.releases[CLUSTER, "blog"]
    reconciliation.run(fetch=False)
    assert stage.lock().removing == []


def test_a_release_that_never_came_is_gone_after_a_while(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    reconciliation = stage.start()
    for content in (files("shop", "blog"), files("shop")):
        stage.push(content)
        reconciliation.run(wait=1)
    stage.judged = AssessmentLimits(apply_grace=-1.0)
    stage.start().run(wait=1)
    assert stage.lock().removing == []


@pytest.mark.parametrize("how", ["failure", "unlisted", "stale"])
def test_a_cluster_that_does_not_answer_has_not_uninstalled(stage: EnvironmentOnDisk, how: str) -> None:
    stage.settle(files("shop", "blog"))
    stage.push(files("shop"))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    del stage.fleet.releases[CLUSTER, "blog"]
    if how == "unlisted":
        stage.fleet.unlisted.add(CLUSTER)
    elif how == "stale":
        stage.fleet.age = 61.0
    else:
        stage.fleet.failures[CLUSTER] = Failure("WatchFailed", "refused")
    reconciliation.run()
    assert [removal.application for removal in stage.lock().removing] == ["blog"]


@pytest.mark.parametrize("main", ["refused", "gone", "moved on"])
def test_the_second_commit_comes_whatever_becomes_of_main(stage: EnvironmentOnDisk, main: str) -> None:
    stage.settle(files("shop", "blog"))
    stage.push(files("shop"))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    resolved_from = [line for line in stage.message("resolved").splitlines() if line.startswith("Input-")]
    if main == "refused":
        stage.push(files("shop") | {"applications/x.yaml": "nonsense: ["})
    elif main == "gone":
        stage.git("update-ref", "-d", "refs/heads/main")
    else:
        stage.push(files("shop") | {"README.md": "words"})
    del stage.fleet.releases[CLUSTER, "blog"]
    reconciliation.run(wait=1)
    assert REMOVING not in stage.paths("resolved")
    assert [line for line in stage.message("resolved").splitlines() if line.startswith("Input-")] == resolved_from


def test_a_rejected_second_commit_keeps_nothing_back(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop", "blog"))
    stage.push(files("shop"))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    hook(stage.origin, "update", 'case "$1" in */resolved) echo not today >&2; exit 1;; esac')
    stage.fleet.releases.clear()
    reconciliation.run(wait=1)
    assert condition_of(stage, "Ready")[0] == "False"


def test_what_comes_back_before_it_is_gone_is_removed_no_more(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop", "blog"))
    lock, reconciliation = stage.lock(), stage.start()
    for content in (files("shop"), files("shop", "blog")):
        stage.push(content)
        reconciliation.run(wait=1)
    assert stage.lock().model_dump() == lock.model_dump()
    assert REMOVING not in stage.paths("resolved")


def test_a_placement_that_is_taken_out_keeps_its_folder_until_nothing_is_there(stage: EnvironmentOnDisk) -> None:
    both, one = files("shop", clusters=(CLUSTER, SECOND)), files("shop")
    stage.settle(both)
    stage.push(one)
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    kustomization = f"clusters/{SECOND}/kustomization.yaml"
    assert documents(stage, kustomization)[0]["resources"] == ["removing/shop.yaml"]
    assert [(r.name, r.placements[0].cluster) for r in stage.status().removing] == [("shop", SECOND)]
    del stage.fleet.releases[SECOND, "shop"]
    commits = len(stage.trees("resolved"))
    reconciliation.run(wait=1)
    assert documents(stage, kustomization)[0]["resources"] == []
    assert len(stage.trees("resolved")) == commits + 1
    everything = None
    stage.fleet.run_all(stage.lock())
    for _ in range(3):
        stage.start().run(wait=1)
        everything, before = stage.everything(), everything
    assert everything == before
    assert stage.lock().former_placements == [SECOND]
    stage.push(both)
    stage.start().run(wait=1)
    assert stage.lock().former_placements == []


def test_removals_that_began_together_end_together_unless_one_hangs(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop", "blog", "news"))
    stage.push(files("shop"))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    del stage.fleet.releases[CLUSTER, "blog"]
    reconciliation.run(wait=1)
    assert len(stage.lock().removing) == 2
    del stage.fleet.releases[CLUSTER, "news"]
    reconciliation.run(wait=1)
    assert stage.lock().removing == []
    assert stage.message("resolved").splitlines()[-2:] == ["Removed: blog", "Removed: news"]


def test_removing_what_is_suspended_is_refused(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop") | {"applications/blog.yaml": application("blog", more="  suspend: true\n")})
    stage.push(files("shop"))
    stage.start().run(wait=1)
    assert condition_of(stage, "Resolved") == ("False", "SuspendedRemoval")
    assert [p.application for p in stage.lock().packages] == ["blog", "shop"]
