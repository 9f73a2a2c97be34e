"""Gitea: repositories, commit statuses, pull requests and their comments, branch protection, webhooks."""

from __future__ import annotations

from reconciler.world.gitea.hooks import Hooks, Webhook
from reconciler.world.gitea.proposals import OwnPullRequest, Proposals
from reconciler.world.gitea.protection import Protection
from reconciler.world.gitea.pulls import Comment, PullRequest, PullRequests
from reconciler.world.gitea.repositories import RemoteRepository, Repositories
from reconciler.world.gitea.reviews import CommitStatusRecord, MergedPullRequest, PullRequestHistory, Review, Reviews

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
