"""Evaluates the rules of EnvironmentPolicies for one Environment.

| module | what it does |
|---|---|
| `gate` | evaluates the rules for `main`, a pull request, a draft or an update |
| `admission_record` | reads from the history of `resolved` what was admitted, and admits nothing again |
| `change_history` | walks the commits of `main` back, and finds the pull request that accounts for each change |
| `approvals` | reads reviews and scores, each with the plan that its author saw |
| `soak_history` | reads how long packages were Ready in another Environment |
| `transition` | tells whether a commit on `resolved` changes what was admitted last |

Rules kept:
- A rule whose facts cannot be read holds the commit.
- A pull request accounts for a commit only if merging it gives the commit's documents, whatever the forge reports.
- An approval counts for the plan that its author saw, and once.

May not: decide a rule (`domain.admission` does), or commit or post anything.
"""
