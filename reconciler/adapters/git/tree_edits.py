"""Changes the content of some files of a commit's tree and preserves everything else: modes, links, odd names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pygit2

from reconciler.formats.git_names import printable
from reconciler.model.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping


def edit_tree(repo: pygit2.Repository, tree: str, files: Mapping[str, bytes]) -> str:
    """Writes the changed tree and returns its id.

    Args:
        repo: the repository with the tree, to which the changed parts are written.
        tree: the id of the tree to change.
        files: path -> new content, of files that the tree contains.

    Raises:
        NotFoundError: the tree does not contain one of the files.
    """
    top = repo[tree].peel(pygit2.Tree)
    builder = repo.TreeBuilder(top)
    for name in dict.fromkeys(path.partition("/")[0] for path in files):
        entry = top[name] if name in top else None  # noqa: SIM401 - a Tree has no `get`
        below = {path.removeprefix(f"{name}/"): content for path, content in files.items() if path.startswith(f"{name}/")}
        if isinstance(entry, pygit2.Tree) and below:
            builder.insert(name, edit_tree(repo, str(entry.id), below), entry.filemode)
        elif isinstance(entry, pygit2.Blob) and not below:
            builder.insert(name, repo.create_blob(files[name]), entry.filemode)
        else:
            raise NotFoundError(f"the commit does not contain the file {printable(next(iter(below), name))}")
    return str(builder.write())
