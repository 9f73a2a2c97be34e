"""Webhooks of repositories on Gitea.

None is ever edited: Gitea 1.26 answers 200 to an edit with another secret, and keeps the old one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, TypeAdapter

from reconciler.world.gitea.client import Client, path_of

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Webhook:
    """A webhook: all that Gitea shows of it. The secret is never shown.

    Attributes:
        id: its number.
        url: where it delivers to.
        active: whether it does.
        json: whether as JSON, rather than as a form.
        events: what it delivers, in Gitea's words.
        branches: the pattern of branches whose pushes it delivers; None when the server does not show it.
    """

    id: int
    url: str
    active: bool
    json: bool
    events: frozenset[str]
    branches: str | None


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
