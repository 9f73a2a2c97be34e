"""Gitea: repositories, commit statuses, pull requests and their comments, branch protection, webhooks."""

from __future__ import annotations

from reconciler.world.gitea.hooks import Hook, Hooks
from reconciler.world.gitea.proposals import Proposal, Proposals
from reconciler.world.gitea.protection import Protection
from reconciler.world.gitea.pulls import Comment, PullRequest, PullRequests
from reconciler.world.gitea.repositories import RemoteRepository, Repositories
from reconciler.world.gitea.reviews import Merged, Past, Review, Reviews, SetBy

__all__ = ["Comment", "Gitea", "Hook", "Merged", "Past", "Proposal", "PullRequest", "RemoteRepository", "Review", "SetBy"]


class Gitea(Repositories, PullRequests, Proposals, Reviews, Protection, Hooks):
    """All that is asked of a Gitea server."""
