"""What somebody else puts on `resolved` or `status`, sets back or deletes: it is never believed, told, and put back at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.formats.yaml import documents
from tests.support.environment_files import CLUSTER, application, files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import FakeCatalog, verified

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVIL = {f"clusters/{CLUSTER}/evil.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: evil}\n"}


@pytest.fixture
def stage(tmp_path: Path) -> EnvironmentOnDisk:
    return EnvironmentOnDisk(tmp_path, shelf=FakeCatalog(verified("bp-shop", "1.0.0")))


def contents(stage: EnvironmentOnDisk, branch: str = "resolved") -> dict[str, str]:
    return {path: stage.show(branch, path) + "\n" for path in stage.paths(branch)}


def without_blog(stage: EnvironmentOnDisk) -> dict[str, str]:
    lock = stage.lock()
    kept = lock.model_copy(update={"packages": [package for package in lock.packages if package.application == "shop"]})
    data = kept.model_dump(mode="json", by_alias=True)
    return {**contents(stage), "environment.lock.yaml": documents.dump(data).decode()}


TAMPERED: dict[str, Callable[[EnvironmentOnDisk], dict[str, str]]] = {
    "a file more": lambda stage: contents(stage) | EVIL,
    "another lock": without_blog,
    "nothing of it": lambda _: {"README.md": "oops\n"},
}


@pytest.mark.parametrize("how", TAMPERED)
@pytest.mark.parametrize("main", ["stays", "is refused", "is gone"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_foreign_commit_is_told_and_put_back(stage: EnvironmentOnDisk, how: str, main: str, *, restarted: bool) -> None:
    running = stage.settle(files("shop", "blog"))
    own = stage.head("resolved")
    stage.fleet.releases.pop((CLUSTER, "blog"))
    (stage.origin / "index").unlink(missing_ok=True)
    foreign = stage.push(TAMPERED[how](stage), "resolved", f"nothing to see\n\nInput-Commit: {stage.head('main')}")
    if main == "is refused":
        stage.push(files("shop", "blog") | {"applications/x.yaml": "nonsense: ["})
    elif main == "is gone":
        stage.git("update-ref", "-d", "refs/heads/main")
    statuses = len(stage.trees("status"))
    (stage.start() if restarted else running).run(wait=1)
    assert stage.head("resolved") == own
    assert condition_of(stage, "Ready")[0] == "False", "blog is gone, and what nobody resolved does not hide it"
    told = stage.git("show", f"status~{len(stage.trees('status')) - statuses - 1}:status.yaml")
    assert "reason: ForeignLock" in told
    assert foreign in told


@pytest.mark.parametrize("restarted", [False, True])
def test_a_branch_that_is_set_back_does_not_take_a_version_back(stage: EnvironmentOnDisk, *, restarted: bool) -> None:
    running = stage.settle(files("shop"))
    old = stage.head("resolved")
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.push(files("shop") | {"applications/shop.yaml": application("shop", version="^1.1")})
    running.run(wait=1)
    stage.push(files("shop"))
    running.run(wait=1)
    assert stage.lock().packages[0].version == "1.1.0"
    stage.git("update-ref", "refs/heads/resolved", str(old))
    (stage.start() if restarted else running).run(wait=1)
    assert stage.lock().packages[0].version == "1.1.0"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_deleted_branch_comes_back_without_moving_a_version(stage: EnvironmentOnDisk, *, restarted: bool) -> None:
    running = stage.settle(files("shop"))
    own = stage.head("resolved")
    stage.shelf.put(verified("bp-shop", "1.9.0"))
    stage.git("update-ref", "-d", "refs/heads/resolved")
    (stage.start() if restarted else running).run(wait=1)
    assert stage.lock().packages[0].version == "1.0.0", "nobody asked for another one"
    assert restarted or stage.head("resolved") == own


def test_a_deleted_status_comes_back_with_its_history(stage: EnvironmentOnDisk) -> None:
    running = stage.settle(files("shop"))
    own = stage.head("status")
    stage.git("update-ref", "-d", "refs/heads/status")
    running.run(wait=1)
    assert stage.head("status") == own


def test_a_foreign_status_is_not_believed(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    own = stage.head("status")
    forged = contents(stage, "status")
    (stage.origin / "index").unlink(missing_ok=True)
    stage.push({**forged, "status.yaml": forged["status.yaml"].replace(str(stage.head("resolved")), "0" * 40)}, "status", "mine")
    stage.fleet.releases.clear()
    stage.start().run(wait=1)
    assert condition_of(stage, "Ready")[0] == "False"
    assert stage.status().resolved == stage.head("resolved")
    assert own in stage.git("rev-list", "status").split(), "its history stays"


def test_a_second_reconciler_and_updates_by_hand_are_own(stage: EnvironmentOnDisk) -> None:
    first, second = stage.settle(files("shop")), stage.start()
    for n, running in enumerate((second, first, second, first)):
        stage.push(files("shop") | {"applications/blog.yaml": application("blog", more=f"  config: {{n: {n}}}\n")})
        running.run(wait=1)
        assert "ForeignLock" not in stage.show("status", "status.yaml")
        assert len(stage.trees("resolved")) == n + 2


@pytest.mark.parametrize("removed", ["before", "after"])
@pytest.mark.parametrize("instead", ["nothing", "a foreign commit"])
def test_a_lost_lock_moves_nothing_and_is_removed_from_as_any_other(stage: EnvironmentOnDisk, removed: str, instead: str) -> None:
    running = stage.settle(files("shop", "blog"))
    if removed == "before":
        stage.push(files("shop"))
        running.run(wait=1)
        assert [(r.name, r.placements[0].reason) for r in stage.status().removing] == [("blog", "AwaitingPrune")]
    if instead == "nothing":
        stage.git("update-ref", "-d", "refs/heads/resolved")
    else:
        orphan = stage.git("commit-tree", "-m", "oops", "status^{tree}")
        stage.git("update-ref", "refs/heads/resolved", orphan)
    stage.git("reflog", "expire", "--expire=now", "--all")
    stage.git("gc", "-q", "--prune=now")
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.push(files("shop"))
    stage.start().run(wait=1)
    assert [p.version for p in stage.lock().packages] == ["1.0.0"]
    assert [(r.application, r.placements) for r in stage.lock().removing] == [("blog", [CLUSTER])]
    assert f"clusters/{CLUSTER}/removing/blog.yaml" in stage.paths("resolved")
    assert [r.name for r in stage.status().removing] == ["blog"]
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    stage.fleet.releases.pop((CLUSTER, "blog"))
    reconciliation.run(wait=1)
    assert stage.lock().removing == []


def test_what_is_removed_is_named_while_nothing_is_known(stage: EnvironmentOnDisk) -> None:
    running = stage.settle(files("shop", "blog"))
    stage.push(files("shop"))
    running.run(wait=1)
    stage.push(TAMPERED["nothing of it"](stage), "resolved")
    statuses = len(stage.trees("status"))
    running.run(wait=1)
    told = stage.git("show", f"status~{len(stage.trees('status')) - statuses - 1}:status.yaml")
    assert "reason: ForeignLock" in told
    assert "removing:" in told
