"""Reviews the pull requests of one Environment.

| module | what it does |
|---|---|
| `closed_pull_requests` | reports on merged pull requests what became of their plan, and deletes plans |
| `failed_reviews` | remembers failed reviews, and tells their authors |
| `pull_request_reviewer` | maintains plan, comment and commit statuses of open pull requests |

Rules kept:
- Everything is derived from the forge and git: nothing is lost by a restart.
- A failure with one pull request does not delay the others.
- The plan of a merged pull request stays until its documents are decided.

May not: write `main`, `resolved` or `status`, or acquire Namespaces.
"""
