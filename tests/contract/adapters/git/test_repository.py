from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import HealthCheck, given, settings

from reconciler.adapters.git import Repository
from reconciler.formats.git_objects import tree_id
from reconciler.model.errors import (
    ConcurrentUpdateError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)
from reconciler.model.git import GitCredentials, Snapshot
from tests.support.git_contents import tree_contents
from tests.support.git_server import GitServer, bare, commit, commit_tree, git, hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADA = GitCredentials("ada", "s3cret")
FILES = {"environment.lock.yaml": b"lock", "clusters/one/shop.yaml": b"shop"}


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return bare(tmp_path / "served" / "env.git")


@pytest.fixture
def server(origin: Path) -> Iterator[GitServer]:
    with GitServer(origin.parent).running() as server:
        yield server


@pytest.fixture(params=["http", "file", "path"])
def repository(request: pytest.FixtureRequest, tmp_path: Path, origin: Path) -> Repository:
    if request.param == "http":
        return Repository(tmp_path / "clone", request.getfixturevalue("server").url + "/env.git")
    return Repository(tmp_path / "clone", origin.as_uri() if request.param == "file" else str(origin))


def tip(origin: Path, branch: str) -> str:
    return git(origin, "rev-parse", f"refs/heads/{branch}")


# Reading


def test_heads_are_the_servers_branches_and_nothing_else(repository: Repository, origin: Path) -> None:
    assert repository.heads() == {}
    first, plan = commit(origin, "main", {"a": "1"}), commit(origin, "plan/pr-1", {"a": "2"})
    git(origin, "tag", "v1", "main")
    assert repository.heads() == {"main": first, "plan/pr-1": plan}


def test_a_fetched_commit_is_read_whole(repository: Repository, origin: Path) -> None:
    first = commit(origin, "main", {"a": "1"})
    second = commit(origin, "main", {"a": "2", "b/c": "3"}, "two\n\nInput-Commit: é")
    repository.fetch({"main": second})
    assert repository.read(second).files == {"a": b"2", "b/c": b"3"}
    found = repository.commit_of(second)
    assert (found.id, found.parents, found.message) == (second, (first,), "two\n\nInput-Commit: é\n")
    assert found.tree == git(origin, "rev-parse", "main^{tree}")
    assert str(found.time) == git(origin, "log", "-1", "--format=%ct", "main")


def test_rewritten_history_is_followed(repository: Repository, origin: Path) -> None:
    tips = [commit(origin, "main", {"a": str(each)}) for each in range(4)]
    repository.fetch({"main": tips[-1]})
    for old in (tips[0], tips[2], tips[1]):
        git(origin, "update-ref", "refs/heads/main", old)
        repository.fetch(repository.heads())
        assert repository.read(old).files == {"a": str(tips.index(old)).encode()}
    git(origin, "update-ref", "-d", "refs/heads/main")
    again = commit(origin, "main", {"z": "new root"})
    repository.fetch(repository.heads())
    assert repository.read(again).files == {"z": b"new root"}


def test_a_branch_that_moved_or_went_since_it_was_seen(repository: Repository, origin: Path) -> None:
    gone = commit(origin, "main", {"a": "1"})
    git(origin, "update-ref", "-d", "refs/heads/main")
    with pytest.raises(ConcurrentUpdateError, match="main"):
        repository.fetch({"main": gone})
    commit(origin, "main", {"a": "2"})
    with pytest.raises(ConcurrentUpdateError, match="main"):
        repository.fetch({"main": "1" * 40})


@pytest.mark.parametrize("id_", ["1" * 40, "main", "", "HEAD", "\x1b[31m"])
def test_a_commit_that_is_not_here_is_missing(repository: Repository, id_: str) -> None:
    for ask in (repository.commit_of, repository.read):
        with pytest.raises(NotFoundError, match="not in the local clone") as caught:
            ask(id_)
        assert str(caught.value).isprintable()


def test_a_tree_is_not_a_commit(repository: Repository, origin: Path) -> None:
    id_ = commit(origin, "main", {"a": "1"})
    repository.fetch({"main": id_})
    with pytest.raises(NotFoundError):
        repository.commit_of(repository.commit_of(id_).tree)


