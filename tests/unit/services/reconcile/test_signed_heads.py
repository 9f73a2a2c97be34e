"""Where commits are signed, only what is signed is the reconciler's own; what a new key finds is adopted once."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.commit_keys import CommitKeys
from reconciler.adapters.git import Repository
from reconciler.commands.audit import snapshot_of_branch
from reconciler.commands.update import update
from reconciler.model.errors import ConfigurationError
from reconciler.model.layout import CONFIRMED, LOCK_FILE
from reconciler.model.trailers import INPUT_COMMIT, LOCK_DIGEST, trailer_lines
from reconciler.services.admission.admission_record import AdmissionRecords
from reconciler.services.admission.soak_history import SoakHistory
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import CLUSTER, application, files, open_gate
from tests.support.environments import AROUND, EnvironmentOnDisk, condition_of
from tests.support.fakes import FakeCatalog, verified
from tests.support.older_repository import older_repository
from tests.support.signing import allowed_signers, git_verifies, new_keys

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.services.repository.ports import GitRepository


@pytest.fixture
def stage(tmp_path: Path) -> EnvironmentOnDisk:
    return EnvironmentOnDisk(tmp_path, shelf=FakeCatalog(verified("bp-shop", "1.0.0")), keys=new_keys(tmp_path / "key"))


def reading(stage: EnvironmentOnDisk, *, history: bool = False) -> GitRepository:
    return Repository(stage.folder / f"reader-{time.time_ns()}", stage.origin.as_uri(), keys=stage.keys, history=history)


def forge(stage: EnvironmentOnDisk, branch: str, **changes: str) -> str:
    """Copy the head of a branch with the reconciler's committer and trailers, unsigned."""
    content = {path: stage.show(branch, path) + "\n" for path in stage.paths(branch)}
    forger = Repository(stage.folder / f"forger-{time.time_ns()}", stage.origin.as_uri())
    heads = forger.heads()
    forger.fetch({branch: heads[branch]})
    changed = {path: text.encode() for path, text in (content | changes).items()}
    commit = forger.write(changed, parent=heads[branch], message=stage.message(branch), time=int(time.time()) + 1)
    forger.push(commit.id, branch, expect=heads[branch])
    return commit.id


def test_everything_that_is_pushed_is_signed(stage: EnvironmentOnDisk, tmp_path: Path) -> None:
    assert stage.keys is not None
    stage.settle(files("shop"))
    allowed = allowed_signers(tmp_path / "allowed", stage.keys)
    commits = stage.git("rev-list", "resolved", "status").split()
    assert commits
    assert all(git_verifies(stage.origin, commit, allowed) for commit in commits)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("branch", ["resolved", "status"])
def test_a_forgery_in_all_but_the_signature_is_put_back(stage: EnvironmentOnDisk, branch: str, *, restarted: bool) -> None:
    running = stage.settle(files("shop"))
    own = stage.head(branch)
    forge(stage, branch, **{f"clusters/{CLUSTER}/evil.yaml": "kind: Secret\n"})
    (stage.start() if restarted else running).run(wait=1)
    assert own in stage.git("rev-list", branch).split()
    assert f"clusters/{CLUSTER}/evil.yaml" not in stage.paths(branch)
    if branch == "resolved":
        assert stage.head(branch) == own


@pytest.mark.parametrize("restarted", [False, True])
def test_what_the_key_signed_for_another_environment_is_not_this_ones(stage: EnvironmentOnDisk, *, restarted: bool) -> None:
    """One key signs for all Environments of a reconciler: whoever may write to two of them could carry a head over."""
    running = stage.settle(files("shop"))
    own, packages = stage.head("resolved"), stage.lock().packages
    content = {path: (stage.show("resolved", path) + "\n").encode() for path in stage.paths("resolved")}
    lock = content[LOCK_FILE] = content[LOCK_FILE].replace(b"name: acme-prod", b"name: acme-test")
    message = "resolve\n\n" + trailer_lines(
        (INPUT_COMMIT, str(stage.head("main"))), (LOCK_DIGEST, "sha256:" + hashlib.sha256(lock).hexdigest())
    )
    other = Repository(stage.folder / "other", stage.origin.as_uri(), keys=stage.keys)
    elsewhere = other.write(content, parent=None, message=message, time=int(time.time()) + 1)
    other.push(elsewhere.id, "resolved", expect=own)
    (stage.start() if restarted else running).run(wait=1)
    assert (stage.lock().metadata.name, stage.lock().packages) == ("acme-prod", packages)
    assert "ForeignLock" in "".join(stage.git("log", "-p", "--format=", "status"))
    if not restarted:
        assert stage.head("resolved") == own


