"""The texts of pull requests and commit statuses.

| module | what it does |
|---|---|
| `commit_statuses` | commit statuses on the forge |
| `merge_report` | compares a merged pull request's plan with what is applied |
| `plan_comment` | the comment on a pull request: what merging it would change |

May not: post anything: `services.review` and `services.forge` do.
"""