def test_nothing_new_costs_one_request_and_new_things_bring_no_history(tmp_path: Path, origin: Path, server: GitServer) -> None:
    for each in range(5):
        commit(origin, "main", {"a": str(each)})
    repository = Repository(tmp_path / "clone", server.url + "/env.git")
    repository.fetch(repository.heads())
    assert git(tmp_path / "clone", "rev-list", "--count", "refs/remotes/origin/main") == "1"
    server.requests.clear()
    repository.fetch(repository.heads())
    assert server.requests == ["GET /env.git/info/refs?service=git-upload-pack"]


def test_a_missing_repository_is_missing_and_a_later_one_is_found(repository: Repository, origin: Path) -> None:
    shutil.move(origin, origin.with_name("away"))
    for ask in (repository.heads, lambda: repository.fetch({"main": "1" * 40})):
        with pytest.raises(NotFoundError, match="no git repository"):
            ask()
    shutil.move(origin.with_name("away"), origin)
    assert repository.heads() == {}


# Writing


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree_contents)
def test_what_is_written_is_read(tmp_path: Path, files: dict[str, bytes]) -> None:
    repository = Repository(tmp_path / "clone", str(tmp_path))
    made = repository.write(files, parent=None, message="m", time=1)
    snapshot = repository.read(made.id)
    assert snapshot.files == files
    assert snapshot.problems == ()
    assert made.tree == tree_id(files)


def test_equal_inputs_give_equal_commits(tmp_path: Path) -> None:
    one, other = (Repository(tmp_path / name, str(tmp_path)) for name in ("one", "other"))
    made = one.write(FILES, parent=None, message="m", time=7)
    assert made == other.write(dict(reversed(FILES.items())), parent=None, message="m", time=7)
    assert made == one.commit_of(made.id)
    assert (made.time, made.parents, made.message) == (7, (), "m")
    assert made.id != one.write(FILES, parent=None, message="m", time=8).id


def test_a_parent_must_be_here(repository: Repository) -> None:
    with pytest.raises(NotFoundError):
        repository.write(FILES, parent="1" * 40, message="m", time=1)


def test_commits_are_pushed_one_on_the_other(repository: Repository, origin: Path) -> None:
    for each in range(3):  # the first time the old tip is fetched without its history
        commit(origin, "resolved", {"old": str(each)})
    repository.fetch(repository.heads())
    old = repository.heads()["resolved"]
    for each in range(3):
        made = repository.write({"n": str(each).encode()}, parent=old, message=f"{each}", time=each)
        repository.push(made.id, "resolved", expect=old)
        assert repository.heads()["resolved"] == made.id
        old = made.id
    assert git(origin, "log", "--format=%s %an", "resolved").splitlines()[:3] == [f"{n} Catalyst reconciler" for n in "210"]
    assert git(origin, "rev-list", "--count", "resolved") == "6"
    git(origin, "fsck", "--strict")


def test_a_new_branch_and_a_rewritten_one(repository: Repository, origin: Path) -> None:
    first, other = (repository.write(FILES, parent=None, message=text, time=1) for text in "ab")
    repository.push(first.id, "plan/pr-1", expect=None)
    repository.push(other.id, "plan/pr-1", expect=first.id)
    assert tip(origin, "plan/pr-1") == other.id


@pytest.mark.parametrize("there", [True, False])
def test_a_lost_lease_moves_nothing(repository: Repository, origin: Path, there: bool) -> None:
    made = repository.write(FILES, parent=None, message="m", time=1)
    theirs = commit(origin, "resolved", {"theirs": ""}) if there else None
    with pytest.raises(ConcurrentUpdateError, match="resolved"):
        repository.push(made.id, "resolved", expect=None if there else "1" * 40)
    assert repository.heads().get("resolved") == theirs


def test_another_push_between_our_look_and_our_write_is_noticed(tmp_path: Path, origin: Path, server: GitServer) -> None:
    repository = Repository(tmp_path / "clone", server.url + "/env.git")
    theirs, old = commit(origin, "main", {"theirs": ""}), commit(origin, "resolved", {"old": ""})
    hook(origin, "pre-receive", "unset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/resolved main")
    made = repository.write(FILES, parent=None, message="m", time=1)
    with pytest.raises(ConcurrentUpdateError, match="resolved"):
        repository.push(made.id, "resolved", expect=old)
    assert tip(origin, "resolved") == theirs


