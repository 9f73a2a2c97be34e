"""The tree of a commit with the content of some of its files changed, and everything else as it was: modes, links, odd names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pygit2

from reconciler.formats.git_names import printable
from reconciler.model.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping


def edit_tree(repo: pygit2.Repository, tree: str, files: Mapping[str, bytes]) -> str:
    """Write the tree and return its id.

    Args:
        repo: where the tree is, and its changed parts are written.
        tree: the id of the tree to begin with.
        files: path -> new content, of files that it holds.

    Raises:
        NotFoundError: it does not hold one of them.
    """
    top = repo[tree].peel(pygit2.Tree)
    builder = repo.TreeBuilder(top)
    for name in dict.fromkeys(path.partition("/")[0] for path in files):
        there = top[name] if name in top else None  # noqa: SIM401 - a Tree has no `get`
        inside = {path.removeprefix(f"{name}/"): new for path, new in files.items() if path.startswith(f"{name}/")}
        if isinstance(there, pygit2.Tree) and inside:
            builder.insert(name, edit_tree(repo, str(there.id), inside), there.filemode)
        elif isinstance(there, pygit2.Blob) and not inside:
            builder.insert(name, repo.create_blob(files[name]), there.filemode)
        else:
            raise NotFoundError(f"the commit holds no file {printable(next(iter(inside), name))}")
    return str(builder.write())
