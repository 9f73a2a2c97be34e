"""Formats what the reconciler posts on the forge: commit statuses, the comment of a pull request, and its report after the merge.

| module | what it does |
|---|---|
| `commit_statuses` | builds the commit statuses of `main`, of a pull request's head, and of the system repository |
| `merge_report` | builds the paragraph that a merged pull request's comment gets: whether its plan was applied |
| `plan_comment` | renders the comment of a pull request: what merging it would change, and the EnvironmentPolicies that apply |

Rules kept:
- Text from a repository, a registry or a cluster is escaped before it enters Markdown; a pull request's own text is never copied.
- Every table and list is bounded, and states how many entries were left out.
- A commit status has no counts that change during a rollout: it changes only when its meaning does.

May not: post anything (`services.forge` does), so that the same decision always gives the same text.
"""
