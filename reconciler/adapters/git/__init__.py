"""Git through libgit2 (pygit2): branches of a server, trees read from objects, commits pushed with a lease.

```
names        which names are safe, which collide, and how to show any of them
objects      git's own formats: ids and trees, as pure functions
snapshot     a commit's files, checked by name, kind and size before they are loaded
sound        whether a tree can be merged at all
merge        what merging one commit into another would give
remote       one conversation with a server: time-outs, credentials, the lease, what errors mean
change       a tree with some of its files changed
prints       whether two commits hold the same, without reading a file
clone        the local clone on disk, which heals itself
repository   everything a caller does
```
May not: use a work tree, run a subprocess, or know what the files mean.
"""

from reconciler.adapters.git.repository import Repository
from reconciler.model.git import Commit, GitCredentials, Snapshot, SnapshotLimits

__all__ = ["Commit", "GitCredentials", "Repository", "Snapshot", "SnapshotLimits"]
