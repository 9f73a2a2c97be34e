"""Computes what merging one commit into another would give, in memory, by libgit2, with the result of a forge's merge.

Conflicting files are reported as problems of the author, each with its path made printable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from reconciler.adapters.git.history import merge_base
from reconciler.adapters.git.tree_limits import tree_problem
from reconciler.adapters.git.tree_reader import read_tree
from reconciler.formats.git_names import printable
from reconciler.formats.git_objects import parse_commit
from reconciler.model.git import Snapshot, SnapshotLimits
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pygit2

    from reconciler.model.git import Commit

_MAX_REPORTED = 20
_HINT = "merge main into the branch or rebase the branch onto main, and resolve the conflict there"


def merge(repo: pygit2.Repository, ours: Commit, theirs: Commit, wanted: Sequence[str]) -> Snapshot:
    """Merges the commit `theirs` into `ours`, both with their history in `repo`; see `Repository.merge`."""
    base = merge_base(repo, ours.id, theirs.id)
    if base is None:
        unrelated = Problem(code="MergeConflict", message="the branch has no commit in common with main", hint=_HINT)
        return Snapshot(theirs.id, {}, (unrelated,))
    trees = [parse_commit(base, repo.odb.read(base)[1]).tree, ours.tree, theirs.tree]
    for tree in trees:
        if (problem := tree_problem(repo, tree)) is not None:
            return Snapshot(theirs.id, {}, (problem,))
    base_tree, our_tree, their_tree = (cast("pygit2.Tree", repo[tree]) for tree in trees)
    index = repo.merge_trees(base_tree, our_tree, their_tree)
    if index.conflicts is not None:
        return Snapshot(theirs.id, {}, tuple(_conflicts(index.conflicts)))
    return read_tree(repo, theirs.id, str(index.write_tree(repo)), wanted, SnapshotLimits())


def _conflicts(conflicts: Iterable[tuple[pygit2.IndexEntry | None, ...]]) -> Iterable[Problem]:
    paths = sorted({str(entry.path) for sides in conflicts for entry in sides if entry is not None})
    for path in paths[:_MAX_REPORTED]:
        message = "was changed differently on main"
        yield Problem(code="MergeConflict", message=message, file=printable(path), hint=_HINT)
    if len(paths) > _MAX_REPORTED:
        yield Problem(code="MergeConflict", message=f"and {len(paths) - _MAX_REPORTED} more files", hint=_HINT)
