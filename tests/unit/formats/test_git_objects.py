from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from reconciler.formats.git_objects import TreeEntry, entries_of, tree_id
from tests.support.git_contents import tree_contents
from tests.support.git_server import bare, git


def tree_by_git(files: dict[str, bytes]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        repository = bare(Path(folder) / "r.git")
        lines = b""
        for path, content in files.items():
            blob = git(repository, "hash-object", "-w", "--stdin", stdin=content)
            lines += f"100644 {blob}\t{path}\0".encode()
        git(repository, "update-index", "-z", "--add", "--index-info", stdin=lines)
        return git(repository, "write-tree")


@settings(max_examples=60, deadline=None)
@given(tree_contents)
def test_a_tree_has_the_id_that_git_gives_it(files: dict[str, bytes]) -> None:
    assert tree_id(files) == tree_by_git(files)


def test_a_folder_sorts_as_if_its_name_ended_with_a_slash() -> None:
    files = {"a/x": b"1", "a.yaml": b"2", "a0": b"3", "a/x-/y": b"4", "a/x0": b"5"}
    assert tree_id(files) == tree_by_git(files)
    assert tree_id(dict(reversed(files.items()))) == tree_by_git(files)


def test_no_files_are_the_empty_tree() -> None:
    assert tree_id({}) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize(
    "path", ["", "/a", "a//b", "a/", "../a", "a/./b", ".git/config", "x/.GIT", "a\\b", "a\nb", "\ud800", "n" * 256]
)
def test_a_path_that_some_file_system_refuses_is_not_written(path: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        tree_id({path: b""})


def test_a_path_cannot_be_a_file_and_a_folder() -> None:
    with pytest.raises(ValueError, match="both a file and a folder: a/b"):
        tree_id({"a/b/c": b"", "a/b": b""})


def test_a_tree_is_read_as_it_is_written() -> None:
    line = b"100644 na me\xff\0" + bytes(range(20))
    assert list(entries_of(line * 2)) == [TreeEntry(0o100644, b"na me\xff", bytes(range(20)).hex())] * 2


@pytest.mark.parametrize("broken", [b"x", b"100644 a\0short", b"100644 \0" + b"i" * 20, b"9 a\0" + b"i" * 20])
def test_what_is_not_a_tree_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="not a tree"):
        list(entries_of(broken))
