"""An Environment whose lock is of the older format: read as it was, and rendered anew once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.locking.lock_diff import diff_locks
from reconciler.model.lock import FORMAT, OLDER_FORMAT, entry_digest
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.older_repository import older_repository

if TYPE_CHECKING:
    from pathlib import Path


def test_a_repository_of_the_older_format_gets_one_commit_that_changes_no_application(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    older_repository(stage.origin)
    before = stage.lock()
    assert before.api_version == OLDER_FORMAT
    assert [package.entry for package in before.packages] == [entry_digest(before, package) for package in before.packages]
    stage.fleet.run_all(before)
    commits = len(stage.trees("resolved"))

    reconciliation = stage.start()
    reconciliation.run(wait=1)
    after = stage.lock()
    assert after.api_version == FORMAT
    assert stage.message("resolved").startswith("acme-prod: 1 Applications, rendered again\n")
    assert diff_locks(before, after) == ()
    assert condition_of(stage, "Ready")[0] == "False", "Flux has not applied it yet"

    stage.fleet.run_all(after)
    for _ in range(3):
        reconciliation.run(wait=1)
    assert len(stage.trees("resolved")) == commits + 1
    assert condition_of(stage, "Ready") == ("True", "AllReady")
