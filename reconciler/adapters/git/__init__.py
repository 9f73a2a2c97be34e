"""Git through libgit2 (pygit2): branches of a server, trees read from objects, commits pushed with a lease.

| module | what it does |
|---|---|
| `clone` | owns the local clone on disk, and makes a damaged one anew |
| `fingerprints` | compares what two commits contain without reading a file |
| `history` | walks history, also over commits that libgit2 cannot read |
| `isolation` | copies one commit into a clone of its own, to push from |
| `merge` | computes what merging one commit into another would give |
| `own_commits` | tells own commits from those of others, by committer and signature |
| `remote` | holds one session with a server: time-outs, credentials, the lease, the meaning of errors |
| `repository` | offers everything that a caller does with a repository |
| `tree_edits` | changes the content of some files of a tree |
| `tree_limits` | checks whether a tree can be merged at all |
| `tree_reader` | reads a commit's files from git objects |

Rules kept:
- a clone is a cache: a damaged one is made anew once, by itself, and never reported as a problem of the author;
- a push names the commit that it replaces, and fails when the branch is elsewhere;
- everything that a person can push is reported as problems, never as an exception;
- the values (`Commit`, `Snapshot`, `SnapshotLimits`, `GitCredentials`) are defined in `model.git`, so that no other layer imports
  this package for a type.

May not: use a work tree, run a subprocess, or interpret the files.
"""

from reconciler.adapters.git.repository import Repository

__all__ = ["Repository"]
