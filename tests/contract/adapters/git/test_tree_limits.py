"""Trees that nobody could merge, crafted by whoever may open a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from tests.support.git_server import bare, commit, commit_tree, git

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.git import Snapshot


def line(mode: str, name: str, id_: str) -> bytes:
    return f"{mode} {name}\0".encode() + bytes.fromhex(id_)


def tree(origin: Path, *lines: bytes) -> str:
    return git(origin, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=b"".join(lines))


def merged(origin: Path, folder: Path, top: str) -> Snapshot:
    """What it says of merging a tree beside an environment.yaml that is as on main."""
    base = commit(origin, "main", {"environment.yaml": "one"})
    git(origin, "update-ref", "refs/heads/theirs", base)
    commit_tree(origin, "theirs", top)
    repository = Repository(folder / "clone", origin.as_uri(), history=True)
    heads = repository.heads()
    repository.fetch(heads)
    return repository.merge(heads["main"], heads["theirs"], ("environment.yaml", "applications/*.yaml"))


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return bare(tmp_path / "env.git")


def told(snapshot: Snapshot) -> str:
    (problem,) = snapshot.problems
    assert (problem.code, snapshot.files) == ("Unmergeable", {})
    return problem.message


def test_a_few_objects_that_make_countless_files_are_not_walked(tmp_path: Path, origin: Path) -> None:
    blob = git(origin, "hash-object", "-w", "--stdin", stdin=b"one")
    below = tree(origin, *(line("100644", f"f{n}", blob) for n in range(10)))
    for _ in range(12):
        below = tree(origin, *(line("40000", f"d{n}", below) for n in range(10)))
    top = tree(origin, line("40000", "bomb", below), line("100644", "environment.yaml", blob))
    assert told(merged(origin, tmp_path, top)) == "it contains more than 100000 files and folders"


def test_folders_are_not_followed_for_ever(tmp_path: Path, origin: Path) -> None:
    blob = git(origin, "hash-object", "-w", "--stdin", stdin=b"one")
    below = tree(origin, line("100644", "f", blob))
    for _ in range(70):
        below = tree(origin, line("40000", "d", below))
    assert told(merged(origin, tmp_path, below)) == "its folders are nested more than 64 deep"


@pytest.mark.parametrize(
    ("name", "words"),
    [(".git", "the name .git in it is a spelling of .git"), ("..", "the name .. in it consists of dots or spaces only")],
)
def test_what_git_cannot_have_written_is_told_and_damages_no_clone(tmp_path: Path, origin: Path, name: str, words: str) -> None:
    blob = git(origin, "hash-object", "-w", "--stdin", stdin=b"one")
    top = tree(origin, line("100644", name, blob), line("100644", "environment.yaml", blob))
    assert told(merged(origin, tmp_path, top)) == words
