"""Computes the desired state of any commit, and writes nothing.

| module | what it does |
|---|---|
| `context` | what all reconciliations of an Environment share |
| `namespace_claims` | which Environment may install into a Namespace of a cluster |
| `planner` | the desired state of a commit if it were the head of `main` |

May not: write to a repository, a forge or a cluster.
"""
