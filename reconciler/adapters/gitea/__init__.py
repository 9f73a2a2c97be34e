"""Gitea: repositories, commit statuses, pull requests and their comments, branch protection, webhooks."""

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
