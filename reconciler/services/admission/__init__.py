"""Gathers the facts that EnvironmentPolicies need, and evaluates them.

| module | what it does |
|---|---|
| `approvals` | reads reviews and scores of pull requests from the forge |
| `change_history` | walks `main` back to what is resolved, and finds the pull request of each change |
| `gate` | evaluates the policies of one Environment |
| `soak_history` | reads how long packages were Ready from another Environment's `status` |

May not: decide a rule: `domain.admission` does.
"""