def test_a_key_adopts_a_repository_of_an_earlier_version_in_one_commit(stage: EnvironmentOnDisk) -> None:
    older_repository(stage.origin)
    before, statuses, commits = stage.lock(), len(stage.trees("status")), len(stage.trees("resolved"))
    head, last = stage.head("resolved"), stage.head("status")
    stage.fleet.run_all(before)
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    assert [package.digest for package in stage.lock().packages] == [package.digest for package in before.packages]
    assert len(stage.trees("resolved")) == commits + 1
    assert len(stage.trees("status")) == statuses + 1
    assert f"Adopted: {head}" in stage.message("resolved")
    assert f"Adopted: {last}" in stage.message("status")
    stage.fleet.run_all(stage.lock())
    for restarted in (reconciliation, stage.start()):
        restarted.run(wait=1)
    assert len(stage.trees("resolved")) == commits + 1
    assert "ForeignLock" not in "".join(stage.git("show", f"status~{n}:status.yaml") for n in range(2))
    assert condition_of(stage, "Ready") == ("True", "AllReady")


@pytest.mark.parametrize("main", ["stays", "is refused"])
def test_what_is_current_is_adopted_whatever_main_is(tmp_path: Path, main: str) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    stage.settle(files("shop"))
    tree, commits = stage.trees("resolved")[0], len(stage.trees("resolved"))
    if main == "is refused":
        stage.push(files("shop") | {"applications/x.yaml": "nonsense: ["})
    stage.keys = new_keys(tmp_path / "key")
    running = stage.start()
    running.run(wait=1)
    assert stage.trees("resolved")[0] == tree
    assert len(stage.trees("resolved")) == commits + 1
    everything = stage.everything()
    running.run(wait=1)
    stage.start().run(wait=1)
    assert stage.everything() == everything
    assert condition_of(stage, "Ready")[0] == "True"


