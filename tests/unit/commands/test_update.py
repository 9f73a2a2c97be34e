"""Moving locked versions when somebody asks for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.commands.update import Update, outdated, update
from reconciler.model.errors import NotFoundError
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import application, files, open_gate
from tests.support.environments import AROUND, EnvironmentOnDisk
from tests.support.fakes import verified

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def stage(tmp_path: Path) -> EnvironmentOnDisk:
    """Two Applications that are locked to 1.0.0, and 1.1.0 is there since."""
    stage = EnvironmentOnDisk(tmp_path)
    stage.push(files("shop") | {"applications/site.yaml": application("site", version="'*'")})
    stage.start().run(wait=1)
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    return stage


def world(stage: EnvironmentOnDisk) -> ReconcileContext:
    return ReconcileContext(stage.shelf, stage.fleet, stage.policies, lambda _: AROUND)


def branches(stage: EnvironmentOnDisk) -> EnvironmentBranches:
    return EnvironmentBranches(Repository(stage.folder / "own", stage.origin.as_uri()))


def asked(stage: EnvironmentOnDisk, *names: str, push: bool = True) -> Update:
    return update(stage.identity, branches(stage), world(stage), names, open_gate(), push=push)


def locked(stage: EnvironmentOnDisk) -> dict[str, str]:
    return {p.application: p.version for p in stage.lock().packages}


def test_a_pass_moves_nothing_and_an_update_what_was_named(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    assert locked(stage) == {"shop": "1.0.0", "site": "1.0.0"}
    found = asked(stage, "shop")
    assert found.lines == ("~ shop: bp-shop 1.0.0 -> 1.1.0",)
    assert found.commit == stage.head("resolved")
    assert locked(stage) == {"shop": "1.1.0", "site": "1.0.0"}
    assert "Lock-Digest: sha256:" in stage.message("resolved")
    assert reconciliation.run(wait=1).pushed == ("status",), "a reconciler that runs meanwhile takes it as it is"
    assert locked(stage) == {"shop": "1.1.0", "site": "1.0.0"}


def test_without_names_all_that_can_moves(stage: EnvironmentOnDisk) -> None:
    assert len(asked(stage).lines) == 2
    assert asked(stage) == Update()


def test_a_dry_run_writes_nothing(stage: EnvironmentOnDisk) -> None:
    before = stage.everything()
    found = asked(stage, push=False)
    assert (len(found.lines), found.commit) == (2, None)
    assert stage.everything() == before


def test_it_moves_within_ranges_only(stage: EnvironmentOnDisk) -> None:
    stage.shelf.put(verified("bp-shop", "2.0.0"))
    asked(stage)
    assert locked(stage) == {"shop": "1.1.0", "site": "2.0.0"}


def test_what_was_passed_over_is_told(stage: EnvironmentOnDisk) -> None:
    stage.shelf.put_unsigned("bp-shop", "1.2.0")
    found = asked(stage, "shop")
    assert [p.code for p in found.warnings] == ["PassedOver"]
    assert "bp-shop 1.2.0 is passed over for 1.1.0: it has no signature" in found.warnings[0].message


def test_a_commit_that_cannot_be_resolved_is_not_updated(stage: EnvironmentOnDisk) -> None:
    stage.push(files("site") | {"applications/shop.yaml": application("shop", version="^9")})
    before = stage.head("resolved")
    found = asked(stage)
    assert found.blocker is not None
    assert (found.blocker.reason, stage.head("resolved")) == ("NoVersion", before)


def test_names_that_are_not_there_are_refused(stage: EnvironmentOnDisk, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no Application shpo \(did you mean shop\?\)"):
        asked(stage, "shpo")
    fresh = EnvironmentOnDisk(tmp_path / "fresh")
    fresh.push(files("shop"))
    with pytest.raises(NotFoundError, match="nothing is resolved yet"):
        asked(fresh)


def test_outdated_says_what_an_update_would_do_and_what_it_would_not(stage: EnvironmentOnDisk) -> None:
    stage.shelf.put(verified("bp-shop", "2.0.0-rc.1"))
    stage.shelf.put_unsigned("bp-shop", "2.0.0")
    rows, blocker = outdated(stage.identity, branches(stage), world(stage))
    assert blocker is None
    assert [(o.package.application, o.package.version, o.in_range, o.newest, o.blocked_by) for o in rows] == [
        ("shop", "1.0.0", "1.1.0", "2.0.0", "it has no signature"),
        ("site", "1.0.0", "1.1.0", "2.0.0", "it has no signature"),
    ]


def test_nothing_is_outdated_in_the_newest_versions(stage: EnvironmentOnDisk) -> None:
    asked(stage)
    assert outdated(stage.identity, branches(stage), world(stage)) == ((), None)


def test_outdated_knows_a_build_from_a_pre_release(stage: EnvironmentOnDisk) -> None:
    stage.shelf.put(verified("bp-shop", "1.2.0+build-7"))
    rows, _ = outdated(stage.identity, branches(stage), world(stage))
    assert [(o.package.application, o.newest) for o in rows] == [("shop", "1.2.0+build-7"), ("site", "1.2.0+build-7")]
