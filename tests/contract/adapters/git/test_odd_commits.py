"""Commits that git would not write, on a real server: read as git reads them, or the fault of their own branch alone."""

from __future__ import annotations

from subprocess import CalledProcessError
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.model.errors import IntegrityError, ReconcilerError, TooLargeError
from tests.support.git_server import GitServer, bare, commit, git
from tests.support.odd_commits import NO_FILES, ODD_COMMITS, child_of, large_file, odd_commit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {"environment.yaml": "a: 1\n"}
READABLE = [kind for kind in ODD_COMMITS if kind not in NO_FILES]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    repository = bare(tmp_path / "served" / "env.git")
    commit(repository, "main", FILES, "first")
    git(repository, "branch", "main-good", "main")
    git(repository, "branch", "other", "main")
    return repository


@pytest.fixture
def url(origin: Path) -> Iterator[str]:
    with GitServer(origin.parent).running() as server:
        yield f"{server.url}/{origin.name}"


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("kind", READABLE)
def test_an_odd_commit_is_read_and_hinders_no_later_fetch(
    origin: Path, url: str, tmp_path: Path, kind: str, history: bool
) -> None:
    odd = odd_commit(origin, "main", kind)
    repository = Repository(tmp_path / "clone", url, history=history)
    assert repository.fetch_each({"main": odd}) == {}
    read = repository.commit_of(odd)
    assert (read.id, read.tree) == (odd, git(origin, "rev-parse", "main-good^{tree}"))
    assert repository.read(odd).files == {"environment.yaml": b"a: 1\n"}
    other = commit(origin, "other", {**FILES, "b": "2"}, "other")
    assert repository.fetch_each({"main": odd, "other": other}) == {}
    assert repository.read(other).files.keys() == {"environment.yaml", "b"}


@pytest.mark.parametrize("kind", READABLE)
def test_branches_are_pushed_and_deleted_beside_an_odd_commit(origin: Path, url: str, tmp_path: Path, kind: str) -> None:
    odd, other = odd_commit(origin, "main", kind), git(origin, "rev-parse", "other")
    repository = Repository(tmp_path / "clone", url)
    repository.fetch_each({"main": odd, "other": other})
    for parent, text in ((other, b"1"), (None, b"2")):
        made = repository.write({"a/b/c": text, "d": b"3"}, parent=parent, message="ours", time=1)
        repository.push(made.id, "other", expect=other)
        assert git(origin, "show", "other:a/b/c").encode() == text
        other = made.id
    repository.remove("other", expect=other)
    assert not git(origin, "for-each-ref", "refs/heads/other")


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_commit_without_files_is_the_fault_of_its_branch_alone(origin: Path, url: str, tmp_path: Path, kind: str) -> None:
    odd, other = odd_commit(origin, "main", kind), commit(origin, "other", {**FILES, "b": "2"}, "other")
    repository = Repository(tmp_path / "clone", url)
    faults = repository.fetch_each({"main": odd, "other": other})
    assert faults.keys() <= {"main"}
    if not faults:
        with pytest.raises(IntegrityError, match=odd):
            repository.commit_of(odd)
    assert repository.read(other).files.keys() == {"environment.yaml", "b"}


@pytest.mark.parametrize("kind", READABLE)
def test_history_is_walked_over_an_odd_commit(origin: Path, url: str, tmp_path: Path, kind: str) -> None:
    first = git(origin, "rev-parse", "main-good")
    odd = odd_commit(origin, "main", kind)
    top = child_of(origin, "main")
    other = commit(origin, "other", {**FILES, "b": "2"}, "other")
    repository = Repository(tmp_path / "clone", url, history=True)
    assert repository.fetch_each({"main": top, "other": other}) == {}
    parents = kind not in {"two trees", "late parent"}  # git reads no parent there
    walked = [found.id for found in repository.first_parent_history(top, limit=10)]
    assert walked == [top, odd, first] if parents else [top, odd]
    assert repository.is_ancestor(top, odd)
    assert repository.is_ancestor(top, first) == parents
    assert not repository.is_ancestor(top, other)
    assert repository.ancestors([top], [top, odd, first, other]) == ({top, odd, first} if parents else {top, odd})
    assert repository.ancestors([top, other], [other, "0" * 40]) == {other}
    assert [repository.has_commit(id_) for id_ in (odd, "0" * 40, "main")] == [True, False, False]
    merged = repository.merge(top, other, ("environment.yaml", "b"))
    if parents:
        assert not merged.problems
        assert merged.files.keys() == {"environment.yaml", "b"}
    else:
        assert [problem.code for problem in merged.problems] == ["MergeConflict"]
    later = commit(origin, "other", {**FILES, "c": "3"}, "later")
    assert repository.fetch_each({"main": top, "other": later}) == {}


@pytest.mark.parametrize("kind", READABLE)
def test_ids_and_parents_are_those_that_git_reads(origin: Path, url: str, tmp_path: Path, kind: str) -> None:
    odd = odd_commit(origin, "main", kind)
    repository = Repository(tmp_path / "clone", url, history=True)
    repository.fetch_each({"main": odd})
    read = repository.commit_of(odd)
    try:
        by_git = git(origin, "rev-list", "--parents", "--max-count=1", odd).split()
    except CalledProcessError:
        return  # git itself refuses it
    assert [read.id, *read.parents] == by_git


def test_what_is_over_the_limit_is_named_with_its_size_and_keeps_no_other_branch_back(
    origin: Path, url: str, tmp_path: Path
) -> None:
    big, other = large_file(origin, "main", 3 << 20), commit(origin, "other", {**FILES, "b": "2"}, "other")
    repository = Repository(tmp_path / "clone", url, max_fetch=2 << 20)
    faults = repository.fetch_each({"main": big, "other": other})
    assert faults.keys() == {"main"}
    assert isinstance(faults["main"], TooLargeError)
    assert "fetching main of" in str(faults["main"])
    assert "2 MiB (2097152 bytes)" in str(faults["main"])
    assert repository.read(other).files.keys() == {"environment.yaml", "b"}
    with pytest.raises(ReconcilerError):
        repository.fetch({"main": big})
