from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.world.git import Repository
from reconciler.world.git.names import name_problem, printable
from reconciler.world.git.objects import TreeEntry, entries_of
from tests.world.git_server import bare, git

names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\"), min_size=1, max_size=12).filter(
    lambda name: not name_problem(name.encode())
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
contents = st.dictionaries(paths, st.binary(max_size=200), max_size=12).filter(
    lambda files: not any(path != other and other.startswith(path + "/") for path in files for other in files)
)


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
@given(contents)
def test_a_tree_has_the_id_that_git_gives_it(files: dict[str, bytes]) -> None:
    assert Repository.tree_of(files) == tree_by_git(files)


def test_a_folder_sorts_as_if_its_name_ended_with_a_slash() -> None:
    files = {"a/x": b"1", "a.yaml": b"2", "a0": b"3", "a/x-/y": b"4", "a/x0": b"5"}
    assert Repository.tree_of(files) == tree_by_git(files)
    assert Repository.tree_of(dict(reversed(files.items()))) == tree_by_git(files)


def test_no_files_are_the_empty_tree() -> None:
    assert Repository.tree_of({}) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize(
    "path", ["", "/a", "a//b", "a/", "../a", "a/./b", ".git/config", "x/.GIT", "a\\b", "a\nb", "\ud800", "n" * 256]
)
def test_a_path_that_some_file_system_refuses_is_not_written(path: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Repository.tree_of({path: b""})


def test_a_path_cannot_be_a_file_and_a_folder() -> None:
    with pytest.raises(ValueError, match="both a file and a folder: a/b"):
        Repository.tree_of({"a/b/c": b"", "a/b": b""})


def test_a_tree_is_read_as_it_is_written() -> None:
    line = b"100644 na me\xff\0" + bytes(range(20))
    assert list(entries_of(line * 2)) == [TreeEntry(0o100644, b"na me\xff", bytes(range(20)).hex())] * 2


@pytest.mark.parametrize("broken", [b"x", b"100644 a\0short", b"100644 \0" + b"i" * 20, b"9 a\0" + b"i" * 20])
def test_what_is_not_a_tree_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="not a tree"):
        list(entries_of(broken))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (b"shop.yaml", ""),
        ("größe.yaml".encode(), ""),
        (b".gitea", ""),
        (b"a\x01b", "control"),
        (b"a\x7fb", "control"),
        ("a\u202eb".encode(), "control or invisible"),
        ("\u200c.git".encode(), "control or invisible"),
        (b"\xff.yaml", "UTF-8"),
        (b"a\\b", "separator"),
        (b"a/b", "separator"),
        (b"..", "dots"),
        (b". .", "dots"),
        (b".Git", ".git"),
        (b".git. .", ".git"),
        (b"GIT~1", ".git"),
        (b".git::$INDEX_ALLOCATION", ".git"),
        (b"n" * 256, "longer"),
    ],
)
def test_names_that_deceive_are_named(name: bytes, fault: str) -> None:
    found = name_problem(name)
    assert fault in found
    assert bool(fault) == bool(found)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_anything_can_be_printed_on_one_line(anything: bytes | str) -> None:
    assert printable(anything).isprintable()


def test_long_text_is_cut() -> None:
    assert printable("x" * 500, 10) == "xxxxxxxxx…"
