"""Walks the history of a clone, also over commits that libgit2 cannot read: git would not write them, and servers take them.

libgit2 answers first: it is faster. Where it fails, the commits are read as git reads them, one by one.
"""

from __future__ import annotations

import heapq
import re
from typing import TYPE_CHECKING, Final

import pygit2
from pygit2.enums import SortMode

from reconciler.formats.git_objects import parse_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from reconciler.model.git import Commit

_ID: Final = re.compile(r"[0-9a-f]{40}")
_OURS: Final = 1
_THEIRS: Final = 2
_BEHIND: Final = 4  # in the history of a commit that both have


def is_ancestor(repo: pygit2.Repository, head: str, commit: str) -> bool:
    """Returns whether a commit is `head` itself or in its history, as far as the clone has it."""
    if head == commit or not _ID.fullmatch(commit) or commit not in repo.odb:
        return head == commit
    try:
        return repo.descendant_of(head, commit)
    except pygit2.GitError:
        return merge_base(repo, head, commit) == commit


def is_commit(repo: pygit2.Repository, id_: str) -> bool:
    """Returns whether a commit is in the clone."""
    return bool(_ID.fullmatch(id_)) and _commit(repo, id_) is not None


def ancestors(repo: pygit2.Repository, heads: Collection[str], commits: Iterable[str]) -> frozenset[str]:
    """Returns those of some commits that are one of `heads`, or in the history of one, as far as the clone has it."""
    sought = set(commits)
    if not heads or not sought:
        return frozenset()
    try:
        walk = repo.walk(None, SortMode.NONE)
        for head in heads:
            walk.push(head)
        return frozenset(sought.intersection(str(commit.id) for commit in walk))
    except (pygit2.GitError, KeyError):
        return frozenset(sought & _walked_history(repo, heads))


def _walked_history(repo: pygit2.Repository, heads: Collection[str]) -> set[str]:
    seen: set[str] = set()
    waiting = [*heads]
    while waiting:
        id_ = waiting.pop()
        commit = None if id_ in seen else _commit(repo, id_)
        if commit is not None:
            seen.add(id_)
            waiting.extend(commit.parents)
    return seen


def merge_base(repo: pygit2.Repository, ours: str, theirs: str) -> str | None:
    """Returns the best commit that two commits have in common in their histories; None when they have none."""
    try:
        base = repo.merge_base(ours, theirs)
    except pygit2.GitError:
        return _walked_merge_base(repo, ours, theirs)
    return None if base is None else str(base)


def _walked_merge_base(repo: pygit2.Repository, ours: str, theirs: str) -> str | None:
    """Paints both histories from the newest commit to the oldest; the newest that has both colours is the base.

    Times may lie, so a candidate counts only if it is not in the history of another one, which is known at the end.
    """
    colours: dict[str, int] = {}
    waiting: list[tuple[int, str]] = []
    candidates: list[str] = []

    def paint(id_: str, colour: int) -> None:
        commit = _commit(repo, id_)
        if commit is not None and colours.get(id_, 0) | colour != colours.get(id_, 0):
            colours[id_] = colours.get(id_, 0) | colour
            heapq.heappush(waiting, (-commit.time, id_))

    paint(ours, _OURS)
    paint(theirs, _THEIRS)
    while waiting and any(not colours[id_] & _BEHIND for _, id_ in waiting):
        _, id_ = heapq.heappop(waiting)
        colour = colours[id_]
        if colour == _OURS | _THEIRS:
            candidates.append(id_)
            colour |= _BEHIND
        commit = _commit(repo, id_)
        for parent in commit.parents if commit is not None else ():
            paint(parent, colour)
    return next((id_ for id_ in candidates if not colours[id_] & _BEHIND), None)


def _commit(repo: pygit2.Repository, id_: str) -> Commit | None:
    """The commit with this id; None where the clone does not have it, or it cannot be read: the walk ends there."""
    try:
        return parse_commit(id_, repo.odb.read(id_)[1])
    except (KeyError, ValueError):
        return None