@pytest.mark.parametrize("name", ["pre-receive", "update"])
def test_a_hooks_refusal_carries_its_words(tmp_path: Path, origin: Path, server: GitServer, name: str) -> None:
    repository = Repository(tmp_path / "clone", server.url + "/env.git")
    hook(origin, name, "echo 'not on a' >&2; printf 'friday\\033[31m' >&2; yes | head -c 5000 >&2; echo bye >&2; exit 1")
    made = repository.write(FILES, parent=None, message="m", time=1)
    with pytest.raises(RejectedError, match=r"rejected the push to resolved: .*hook declined.*bye") as caught:
        repository.push(made.id, "resolved", expect=None)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2500
    assert repository.heads() == {}


def test_on_disk_no_hook_runs(tmp_path: Path, origin: Path) -> None:
    repository = Repository(tmp_path / "clone", origin.as_uri())
    hook(origin, "pre-receive", "exit 1")
    made = repository.write(FILES, parent=None, message="m", time=1)
    repository.push(made.id, "resolved", expect=None)
    assert tip(origin, "resolved") == made.id


def test_on_disk_only_a_bare_repository_is_pushed_to(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "work")
    repository = Repository(tmp_path / "clone", str(tmp_path / "work"))
    made = repository.write(FILES, parent=None, message="m", time=1)
    assert repository.heads() == {}
    with pytest.raises(ConfigurationError, match="work tree"):
        repository.push(made.id, "resolved", expect=None)


# The clone heals


def truncate_packs(clone: Path) -> None:
    for pack in clone.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        os.truncate(pack, 40)


def blank_packs(clone: Path) -> None:
    for pack in clone.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        content = pack.read_bytes()
        pack.write_bytes(content[:12] + bytes(len(content) - 12))


def lose_packs(clone: Path) -> None:
    shutil.rmtree(clone / "objects" / "pack")


def leave_locks(clone: Path) -> None:
    for name in ("refs/remotes/origin/main.lock", "config.lock", "shallow.lock", "HEAD.lock"):
        (clone / name).touch()


def half_make(clone: Path) -> None:
    shutil.rmtree(clone)
    (clone / "objects").mkdir(parents=True)


def replace_by_a_file(clone: Path) -> None:
    (clone / "HEAD").write_text("rubbish")


def garble_config(clone: Path) -> None:
    (clone / "config").write_text("[[[")


@pytest.mark.parametrize(
    "damage", [truncate_packs, blank_packs, lose_packs, leave_locks, half_make, replace_by_a_file, garble_config, shutil.rmtree]
)
@pytest.mark.parametrize("when", ["before a fetch", "before a read"])
def test_a_damaged_clone_is_made_anew(
    repository: Repository, tmp_path: Path, origin: Path, damage: Callable[[Path], None], when: str
) -> None:
    first = commit(origin, "main", {f"f{each}": str(each) * 100 for each in range(20)})
    repository.fetch({"main": first})
    if when == "before a read":
        damage(tmp_path / "clone")
        repository.fetch({"main": first})
        assert len(repository.read(first).files) == 20
    second = commit(origin, "main", {f"f{each}": str(each) * 100 for each in range(21)})
    if when == "before a fetch":
        damage(tmp_path / "clone")
    repository.fetch(repository.heads())
    assert len(repository.read(second).files) == 21
    made = repository.write(FILES, parent=second, message="m", time=1)
    repository.push(made.id, "resolved", expect=None)
    assert tip(origin, "resolved") == made.id


def test_a_read_restores_objects_lost_after_the_fetch(repository: Repository, tmp_path: Path, origin: Path) -> None:
    id_ = commit(origin, "main", {"a": "1"})
    repository.fetch({"main": id_})
    clone = tmp_path / "clone"
    blank_packs(clone)
    assert repository.read(id_).files == {"a": b"1"}


def test_a_push_from_a_damaged_clone_fails_as_transient(repository: Repository, tmp_path: Path) -> None:
    made = repository.write(FILES, parent=None, message="m", time=1)
    for loose in (tmp_path / "clone" / "objects").glob("??/*"):
        loose.chmod(0o644)
        loose.write_bytes(b"")
    with pytest.raises(UnavailableError, match="damaged"):
        repository.push(made.id, "resolved", expect=None)
    again = repository.write(FILES, parent=None, message="m", time=1)
    repository.push(again.id, "resolved", expect=None)
    assert repository.heads() == {"resolved": made.id}


