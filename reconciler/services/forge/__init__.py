"""Keeps what the reconciler posts on the forge up to date: commit statuses and comments.

| module | what it does |
|---|---|
| `commit_status_publisher` | posts commit statuses once per change, and again when they were overwritten |
| `pull_request_comment` | maintains the one comment on each pull request |

Rules kept:
- Nothing is posted that the forge shows already.
- Posted texts are read back at intervals: every writer of a repository can overwrite them.

May not: decide what is posted: `domain.review` does.
"""
