"""Prepares the repository of a new Environment.

| module | what it does |
|---|---|
| `branch_protection` | the branch protection rules that a repository should have |
| `scaffold` | the first files of a repository |

May not: change a repository: `commands.prepare_environment` does.
"""
