"""Lists, creates and deletes webhooks of repositories on Gitea.

A webhook is never edited: Gitea 1.26 responds 200 to an edit with another secret, and does not change the secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.forge import Webhook
from reconciler.model.layout import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable

# The names of events in a request. `pull_request` would include labels and comments too, the reconciler's own among them.
REQUESTED_EVENTS: Final = frozenset({"push", "pull_request_only", "pull_request_sync", "pull_request_review", "status"})

# The names under which Gitea then reports them.
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
    """The endpoints of webhooks, which need admin rights on the repository."""

    def webhooks(self, repository: str) -> tuple[Webhook, ...]:
        """Returns the webhooks of a repository (owner/name), the oldest first."""
        pages = self.paginate(f"/repos/{path_of(repository)}/hooks", {}, TypeAdapter(list[_Hook]))
        hooks = {hook.id: hook for page in pages for hook in page}
        return tuple(
            Webhook(
                id_,
                hook.config.url,
                hook.active,
                hook.config.content_type == "json",
                frozenset(hook.events or ()),
                hook.branch_filter,
            )
            for id_, hook in sorted(hooks.items())
        )

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        """Adds a webhook that delivers JSON, for pushes only those of branches that match a pattern; returns its id.

        Not retried: a second attempt could double it.
        """
        config = {"url": url, "content_type": "json", "secret": secret}
        body = {"type": "gitea", "active": True, "config": config, "events": sorted(events), "branch_filter": branches}
        path = f"/repos/{path_of(repository)}/hooks"
        return self.parse(path, self.send("POST", path, body), TypeAdapter(_Hook)).id

    def delete_hook(self, repository: str, hook: int) -> None:
        """Deletes a webhook."""
        self.send("DELETE", f"/repos/{path_of(repository)}/hooks/{hook}")


def is_as_configured(hook: Webhook) -> bool:
    """Whether a webhook is active and delivers the required events as JSON, as far as Gitea shows it."""
    return hook.active and hook.json and hook.events >= REPORTED_EVENTS and hook.branches in {None, MAIN}