def test_a_head_that_does_not_agree_with_status_is_not_adopted(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    stage.settle(files("shop"))
    forge(stage, "resolved", **{f"clusters/{CLUSTER}/evil.yaml": "kind: Secret\n"})
    forge(stage, "resolved", **{f"clusters/{CLUSTER}/evil.yaml": "kind: Secret # again\n"})
    stage.keys = new_keys(tmp_path / "key")
    stage.start().run(wait=1)
    assert f"clusters/{CLUSTER}/evil.yaml" not in stage.paths("resolved")
    assert "ForeignLock" in stage.git("show", "status~1:status.yaml")


def test_nothing_is_adopted_a_second_time(stage: EnvironmentOnDisk) -> None:
    """Both branches are taken back to before the key, when another version was locked."""
    keys, stage.keys = stage.keys, None
    stage.settle(files("shop"))
    old = {branch: str(stage.head(branch)) for branch in ("resolved", "status")}
    stage.keys = keys
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.push(files("shop") | {"applications/shop.yaml": application("shop", version="^1.1")})
    running = stage.start()
    running.run(wait=1)
    stage.push(files("shop"))
    running.run(wait=1)
    own = stage.head("resolved")
    assert own is not None
    for branch, commit in old.items():
        stage.git("update-ref", f"refs/heads/{branch}", commit)
    running.run(wait=1)
    assert stage.head("resolved") == own
    assert stage.lock().packages[0].version == "1.1.0"


@pytest.mark.parametrize("what", ["an earlier time", "no signature", "deleted"])
def test_after_a_restart_what_is_kept_beats_whatever_agrees(stage: EnvironmentOnDisk, what: str) -> None:
    keys = stage.keys
    if what == "no signature":
        stage.keys = None
    stage.settle(files("shop"))
    old = {ref: str(stage.git("rev-parse", ref)) for ref in ("refs/heads/resolved", "refs/heads/status")}
    stage.keys = keys
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.push(files("shop") | {"applications/shop.yaml": application("shop", version="^1.1")})
    stage.start().run(wait=1)
    stage.push(files("shop"))
    stage.start(keep=True).run(wait=1)
    own = stage.head("resolved")
    stage.git("update-ref", "-d", CONFIRMED)
    for ref, commit in old.items():
        stage.git("update-ref", *(("-d", ref) if what == "deleted" else (ref, commit)))
    stage.start(keep=True).run(wait=1)
    assert stage.head("resolved") == own
    assert stage.lock().packages[0].version == "1.1.0"
    assert "ForeignLock" in "".join(stage.git("log", "-p", "--format=", "status"))


def test_another_key_signs_the_heads_anew_and_their_history_counts(stage: EnvironmentOnDisk, tmp_path: Path) -> None:
    stage.settle(files("shop"))
    assert stage.keys is not None
    before, commits = stage.keys, len(stage.trees("resolved"))
    stage.keys = new_keys(tmp_path / "next", str(before.public_key))
    stage.start().run(wait=1)
    assert len(stage.trees("resolved")) == commits + 1
    stage.keys = new_keys(tmp_path / "next")
    everything = stage.everything()
    stage.start().run(wait=1)
    assert stage.everything() == everything
    clone = reading(stage, history=True)
    clone.fetch({"resolved": str(stage.head("resolved"))})
    assert len(AdmissionRecords(clone).read(stage.head("resolved")).inputs) == 1


def test_a_soak_survives_a_key_and_counts_nothing_that_others_wrote(tmp_path: Path) -> None:
    stage, hour = EnvironmentOnDisk(tmp_path), 3600
    now = int(time.time())
    stage.settle(files("shop"))
    digest = stage.lock().packages[0].digest
    status = {path: (stage.show("status", path) + "\n").encode() for path in stage.paths("status")}
    writer = Repository(tmp_path / "writer", stage.origin.as_uri())
    began = writer.write(status, parent=None, message=stage.message("status"), time=now - 10 * hour)
    confirmed = writer.write(status, parent=None, message="the status is current", time=now - 5)
    writer.push(began.id, "status", expect=stage.head("status"))
    writer.push(confirmed.id, CONFIRMED, expect=writer.heads().get(CONFIRMED))
    stage.keys = new_keys(tmp_path / "key")
    stage.start().run(wait=1)
    assert "Unwatched-Since" not in stage.message("status")

    def soaked() -> int:
        (soak,) = SoakHistory("acme-prod", reading(stage, history=True), confirm=300).soaked([digest], enough=10**9, now=now + 10)
        return soak.seconds

    assert 10 * hour <= soaked() <= 10 * hour + 60
    forger = Repository(tmp_path / "forger", stage.origin.as_uri())
    forger.fetch({"status": str(stage.head("status"))})
    older = forger.write(status, parent=None, message=stage.message("status"), time=now - 1000 * hour)
    forger.push(older.id, "status", expect=stage.head("status"))
    assert soaked() == 0, "nothing is signed of it"


def test_a_forged_confirmation_does_not_count(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    status = {path: (stage.show("status", path) + "\n").encode() for path in stage.paths("status")}
    forger = Repository(stage.folder / "forger", stage.origin.as_uri())
    forged = forger.write(status, parent=None, message="the status is current\n", time=int(time.time()) - 1)
    forger.push(forged.id, CONFIRMED, expect=forger.heads().get(CONFIRMED))
    said = int(stage.git("log", "-1", "--format=%ct", "status"))
    branches = EnvironmentBranches(reading(stage))
    branches.refresh()
    assert branches.last_confirmed() == said


def test_without_the_key_nothing_is_pushed(stage: EnvironmentOnDisk) -> None:
    assert stage.keys is not None
    stage.settle(files("shop"))
    stage.keys = CommitKeys.read(None, [str(stage.keys.public_key)])
    stage.push(files("shop", "blog"))
    everything = stage.git("for-each-ref")
    with pytest.raises(ConfigurationError, match=r"signing\.keyFile"):
        stage.start().run(wait=1)
    assert stage.git("for-each-ref") == everything


def test_the_commit_that_ends_a_removal_is_signed_and_own(stage: EnvironmentOnDisk, tmp_path: Path) -> None:
    assert stage.keys is not None
    stage.settle(files("shop", "blog"))
    running = stage.start()
    stage.push(files("shop"))
    running.run(wait=1)
    del stage.fleet.releases[CLUSTER, "blog"]
    running.run(wait=1)
    assert stage.message("resolved").splitlines()[-1] == "Removed: blog"
    assert git_verifies(stage.origin, str(stage.head("resolved")), allowed_signers(tmp_path / "allowed", stage.keys))
    everything = stage.everything()
    stage.start().run(wait=1)
    assert stage.everything() == everything


def test_an_update_without_the_key_is_refused_before_anything_is_pushed(stage: EnvironmentOnDisk) -> None:
    assert stage.keys is not None
    stage.settle(files("shop"))
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    world = ReconcileContext(stage.shelf, stage.fleet, stage.policies, lambda _: AROUND)
    stage.keys, key = CommitKeys.read(None, [str(stage.keys.public_key)]), stage.keys
    everything = stage.git("for-each-ref")
    with pytest.raises(ConfigurationError, match=r"signing\.keyFile"):
        update(stage.identity, EnvironmentBranches(reading(stage)), world, ("shop",), open_gate(), push=True)
    assert stage.git("for-each-ref") == everything
    assert update(stage.identity, EnvironmentBranches(reading(stage)), world, ("shop",), open_gate(), push=False).lines
    stage.keys = key
    update(stage.identity, EnvironmentBranches(reading(stage)), world, ("shop",), open_gate(), push=True)
    assert git_verifies(stage.origin, str(stage.head("resolved")), allowed_signers(stage.folder / "allowed", key))
    head = stage.head("resolved")
    stage.start().run(wait=1)
    assert stage.head("resolved") == head


def test_an_audit_names_a_head_without_a_signature(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    assert snapshot_of_branch(reading(stage), signed=True).problems == ()
    forged = forge(stage, "resolved")
    (problem,) = snapshot_of_branch(reading(stage), signed=True).problems
    assert problem.code == "ForeignCommit"
    assert forged in problem.message
