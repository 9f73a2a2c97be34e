"""Reviews the pull requests of one Environment.

| module | what it does |
|---|---|
| `pull_request_reviewer` | maintains plan, comment and commit statuses of each pull request |

May not: change `main` or `resolved`.
"""
