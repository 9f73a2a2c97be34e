"""Reads and writes the branches of an Environment.

| module | what it does |
|---|---|
| `adoption` | what a key finds that signs from now on: heads to adopt, and the history that counts |
| `branches` | the branches as last fetched, and all writes of the reconciler's own branches |
| `own_heads` | tells the reconciler's own commits of `resolved` and `status` from those of others |
| `plan_commit` | the plan of a pull request as a commit: encodes and decodes its trailers |
| `ports` | the calls to a git repository that services and commands need |
| `unreadable_branches` | remembers the branches whose content cannot be read, and when to try again |
| `rendered_releases` | digests of the HelmReleases in a commit of `resolved` |

Rules kept:
- A branch is pushed only if it is still at its last fetched head.
- A document on the reconciler's own branches is read like any other: within limits, and ignored when it is malformed.

May not: write `main`, or decide what is written.
"""
