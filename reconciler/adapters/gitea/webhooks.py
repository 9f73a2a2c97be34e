"""Webhooks of repositories on Gitea.

None is ever edited: Gitea 1.26 answers 200 to an edit with another secret, and keeps the old one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.forge import Webhook
from reconciler.model.layout import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable

# In Gitea's words for asking. `pull_request` would be all of its family: labels and comments too, ours among them.
REQUESTED_EVENTS: Final = frozenset({"push", "pull_request_only", "pull_request_sync", "pull_request_review", "status"})

# And for what is then set.
REPORTED_EVENTS: Final = frozenset({"push", "pull_request", "pull_request_sync", "pull_request_review", "status"})


class _Config(BaseModel):
    url: str = ""
    content_type: str = ""


class _Hook(BaseModel):
    id: int
    active: bool
    config: _Config
    events: list[str] | None
    branch_filter: str | None = None


class Hooks(Client):
    """What is asked about webhooks, which needs admin rights on the repository."""

    def hooks(self, repository: str) -> tuple[Webhook, ...]:
        """Return the webhooks of a repository (owner/name), the oldest first."""
        pages = self.paginate(f"/repos/{path_of(repository)}/hooks", {}, TypeAdapter(list[_Hook]))
        found = {one.id: one for page in pages for one in page}
        return tuple(
            Webhook(
                n, one.config.url, one.active, one.config.content_type == "json", frozenset(one.events or ()), one.branch_filter
            )
            for n, one in sorted(found.items())
        )

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        """Add a webhook that delivers JSON, and pushes of some branches (a pattern) alone; return its id.

        Not retried: a second attempt could double it.
        """
        config = {"url": url, "content_type": "json", "secret": secret}
        body = {"type": "gitea", "active": True, "config": config, "events": sorted(events), "branch_filter": branches}
        path = f"/repos/{path_of(repository)}/hooks"
        return self.parse(path, self.send("POST", path, body), TypeAdapter(_Hook)).id

    def delete_hook(self, repository: str, hook: int) -> None:
        """Remove a webhook."""
        self.send("DELETE", f"/repos/{path_of(repository)}/hooks/{hook}")


def is_as_configured(hook: Webhook) -> bool:
    """Whether a webhook delivers what is needed, as far as it can be seen."""
    return hook.active and hook.json and hook.events >= REPORTED_EVENTS and hook.branches in {None, MAIN}
