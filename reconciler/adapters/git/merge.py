"""What merging one commit into another would give: in memory, by libgit2, as a forge would find it.

Which files conflict is told as problems of the author, each with its path made printable.
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

_MOST_TOLD = 20
_HINT = "merge or rebase onto main, and solve it there"


def merge(repo: pygit2.Repository, ours: str, theirs: str, wanted: Sequence[str]) -> Snapshot:
    """Merge the commit `theirs` into `ours`, both with their history in `repo`; see `Repository.merge`."""
    base = repo.merge_base(ours, theirs)
    if base is None:
        problem = Problem(code="MergeConflict", message="it has no commit in common with main", hint=_HINT)
        return Snapshot(theirs, {}, (problem,))
    before, mine, other = (repo[one].peel(pygit2.Tree) for one in (base, ours, theirs))
    for tree in (before, mine, other):
        if (problem := tree_problem(repo, str(tree.id))) is not None:
            return Snapshot(theirs, {}, (problem,))
    index = repo.merge_trees(before, mine, other)
    if index.conflicts is not None:
        return Snapshot(theirs, {}, tuple(_conflicts(index.conflicts)))
    return read_tree(repo, theirs, str(index.write_tree(repo)), wanted, SnapshotLimits())


def _conflicts(found: Iterable[tuple[pygit2.IndexEntry | None, ...]]) -> Iterable[Problem]:
    paths = sorted({str(entry.path) for sides in found for entry in sides if entry is not None})
    for path in paths[:_MOST_TOLD]:
        message = "was changed on main in another way"
        yield Problem(code="MergeConflict", message=message, file=printable(path), hint=_HINT)
    if len(paths) > _MOST_TOLD:
        yield Problem(code="MergeConflict", message=f"and {len(paths) - _MOST_TOLD} files more", hint=_HINT)
