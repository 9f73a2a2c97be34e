from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.model.git import Snapshot, SnapshotLimits
from tests.support.git_server import bare, commit, commit_tree, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WANTED = ("environment.yaml", "applications/*.yaml")
FILE, FOLDER = "100644", "40000"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return bare(tmp_path / "env.git")


@pytest.fixture
def read(tmp_path: Path, origin: Path) -> Callable[..., Snapshot]:
    def read(id_: str, *, wanted: tuple[str, ...] | None = WANTED, limits: SnapshotLimits | None = None) -> Snapshot:
        repository = Repository(tmp_path / "clone", str(origin))
        repository.fetch({"main": id_})
        return repository.read(id_, wanted, limits=limits)

    return read


def blob(origin: Path, content: bytes = b"x") -> str:
    return git(origin, "hash-object", "-w", "--stdin", stdin=content)


def tree(origin: Path, *entries: tuple[str, bytes, str]) -> str:
    """Store a tree that git itself would not make."""
    raw = b"".join(b"%b %b\0%b" % (mode.encode(), name, bytes.fromhex(id_)) for mode, name, id_ in entries)
    return git(origin, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)


def applications(origin: Path, *entries: tuple[str, bytes, str]) -> str:
    return commit_tree(origin, "main", tree(origin, (FOLDER, b"applications", tree(origin, *entries))))


def problems(snapshot: Snapshot) -> set[tuple[str, str]]:
    return {(problem.code, problem.file) for problem in snapshot.problems}


def test_only_what_is_wanted_is_read(origin: Path, read: Callable[..., Snapshot]) -> None:
    files = {"environment.yaml": "e", "applications/b.yaml": "b", "applications/a.yaml": "a"}
    theirs = {"README.md": "r", "docs/.github/x": "d", "applications/README.md": "r"}
    snapshot = read(commit(origin, "main", files | theirs))
    assert snapshot.files == {path: content.encode() for path, content in files.items()}
    assert list(snapshot.files) == sorted(files)
    assert snapshot.problems == ()


def test_everything_is_read_at_any_depth(origin: Path, read: Callable[..., Snapshot]) -> None:
    files = {"environment.lock.yaml": "l", "clusters/a/x.yaml": "x", "clusters/b/c/d/y": "", "z": "z"}
    snapshot = read(commit(origin, "main", files), wanted=None)
    assert snapshot.files == {path: content.encode() for path, content in files.items()}


def test_every_odd_entry_is_a_problem_and_the_rest_is_read(origin: Path, read: Callable[..., Snapshot]) -> None:
    content = blob(origin)
    inner = tree(origin, (FILE, b"x.yaml", content))
    id_ = applications(
        origin,
        (FILE, b"good.yaml", content),
        ("100755", b"run.yaml", content),
        ("120000", b"link.yaml", content),
        ("120000", b"link", content),
        ("160000", b"module", "1" * 40),
        (FOLDER, b"nested", inner),
        (FILE, b"folder.yaml", inner),
        (FOLDER, b"..", inner),
        (FILE, b".GIT", content),
        (FILE, b"a\x01\x1b[31m.yaml", content),
        (FILE, b"\xff.yaml", content),
        (FILE, b"back\\slash.yaml", content),
        (FILE, b"sla/sh.yaml", content),
        (FILE, b"n" * 300, content),
        ("10644", b"mode.yaml", content),
        (FILE, b"old.yml", content),
    )
    snapshot = read(id_)
    assert snapshot.files == {"applications/good.yaml": b"x", "applications/run.yaml": b"x"}
    assert problems(snapshot) == {
        ("Symlink", "applications/link.yaml"),
        ("Symlink", "applications/link"),
        ("Submodule", "applications/module"),
        ("UnexpectedFolder", "applications/nested"),
        ("BadTree", "applications/folder.yaml"),
        ("BadName", "applications/.."),
        ("BadName", "applications/.GIT"),
        ("BadName", "applications/a\\x01\\x1b[31m.yaml"),
        ("BadName", "applications/\\xff.yaml"),
        ("BadName", "applications/back\\slash.yaml"),
        ("BadName", "applications/sla/sh.yaml"),
        ("BadName", "applications/" + "n" * 300),
        ("BadTree", "applications/mode.yaml"),
        ("IgnoredFile", "applications/old.yml"),
    }
    assert {problem.severity for problem in snapshot.problems} == {"error"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("shop.yaml", "Shop.yaml"), ("é.yaml", "e\u0301.yaml"), ("straße.yaml", "STRASSE.yaml"), ("a.yaml", "a.yaml")],
)
def test_names_that_some_file_system_takes_for_one_collide(
    origin: Path, read: Callable[..., Snapshot], one: str, other: str
) -> None:
    content = blob(origin)
    snapshot = read(applications(origin, (FILE, one.encode(), content), (FILE, other.encode(), content)))
    assert [problem.code for problem in snapshot.problems] == ["NameCollision"]
    assert snapshot.files == {}


