"""Git through libgit2 (pygit2): branches of a server, trees read from objects, commits pushed with a lease.

| module | what it does |
|---|---|
| `clone` | the local clone on disk, which heals itself |
| `fingerprints` | compares the content of two commits without reading a file |
| `merge` | the result of merging one commit into another, in memory |
| `remote` | one conversation with a server: time-outs, credentials, the lease, the meaning of errors |
| `repository` | everything a caller does |
| `tree_edits` | a tree with some of its files changed |
| `tree_limits` | checks that a tree is small and well-formed enough to be merged |
| `tree_reader` | a commit's files, checked by name, kind and size before they are loaded |

May not: use a work tree, run a subprocess, or know what the files mean.
"""

from reconciler.adapters.git.repository import Repository
from reconciler.model.git import Commit, GitCredentials, Snapshot, SnapshotLimits

__all__ = ["Commit", "GitCredentials", "Repository", "Snapshot", "SnapshotLimits"]
