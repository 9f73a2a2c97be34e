"""Builds the lock of an Environment, and compares locks.

| module | what it does |
|---|---|
| `change_summary` | the changes of a lock as lines, and the commit message |
| `dependency_graph` | the dependency graph of a lock |
| `input_digests` | digests of documents by which a merged plan is recognised |
| `lock_builder` | from a resolution to a lock: values, placements and the digest of every package |
| `lock_diff` | what a commit would change of a lock, changes of running Applications first |
| `lost_lock` | what a status tells of a lock that is lost |
| `placement` | how an Application is placed on clusters |
| `reinstallation` | changes by which Flux uninstalls an Application and installs it anew |
| `removals` | what of the last lock is still to be uninstalled |

May not: choose a version: `domain.resolution` does.
"""