def test_a_wanted_name_of_another_case_is_not_silently_ignored(origin: Path, read: Callable[..., Snapshot]) -> None:
    snapshot = read(commit(origin, "main", {"Environment.yaml": "e", "Applications/a.yaml": "a"}))
    assert problems(snapshot) == {("NameCollision", "Environment.yaml"), ("NameCollision", "Applications")}
    assert snapshot.files == {}


def test_a_folder_in_place_of_a_file_and_the_reverse(origin: Path, read: Callable[..., Snapshot]) -> None:
    snapshot = read(commit(origin, "main", {"environment.yaml/x": "e", "applications": "a"}))
    assert problems(snapshot) == {("UnexpectedFolder", "environment.yaml"), ("UnexpectedFile", "applications")}


def test_a_tree_that_is_none(tmp_path: Path, origin: Path) -> None:
    repository = Repository(tmp_path / "clone", str(origin))
    repository.heads()
    # git and libgit2 refuse to transfer such a tree, so it is put into the clone
    broken = git(tmp_path / "clone", "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=b"rubbish")
    id_ = commit_tree(tmp_path / "clone", "main", tree(tmp_path / "clone", (FOLDER, b"applications", broken)))
    assert problems(repository.read(id_, WANTED)) == {("BadTree", "applications/")}


def test_a_file_over_the_limit_is_not_loaded(origin: Path, read: Callable[..., Snapshot]) -> None:
    id_ = commit(origin, "main", {"applications/big.yaml": "x" * 1025, "applications/fits.yaml": "x" * 1024})
    snapshot = read(id_, limits=SnapshotLimits(file=1024))
    assert problems(snapshot) == {("TooLarge", "applications/big.yaml")}
    assert list(snapshot.files) == ["applications/fits.yaml"]


def test_all_files_together_have_a_limit(origin: Path, read: Callable[..., Snapshot]) -> None:
    id_ = commit(origin, "main", {f"applications/{each}.yaml": each * 400 for each in "abc"})
    snapshot = read(id_, limits=SnapshotLimits(total=1000))
    assert problems(snapshot) == {("TooLarge", "applications/c.yaml")}


def test_the_number_of_entries_has_a_limit(origin: Path, read: Callable[..., Snapshot]) -> None:
    id_ = commit(origin, "main", {f"{each}/{name}": "" for each in "abc" for name in "xyz"})
    snapshot = read(id_, wanted=None, limits=SnapshotLimits(entries=5))
    assert [problem.code for problem in snapshot.problems] == ["TooManyFiles"]


def test_a_tree_that_holds_itself_many_times_over_is_not_unfolded(origin: Path, read: Callable[..., Snapshot]) -> None:
    inner = tree(origin, (FILE, b"x", blob(origin)))
    for _ in range(12):
        inner = tree(origin, *((FOLDER, b"%d" % each, inner) for each in range(10)))  # 10^12 files
    assert "TooManyFiles" in {problem.code for problem in read(commit_tree(origin, "main", inner), wanted=None).problems}


def test_a_very_deep_tree_ends(origin: Path, read: Callable[..., Snapshot]) -> None:
    inner = tree(origin, (FILE, b"x", blob(origin)))
    for _ in range(9):
        inner = tree(origin, (FOLDER, b"d" * 200, inner))
    snapshot = read(commit_tree(origin, "main", inner), wanted=None)
    assert [problem.code for problem in snapshot.problems] == ["BadName"]
    assert "longer than 1024 bytes" in snapshot.problems[0].message
