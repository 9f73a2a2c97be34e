"""Posts commit statuses and comments to the forge.

| module | what it does |
|---|---|
| `commit_status_publisher` | posts each commit status once per change of meaning |
| `pull_request_comment` | maintains the one comment on each pull request |

May not: decide what is posted: `domain.review` does.
"""
