"""Branches and clones that others move, damage or delete between and during passes."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.model.errors import ConcurrentUpdateError, ConfigurationError, ForeignLockError, NotFoundError
from reconciler.model.layout import CONFIRMED
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import application, files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import DOWN, FakeCatalog, verified
from tests.support.git_server import GitServer, hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint


# Somebody else writes our branches


class RacingCatalog(FakeCatalog):
    """A Catalog during whose answers somebody moves branches, for each in `plan` once."""

    def __init__(self, *blueprints: VerifiedBlueprint) -> None:
        super().__init__(*blueprints)
        self.stage: EnvironmentOnDisk | None = None
        self.plan: list[str] = []

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        for branch in self.plan if self.stage else []:
            assert self.stage is not None
            self.stage.push({"rubbish": "by somebody"}, branch)
        self.plan = []
        return super().get(catalog, name, version, digest)


@pytest.mark.parametrize("branch", ["resolved", "status"])
@pytest.mark.parametrize("before", [False, True])
def test_a_branch_that_moves_during_a_pass_is_not_overwritten_unseen(tmp_path: Path, branch: str, before: bool) -> None:
    shelf = RacingCatalog(verified("bp-shop", "1.0.0"), verified("bp-blog", "1.0.0"))
    stage = EnvironmentOnDisk(tmp_path, shelf=shelf)
    reconciliation = stage.settle(files("shop")) if before else stage.start()
    stage.push(files("shop") | {"applications/blog.yaml": application("blog", "bp-blog")})
    shelf.stage, shelf.plan = stage, [branch]
    with pytest.raises(ConcurrentUpdateError):
        reconciliation.run(wait=1)
    assert stage.paths(branch) == ["rubbish"]
    assert branch in reconciliation.run(wait=1).pushed
    assert "rubbish" not in stage.paths(branch)
    assert [p.application for p in stage.lock().packages] == ["blog", "shop"]
    assert reconciliation.run(wait=1).pushed == ()


class RacingRepository(Repository):
    """A repository in which somebody pushes between a look and its fetch, a number of times."""

    moves = 0

    def fetch(self, wanted: Mapping[str, str]) -> None:
        if self.moves:
            self.moves -= 1
            raise ConcurrentUpdateError("it moved while it was fetched")
        super().fetch(wanted)


@pytest.mark.parametrize(("moves", "seen"), [(2, True), (3, False)])
def test_a_branch_that_moves_during_a_look_is_looked_at_again(tmp_path: Path, moves: int, seen: bool) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    main = stage.push(files("shop"))
    hasty = RacingRepository(stage.folder / "hasty", stage.origin.as_uri())
    hasty.moves, branches = moves, EnvironmentBranches(hasty)
    with contextlib.nullcontext() if seen else pytest.raises(ConcurrentUpdateError):
        branches.refresh()
    assert branches.head("main") == (main if seen else None)


def no_lock(stage: EnvironmentOnDisk, branch: str) -> None:
    stage.git("update-ref", "-d", f"refs/heads/{branch}")
    stage.push({"a": "rubbish"}, branch)


def broken_file(stage: EnvironmentOnDisk, branch: str) -> None:
    stage.push({"environment.lock.yaml": "packages: [", "status.yaml": "conditions: ["}, branch)


def hollow_file(stage: EnvironmentOnDisk, branch: str) -> None:
    lock = "kind: EnvironmentLock\nmetadata: {name: acme-prod}\n"
    status = "kind: EnvironmentStatus\nmetadata: {name: acme-prod}\ninput: x\nconditions: []\n"
    stage.push({"environment.lock.yaml": lock, "status.yaml": status}, branch)


def deleted(stage: EnvironmentOnDisk, branch: str) -> None:
    stage.git("update-ref", "-d", f"refs/heads/{branch}")


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("branch", ["resolved", "status"])
@pytest.mark.parametrize("damage", [no_lock, broken_file, hollow_file, deleted])
def test_a_branch_of_ours_that_was_damaged_is_repaired(
    stage: EnvironmentOnDisk, damage: object, branch: str, restart: bool
) -> None:
    assert callable(damage)
    reconciliation = stage.settle(files("blog", "shop"))
    tree = stage.trees(branch)[0]
    damage(stage, branch)
    reconciliation = stage.start() if restart else reconciliation
    assert branch in reconciliation.run().pushed
    if branch == "resolved":
        assert stage.trees(branch)[0] == tree
    assert reconciliation.run().pushed == ()
    assert condition_of(stage, "Ready") == ("True", "AllReady")


def test_no_version_moves_because_somebody_deleted_the_lock(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.git("update-ref", "-d", "refs/heads/resolved")
    assert "resolved" in reconciliation.run().pushed
    assert stage.lock().packages[0].version == "1.0.0"


def test_a_broken_lock_is_not_taken_for_good_because_its_commit_claims_to_be(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    own = stage.head("resolved")
    stage.push({"environment.lock.yaml": "["}, "resolved", stage.message("resolved"))
    stage.shelf.down = DOWN
    stage.start().run(wait=1)
    assert stage.head("resolved") == own
    assert condition_of(stage, "Resolved")[0] == "True"


def test_rewritten_history_of_main_is_followed(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    stage.git("update-ref", "-d", "refs/heads/main")
    main = stage.push(files("blog"))
    outcome = reconciliation.run()
    assert (outcome.main, outcome.pushed) == (main, ("resolved", "status"))


# A server that turns a push down


def test_a_server_that_rejects_resolved_is_quoted_and_asked_again(stage: EnvironmentOnDisk) -> None:
    with GitServer(stage.origin.parent).running() as server:
        stage.url = f"{server.url}/env.git"
        hook(stage.origin, "update", 'case "$1" in */resolved) echo the rule says no >&2; exit 1;; esac')
        stage.push(files("shop"))
        reconciliation = stage.start()
        outcome = reconciliation.run(wait=1)
        assert outcome.pushed == ("status",)
        assert condition_of(stage, "Committed") == ("Unknown", "Rejected")
        assert "the rule says no" in stage.status().condition("Committed").message
        assert condition_of(stage, "Resolved")[0] == "True"
        pushes = sum("git-receive-pack" in line for line in server.requests)
        assert reconciliation.run(fetch=False).blocker == outcome.blocker
        assert sum("git-receive-pack" in line for line in server.requests) == pushes
        assert reconciliation.run().pushed == ()
        (stage.origin / "hooks" / "update").unlink()
        assert reconciliation.run().pushed == ("resolved", "status")
        assert condition_of(stage, "Committed") == ("True", "Committed")


def tampered_with(stage: EnvironmentOnDisk) -> None:
    lock, message = stage.show("resolved", "environment.lock.yaml"), stage.message("resolved")
    (stage.origin / "index").unlink(missing_ok=True)
    stage.push({"environment.lock.yaml": f"{lock}\n", "clusters/elsewhere/evil.yaml": "kind: Secret"}, "resolved", message)
    hook(stage.origin, "update", 'case "$1" in */resolved) echo not today >&2; exit 1;; esac')


def test_a_rejected_repair_is_not_reported_as_committed(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    tampered_with(stage)
    with GitServer(stage.origin.parent).running() as server:  # which gives out no commit by its id
        stage.url = f"{server.url}/env.git"
        stage.start().run(wait=1)
    assert condition_of(stage, "Committed") == ("Unknown", "Rejected")


def test_a_foreign_head_that_cannot_be_put_back_is_told_once(stage: EnvironmentOnDisk) -> None:
    with GitServer(stage.origin.parent).running() as server:
        stage.url = f"{server.url}/env.git"
        reconciliation = stage.settle(files("shop"))
        tampered_with(stage)
        with pytest.raises(ForeignLockError, match="not today"):
            reconciliation.run(wait=1)
        statuses = stage.trees("status")
        assert condition_of(stage, "Ready") == ("Unknown", "ForeignLock")
        with pytest.raises(ForeignLockError):
            reconciliation.run(wait=1)
        assert stage.trees("status") == statuses


def test_a_server_that_is_away_raises_and_nothing_is_lost(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    away = stage.origin.rename(stage.origin.with_name("away"))
    with pytest.raises(NotFoundError):
        reconciliation.run()
    with pytest.raises(NotFoundError):
        reconciliation.run(fetch=False)
    away.rename(stage.origin)
    assert reconciliation.run().pushed == ()


# The local clone


def test_a_clone_deleted_between_passes_costs_only_time(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    before = stage.everything()
    for _ in range(2):
        shutil.rmtree(stage.clone)
        assert reconciliation.run().pushed == ()
    assert stage.everything() == before
    shutil.rmtree(stage.clone)
    stage.push(files("blog", "shop"))
    assert reconciliation.run().pushed == ("resolved", "status")


def test_a_clone_that_is_rubbish_costs_only_time(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    shutil.rmtree(stage.clone)
    stage.clone.write_text("not a folder")
    with pytest.raises(ConfigurationError):
        reconciliation.run()
    stage.clone.unlink()
    stage.clone.mkdir()
    assert reconciliation.run().pushed == ()


def test_a_repository_that_does_not_exist_is_a_fault(stage: EnvironmentOnDisk, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Repository(tmp_path / "clone", (tmp_path / "nowhere.git").as_uri()).heads()
    stage.url = Path(tmp_path / "nowhere.git").as_uri()
    with pytest.raises(NotFoundError):
        stage.start().run()


def test_a_branch_that_is_called_like_a_ref_is_none(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    stage.settle(files("shop"))
    stage.git("update-ref", CONFIRMED, stage.head("status") or "")
    stage.push({"README.md": "words"}, branch=CONFIRMED)
    with GitServer(stage.origin.parent).running() as server:
        stage.url = server.url + "/env.git"
        assert stage.start().run(wait=1).pushed == ()
