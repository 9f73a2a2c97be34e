"""Registers the reconciler's webhook on each Environment's repository, and keeps it as configured.

It delivers pushes to `main` alone, so that the reconciler's own pushes cause no delivery.

The webhook of the system repository is left to people: a reconciler with the right to register one there could also change who
may push policies.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import structlog

from reconciler.adapters.gitea.webhooks import REQUESTED_EVENTS, is_as_configured
from reconciler.model.errors import AccessDeniedError, ReconcilerError
from reconciler.model.layout import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.model.forge import Webhook

log = structlog.get_logger()


class WebhookForge(Protocol):
    """The calls to a forge for webhooks; `adapters.gitea.Gitea` in production."""

    def webhooks(self, repository: str) -> Sequence[Webhook]:
        """The webhooks of a repository (owner/name), the oldest first."""

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        """Create a webhook; return its id."""

    def delete_hook(self, repository: str, hook: int) -> None:
        """Delete a webhook."""


class WebhookRegistrar:
    """Ensures one webhook of the reconciler, identified by its url, on each repository.

    The secret of a webhook cannot be read and, on Gitea, not be changed. A webhook that this object did not create, or that is
    not as configured any more, is therefore replaced: the new one is created first, so that no delivery is lost in between.

    Args:
        forge: the forge of the repositories.
        url: the url for deliveries.
        secret: the key that signs deliveries.
        every: seconds between checks of a webhook that is as configured.
        retry: seconds after which a failed check is retried.
    """

    def __init__(self, forge: WebhookForge, url: str, secret: str, *, every: float, retry: float) -> None:
        self._forge, self._url, self._secret = forge, url, secret
        self._every, self._retry = every, retry
        self._due: dict[str, float] = {}
        self._made: dict[str, int] = {}

    def ensure(self, repository: str) -> None:
        """Check the webhook of a repository (owner/name) when due, and replace it if needed. Never raises a ReconcilerError."""
        now = time.monotonic()
        if now < self._due.get(repository, now):
            return
        try:
            is_changed = self._ensure(repository)
        except ReconcilerError as error:
            self._due[repository] = now + self._retry
            hint = (
                "the token's user needs admin rights on the repository"
                if isinstance(error, AccessDeniedError)
                else "it is retried"
            )
            log.warning("webhook cannot be registered", repository=repository, why=error.message, hint=hint)
            return
        self._due[repository] = now + self._every
        if is_changed:
            log.info("webhook registered", repository=repository)

    def _ensure(self, repository: str) -> bool:
        """Ensure exactly one webhook as configured; return whether anything was changed."""
        own = [hook for hook in self._forge.webhooks(repository) if hook.url == self._url]
        is_current = any(hook.id == self._made.get(repository) and is_as_configured(hook) for hook in own)
        if not is_current:
            self._made[repository] = self._forge.create_hook(repository, self._url, self._secret, REQUESTED_EVENTS, MAIN)
        others = [hook for hook in own if not is_current or hook.id != self._made[repository]]
        for hook in others:
            self._forge.delete_hook(repository, hook.id)
        return not is_current or bool(others)
