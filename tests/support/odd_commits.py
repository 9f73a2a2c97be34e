"""Commits that git would not write, and that servers take in a push unless they check objects (`receive.fsckObjects`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tests.support.git_server import git

if TYPE_CHECKING:
    from pathlib import Path

_WHO: Final = "Ada <ada@example.org> 1700000000 +0000"

# What stands after the tree and the parent; {tree}, {parent} and {blob} are ids.
_ODD: Final = {
    "time beyond 64 bits": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\n"
    "committer Ada <ada@example.org> 99999999999999999999 +0000\n\nx\n",
    "time of no calendar": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\n"
    "committer Ada <ada@example.org> 9000000000000000000 +0000\n\nx\n",
    "negative time": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\ncommitter Ada <ada@example.org> -5 +0000\n\nx\n",
    "no time": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\ncommitter Ada <ada@example.org>\n\nx\n",
    "no author": f"tree {{tree}}\nparent {{parent}}\ncommitter {_WHO}\n\nx\n",
    "no committer": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\n\nx\n",
    "neither": "tree {tree}\nparent {parent}\n\nx\n",
    "no mail": "tree {tree}\nparent {parent}\nauthor Ada\ncommitter Ada\n\nx\n",
    "mail inside out": "tree {tree}\nparent {parent}\nauthor A<b>c<d> 1700000000 +0000\ncommitter >< 1 +0000\n\nx\n",
    "two authors": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\n",
    "two trees": f"tree {{tree}}\ntree {{tree}}\nparent {{parent}}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\n",
    "late parent": f"tree {{tree}}\nauthor {_WHO}\ncommitter {_WHO}\nparent {{parent}}\n\nx\n",
    "tree that is a blob": f"tree {{blob}}\nparent {{parent}}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\n",
    "latin-1": f"tree {{tree}}\nparent {{parent}}\nauthor Ad\udce9 <ada@example.org> 1700000000 +0000\ncommitter {_WHO}\n"
    "encoding latin-1\n\nx\udce9\n",
    "no such encoding": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\ncommitter {_WHO}\nencoding \udcff\udcfe\n\nx\n",
    "NUL": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\0y\n",
    "no message": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\ncommitter {_WHO}\n",
    "no such zone": f"tree {{tree}}\nparent {{parent}}\nauthor {_WHO}\ncommitter Ada <ada@example.org> 1 +99999999\n\nx\n",
    "parent in capitals": f"tree {{tree}}\nparent {{PARENT}}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\n",
    "no tree": f"parent {{parent}}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\n",
}

ODD_COMMITS: Final = tuple(_ODD)

NO_FILES: Final = ("no tree", "tree that is a blob")
"""The commits that have no files, so that nothing can be read."""


def odd_commit(repository: Path, branch: str, kind: str) -> str:
    """Set a branch of a bare repository to an odd commit with the files of its old tip, and return the commit's id."""
    parent = git(repository, "rev-parse", branch)
    tree, blob = git(repository, "rev-parse", f"{branch}^{{tree}}"), git(repository, "rev-parse", f"{branch}:environment.yaml")
    text = _ODD[kind].format(tree=tree, blob=blob, parent=parent, PARENT=parent.upper())
    content = text.encode("utf-8", "surrogateescape")
    made = git(repository, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=content)
    (repository / "refs" / "heads" / branch).write_text(made + "\n")  # git itself refuses to set a ref to some of them
    return made


def child_of(repository: Path, branch: str) -> str:
    """Set a branch to an ordinary commit on top of its tip, which may be odd, with the files of the tip's parent."""
    tip = git(repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
    tree = git(repository, "rev-parse", f"{branch}-good^{{tree}}")
    text = f"tree {tree}\nparent {tip}\nauthor {_WHO}\ncommitter {_WHO}\n\non top\n"
    made = git(repository, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode())
    (repository / "refs" / "heads" / branch).write_text(made + "\n")
    return made


def large_file(repository: Path, branch: str, size: int) -> str:
    """Commit a file of random bytes, which no compression makes smaller, to a branch of a bare repository."""
    parent = git(repository, "rev-parse", branch)
    blob = git(repository, "hash-object", "-w", "--stdin", stdin=os.urandom(size))
    (repository / "index").unlink(missing_ok=True)
    git(repository, "read-tree", parent)
    git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},video.bin")
    made = git(repository, "commit-tree", git(repository, "write-tree"), "-p", parent, "-m", "a film")
    git(repository, "update-ref", f"refs/heads/{branch}", made)
    return made
