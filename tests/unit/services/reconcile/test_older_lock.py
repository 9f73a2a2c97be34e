"""An Environment whose lock is of the older format: read as it was, and rendered anew once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.audit.lock_audit import audit_lock
from reconciler.domain.audit.tree_audit import audit_tree, expected_tree
from reconciler.domain.locking.lock_diff import diff_locks
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import dump, load, load_all
from reconciler.model.layout import LOCK_FILE
from reconciler.model.lock import FORMAT, OLDER_FORMAT, EnvironmentLock, entry_digest
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.git_server import git
from tests.support.older_repository import older_repository

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.source import Source


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


def test_a_commit_of_the_older_format_is_audited_as_it_was_made(tmp_path: Path) -> None:
    origin = older_repository(tmp_path / "env.git")
    paths = git(origin, "ls-tree", "-r", "--name-only", "resolved").splitlines()
    files = {path: (git(origin, "show", f"resolved:{path}") + "\n").encode() for path in paths}
    source = load(files[LOCK_FILE], LOCK_FILE)
    lock, problems = parse_document(source, EnvironmentLock)
    assert lock is not None, problems
    policies = TrustPolicies(())

    def read(path: str) -> tuple[Source, ...]:
        return load_all(files[path], path) if path in files else ()

    tree = expected_tree(lock, {path.split("/")[1] for path in files if path != LOCK_FILE}, read, policies.keys)
    assert list(audit_tree(lock, tree, files, read, dump)) == []
    assert {problem.code for _, problem in audit_lock(source, lock, policies)} == {"Untrusted"}, "there is no policy at hand"
