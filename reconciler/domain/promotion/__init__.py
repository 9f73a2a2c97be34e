"""Selects the versions of one Environment that can be pinned in another.

| module | what it does |
|---|---|
| `pull_request_text` | title, text and commit message of the pull request |
| `selection` | which Applications can be pinned, and why the others cannot |

May not: open a pull request or change files: `commands.promote` does.
"""