def merging(tmp_path: Path, server: GitServer, origin: Path, ours: dict[str, str], theirs: dict[str, str]) -> Snapshot:
    """Commit something, then each side's files on top of it, and merge one into the other."""
    base = commit(origin, "main", {"environment.yaml": "one\ntwo\nthree\n", "applications/shop.yaml": "shop\n"})
    git(origin, "update-ref", "refs/heads/theirs", base)
    commit(origin, "theirs", theirs)
    commit(origin, "main", ours)
    repository = Repository(tmp_path / "clone", server.url + "/env.git", history=True)
    heads = repository.heads()
    repository.fetch({name: heads[name] for name in ("main", "theirs")})
    return repository.merge(heads["main"], heads["theirs"], ("environment.yaml", "applications/*.yaml"))


def test_a_merge_takes_both_sides(tmp_path: Path, origin: Path, server: GitServer) -> None:
    ours = {"environment.yaml": "ONE\ntwo\nthree\n", "applications/shop.yaml": "shop\n", "applications/new.yaml": "new\n"}
    found = merging(tmp_path, server, origin, ours, {"environment.yaml": "one\ntwo\nTHREE\n", "README.md": "words"})
    assert found.files == {"environment.yaml": b"ONE\ntwo\nTHREE\n", "applications/new.yaml": b"new\n"}
    assert found.problems == ()


def test_what_cannot_be_merged_is_told_by_its_file(tmp_path: Path, origin: Path, server: GitServer) -> None:
    odd = {"environment.yaml": "one\ntwo\nthree\n", "applications/shop.yaml": "ours\n", "a\u202eb": "x"}
    found = merging(tmp_path, server, origin, odd, {**odd, "applications/shop.yaml": "theirs\n", "a\u202eb": "y"})
    assert found.files == {}
    assert [(one.code, one.file) for one in found.problems] == [
        ("MergeConflict", "applications/shop.yaml"),
        ("MergeConflict", "a\\u202eb"),
    ]


def test_histories_that_have_nothing_in_common_are_not_merged(tmp_path: Path, origin: Path, server: GitServer) -> None:
    commit(origin, "main", {"environment.yaml": "ours"})
    commit(origin, "theirs", {"environment.yaml": "theirs"})
    repository = Repository(tmp_path / "clone", server.url + "/env.git", history=True)
    heads = repository.heads()
    repository.fetch(heads)
    (problem,) = repository.merge(heads["main"], heads["theirs"], ("environment.yaml",)).problems
    assert problem.code == "MergeConflict"


def test_a_branch_is_removed_if_it_is_where_it_was_seen(repository: Repository, origin: Path) -> None:
    first = commit(origin, "plan", {"a": "1"})
    second = commit(origin, "plan", {"a": "2"})
    with pytest.raises(ConcurrentUpdateError):
        repository.remove("plan", expect=first)
    assert repository.heads() == {"plan": second}
    repository.remove("plan", expect=second)
    assert repository.heads() == {}


def test_a_damaged_repository_on_disk_is_corrupt(tmp_path: Path, origin: Path) -> None:
    id_ = commit(origin, "main", {"a": "1"})
    shutil.rmtree(origin / "objects" / git(origin, "rev-parse", "main^{tree}")[:2])
    with pytest.raises(IntegrityError, match="right after it was created"):
        Repository(tmp_path / "clone", str(origin)).fetch({"main": id_})


def test_a_damaged_repository_on_a_server_is_the_servers_fault(tmp_path: Path, origin: Path, server: GitServer) -> None:
    id_ = commit(origin, "main", {"a": "1"})
    shutil.rmtree(origin / "objects" / git(origin, "rev-parse", "main^{tree}")[:2])
    with pytest.raises(UnavailableError):
        Repository(tmp_path / "clone", server.url + "/env.git").fetch({"main": id_})


def test_a_process_killed_in_mid_clone_costs_only_time(tmp_path: Path, origin: Path, server: GitServer) -> None:
    id_ = commit(origin, "main", {f"f{each}": os.urandom(20_000).hex() for each in range(100)})
    program = (
        "import sys, pathlib; from reconciler.adapters.git import Repository as R; R(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    program += ".fetch({'main': sys.argv[3]})"
    url = server.url + "/env.git"
    for delay in (0.1, 0.15, 0.2, 0.25, 0.3):
        child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "clone"), url, id_])
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
    repository = Repository(tmp_path / "clone", url)
    repository.fetch({"main": id_})
    assert len(repository.read(id_).files) == 100


