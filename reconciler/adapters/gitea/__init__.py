"""Gitea's API: repositories, commit statuses, pull requests and their comments, reviews, branch protection, webhooks.

| module | what it does |
|---|---|
| `branch_protection` | prepares a repository: creation, topic, write access, branch protection rules |
| `client` | sends requests: retries, bounds, checked shapes, mapped errors |
| `own_pull_requests` | opens, edits and merges the reconciler's own pull requests |
| `pull_requests` | reads pull requests; reads and writes their comments |
| `repositories` | finds repositories by topic; reads and posts commit statuses |
| `reviews` | reads approvals: reviews, merged pull requests, teams, statuses with their authors |
| `server_clock` | compares this machine's clock with the server's |
| `webhook_events` | reads from a webhook's delivery which repository changed |
| `webhooks` | lists, creates and deletes webhooks |

Rules kept:
- reads are retried a little; a write is sent once, because a second attempt could do it twice;
- every answer is checked against a model before use; no redirect is followed and the token is never shown;
- the values that callers see are defined in `model.forge`, so that no other layer imports this package for a type;
- another forge is a package beside this one under `adapters/`: it implements the Protocols that its callers define (in
  `services`: `CommitStatusForge`, `CommentForge`, `MergeForge`, `ReviewForge`, `PullForge`; in `commands`: `PreparationForge`,
  `ProposalForge`; in `controller`: `WebhookForge`), returns the values of `model.forge`, has a counterpart of `webhook_events`
  for its deliveries (called by `controller.webhook_handler`, with the forge's header names) and of `GiteaSection` in
  `config.sections`, and is constructed in `bootstrap`.

May not: decide what an answer means (an approval counts in `domain.admission`), or import another adapter.
"""

from reconciler.adapters.gitea.branch_protection import Protection
from reconciler.adapters.gitea.own_pull_requests import Proposals
from reconciler.adapters.gitea.pull_requests import PullRequests
from reconciler.adapters.gitea.repositories import Repositories
from reconciler.adapters.gitea.reviews import Reviews
from reconciler.adapters.gitea.webhooks import Hooks

__all__ = ["Gitea"]


class Gitea(Repositories, PullRequests, Proposals, Reviews, Protection, Hooks):
    """A Gitea server: all its endpoints that the reconciler uses, in one client."""
