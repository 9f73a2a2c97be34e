"""Gitea: repositories, commit statuses, pull requests and their comments, branch protection, webhooks.

| module | what it does |
|---|---|
| `branch_protection` | prepares a repository: topic, write access, protected branches |
| `client` | requests, pagination and errors of the API, through httpx |
| `own_pull_requests` | pull requests that the reconciler itself opens and merges |
| `pull_requests` | pull requests and their comments |
| `repositories` | repositories and commit statuses |
| `reviews` | reviews, merged pull requests, teams, and who set a commit status |
| `webhook_events` | parses a delivery to the repository it is about |
| `webhooks` | webhooks of repositories |

May not: decide anything, or import another adapter: other forges come beside it.
"""

from __future__ import annotations

from reconciler.adapters.gitea.branch_protection import Protection
from reconciler.adapters.gitea.own_pull_requests import Proposals
from reconciler.adapters.gitea.pull_requests import PullRequests
from reconciler.adapters.gitea.repositories import Repositories
from reconciler.adapters.gitea.reviews import Reviews
from reconciler.adapters.gitea.webhooks import Hooks
from reconciler.model.forge import (
    Comment,
    CommitStatusRecord,
    MergedPullRequest,
    OwnPullRequest,
    PullRequest,
    PullRequestHistory,
    RemoteRepository,
    Review,
    Webhook,
)

__all__ = [
    "Comment",
    "CommitStatusRecord",
    "Gitea",
    "MergedPullRequest",
    "OwnPullRequest",
    "PullRequest",
    "PullRequestHistory",
    "RemoteRepository",
    "Review",
    "Webhook",
]


class Gitea(Repositories, PullRequests, Proposals, Reviews, Protection, Hooks):
    """All that is asked of a Gitea server."""
