"""Reads and writes the branches of an Environment.

| module | what it does |
|---|---|
| `branches` | the branches as last fetched, and all writes of the reconciler's own branches |
| `plan_commit` | the plan of a pull request as a commit |
| `ports` | the calls to a repository that services need |

May not: write `main`, or decide what is written.
"""