def test_a_crowded_clone_is_made_anew(repository: Repository, tmp_path: Path, origin: Path) -> None:
    packs = tmp_path / "clone" / "objects" / "pack"
    id_ = commit(origin, "main", {"a": "1"})
    repository.fetch({"main": id_})
    for each in range(60):
        (packs / f"pack-{each}.pack").touch()
    repository.fetch({"main": id_})
    assert len(list(packs.glob("*.pack"))) == 1
    loose = tmp_path / "clone" / "objects" / "17"
    loose.mkdir()
    for each in range(30):
        (loose / f"{each}").touch()
    repository.fetch({"main": id_})
    assert not loose.exists()
    assert repository.read(id_).files == {"a": b"1"}


def test_a_clone_that_cannot_be_kept_is_a_matter_of_configuration(tmp_path: Path, origin: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "clone", tmp_path / "file"):
        with pytest.raises((ConfigurationError, IntegrityError), match="clone"):
            Repository(path, str(origin)).heads()


def open_files() -> int:
    return psutil.Process().num_fds()


def test_threads_work_side_by_side_and_leave_no_files_open(tmp_path: Path, server: GitServer) -> None:
    origins = [bare(tmp_path / "served" / f"{each}.git") for each in range(8)]
    repositories = [Repository(tmp_path / origin.stem, f"{server.url}/{origin.name}") for origin in origins]
    failures: list[BaseException] = []

    def work(repository: Repository, origin: Path) -> None:
        try:
            old = None
            for each in range(5):
                id_ = commit(origin, "main", {"a": str(each)})
                repository.fetch(repository.heads())
                made = repository.write(dict(repository.read(id_).files), parent=old, message="m", time=each)
                repository.push(made.id, "resolved", expect=old)
                old = made.id
        except BaseException as error:
            failures.append(error)
            raise

    before = open_files()
    threads = [threading.Thread(target=work, args=pair) for pair in zip(repositories, origins, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    until = time.monotonic() + 5
    while open_files() > before and time.monotonic() < until:
        time.sleep(0.01)  # the server closes its ends a moment later
    assert open_files() <= before
    assert {repository.heads()["resolved"] for repository in repositories} == {tip(origin, "resolved") for origin in origins}


def test_a_commit_over_another_changes_nothing_else(tmp_path: Path) -> None:
    origin = bare(tmp_path / "origin.git")
    commit(origin, "main", {"applications/shop.yaml": "one", "run.sh": "#!/bin/sh", "README.md": "words"})
    blob = git(origin, "rev-parse", "main:run.sh")
    inside = git(origin, "rev-parse", "main:applications/shop.yaml")
    folder = git(origin, "mktree", stdin=f"100755 blob {inside}\tshop.yaml\n".encode())
    lines = (f"100755 blob {blob}\trun.sh", f"120000 blob {blob}\tlink", f"040000 tree {folder}\tapplications")
    commit_tree(origin, "main", git(origin, "mktree", stdin="\n".join(lines).encode() + b"\n"))
    repository = Repository(tmp_path / "clone", origin.as_uri())
    main = repository.heads()["main"]
    repository.fetch({"main": main})
    made = repository.write_over({"applications/shop.yaml": b"two"}, parent=main, message="m\n", time=1)
    repository.push(made.id, "other", expect=None)
    assert git(origin, "diff", "--name-status", "main", "other") == "M\tapplications/shop.yaml"
    assert git(origin, "show", "other:applications/shop.yaml") == "two"
    assert "100755" in git(origin, "ls-tree", "other:applications")
    assert (made.parents, repository.is_own_commit(made), repository.is_own_commit(repository.commit_of(main))) == (
        (main,),
        True,
        False,
    )
    for absent in ("nope.yaml", "applications", "applications/nope.yaml", "README/x"):
        with pytest.raises(NotFoundError, match="does not contain the file"):
            repository.write_over({absent: b""}, parent=main, message="m\n", time=1)


def test_a_deletion_that_the_server_refuses_is_noticed(tmp_path: Path) -> None:
    origin = bare(tmp_path / "served" / "origin.git")
    head = commit(origin, "plan/pr-1", {"a": "b"})
    git(origin, "config", "receive.denyDeletes", "true")
    git(origin, "config", "http.receivepack", "true")
    with GitServer(tmp_path / "served").running() as server, pytest.raises(RejectedError, match="deletion prohibited"):
        Repository(tmp_path / "clone", f"{server.url}/origin.git").remove("plan/pr-1", expect=head)
    assert git(origin, "rev-parse", "plan/pr-1") == head
