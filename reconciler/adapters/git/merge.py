"""Computes what merging one commit into another would give, in memory, by libgit2, with the result of a forge's merge.

Conflicting files are reported as problems of the author, each with its path made printable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pygit2

from reconciler.adapters.git.tree_limits import tree_problem
from reconciler.adapters.git.tree_reader import read_tree
from reconciler.formats.git_names import printable
from reconciler.model.git import Snapshot, SnapshotLimits
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MAX_REPORTED = 20
_HINT = "merge main into the branch or rebase the branch onto main, and resolve the conflict there"


def merge(repo: pygit2.Repository, ours: str, theirs: str, wanted: Sequence[str]) -> Snapshot:
    """Merges the commit `theirs` into `ours`, both with their history in `repo`; see `Repository.merge`."""
    base = repo.merge_base(ours, theirs)
    if base is None:
        problem = Problem(code="MergeConflict", message="the branch has no commit in common with main", hint=_HINT)
        return Snapshot(theirs, {}, (problem,))
    base_tree, our_tree, their_tree = (repo[commit].peel(pygit2.Tree) for commit in (base, ours, theirs))
    for tree in (base_tree, our_tree, their_tree):
        if (problem := tree_problem(repo, str(tree.id))) is not None:
            return Snapshot(theirs, {}, (problem,))
    index = repo.merge_trees(base_tree, our_tree, their_tree)
    if index.conflicts is not None:
        return Snapshot(theirs, {}, tuple(_conflicts(index.conflicts)))
    return read_tree(repo, theirs, str(index.write_tree(repo)), wanted, SnapshotLimits())


def _conflicts(conflicts: Iterable[tuple[pygit2.IndexEntry | None, ...]]) -> Iterable[Problem]:
    paths = sorted({str(entry.path) for sides in conflicts for entry in sides if entry is not None})
    for path in paths[:_MAX_REPORTED]:
        message = "was changed differently on main"
        yield Problem(code="MergeConflict", message=message, file=printable(path), hint=_HINT)
    if len(paths) > _MAX_REPORTED:
        yield Problem(code="MergeConflict", message=f"and {len(paths) - _MAX_REPORTED} more files", hint=_HINT)
