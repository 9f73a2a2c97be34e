"""Commits in a line, and whether they hold the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.model.errors import NotFoundError
from tests.support.git_server import bare, commit, git

if TYPE_CHECKING:
    from pathlib import Path

WANTED = ("environment.yaml", "applications/*.yaml")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return bare(tmp_path / "env.git")


def opened(origin: Path) -> Repository:
    repository = Repository(origin.parent / "clone", origin.as_uri(), history=True)
    repository.fetch(repository.heads())
    return repository


def test_a_line_follows_first_parents_and_is_bounded(origin: Path) -> None:
    one = commit(origin, "main", {"a": "1"})
    two = commit(origin, "main", {"a": "2"}, "words\n\nmore")
    git(origin, "update-ref", "refs/heads/side", one)
    side = commit(origin, "side", {"a": "3"})
    tree = git(origin, "rev-parse", f"{side}^{{tree}}")
    merged = git(origin, "commit-tree", tree, "-p", two, "-p", side, "-m", "m")
    git(origin, "update-ref", "refs/heads/main", merged)
    repository = opened(origin)
    line = repository.first_parent_history(merged, limit=10)
    assert [each.id for each in line] == [merged, two, one]
    assert line[0].parents == (two, side)
    assert line[1].message == "words\n\nmore\n"
    assert line[1].author.startswith("Ada <ada@example.org> ")
    assert [each.id for each in repository.first_parent_history(merged, limit=2)] == [merged, two]
    with pytest.raises(NotFoundError):
        repository.first_parent_history("0" * 40, limit=2)


def test_prints_are_equal_exactly_where_what_is_wanted_is(origin: Path) -> None:
    base = {"environment.yaml": "e", "applications/a.yaml": "a"}
    contents = [
        base,
        base | {"README.md": "x", "applications/notes.txt": "x", "other/a.yaml": "x"},
        base | {"environment.yaml": "f"},
        base | {"applications/a.yaml": "b"},
        base | {"applications/b.yaml": "a"},
        {"environment.yaml": "e", "applications/b.yaml": "a"},
        {"environment.yaml": "e"},
        {"environment.yaml": "e", "applications": "a file"},
        {"README.md": "x"},
    ]
    for content in contents:
        head = commit(origin, "main", content)
    repository = opened(origin)
    line = repository.first_parent_history(head, limit=50)
    prints = repository.fingerprints(list(reversed(line)), WANTED)
    assert prints[0] == prints[1]
    assert len(set(prints)) == len(prints) - 1
    assert repository.fingerprints(line[:1], WANTED) == repository.fingerprints(line[:1], ("applications/*.yaml",)), (
        "nothing is nothing"
    )


def test_a_link_in_the_place_of_a_file_is_something_else(origin: Path) -> None:
    commit(origin, "main", {"environment.yaml": "e"})
    blob = git(origin, "rev-parse", "main:environment.yaml")
    git(origin, "update-index", "--add", "--cacheinfo", f"120000,{blob},environment.yaml")
    tree = git(origin, "write-tree")
    made = git(origin, "commit-tree", tree, "-p", "main", "-m", "link")
    git(origin, "update-ref", "refs/heads/main", made)
    repository = opened(origin)
    first, second = repository.fingerprints(repository.first_parent_history(made, limit=2), WANTED)
    assert first != second
