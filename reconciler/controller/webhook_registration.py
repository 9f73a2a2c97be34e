"""Our webhook on each Environment's repository: there is one, it is as it should be, and it stays so.

It delivers pushes of `main` alone, so the reconciler's own make no delivery.

The system repository's is left to people: a reconciler that could register one there could as well change who may push policies.
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


class HookForge(Protocol):
    """What is needed of a forge; `adapters.gitea.Gitea` in production."""

    def hooks(self, repository: str) -> Sequence[Webhook]:
        """The webhooks of a repository (owner/name), the oldest first."""

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        """Add one; its id."""

    def delete_hook(self, repository: str, hook: int) -> None:
        """Remove one."""


class WebhookRegistrar:
    """Keeps one webhook of ours, known by its url, on each repository it is asked to.

    What secret one has cannot be seen and, on Gitea, not be changed either. So one that was not made by this very object, or is
    not as it was made, is replaced: the new one first, so that nothing is missed in between.

    Args:
        forge: where the repositories are.
        url: where deliveries are to go.
        secret: what they are to be signed with.
        every: seconds between looks at a webhook that is as it should be.
        retry: seconds after which one that could not be looked at is tried again.
    """

    def __init__(self, forge: HookForge, url: str, secret: str, *, every: float, retry: float) -> None:
        self._forge, self._url, self._secret = forge, url, secret
        self._every, self._retry = every, retry
        self._due: dict[str, float] = {}
        self._made: dict[str, int] = {}

    def ensure(self, repository: str) -> None:
        """Look after the webhook of a repository (owner/name) when it is time to. Never raises a ReconcilerError."""
        now = time.monotonic()
        if now < self._due.get(repository, now):
            return
        try:
            done = self._ensure(repository)
        except ReconcilerError as fault:
            self._due[repository] = now + self._retry
            hint = (
                "the token's user needs admin rights on the repository"
                if isinstance(fault, AccessDeniedError)
                else "it is tried again"
            )
            log.warning("webhook cannot be registered", repository=repository, why=fault.message, hint=hint)
            return
        self._due[repository] = now + self._every
        if done:
            log.info("webhook is registered", repository=repository)

    def _ensure(self, repository: str) -> bool:
        """Have exactly one that is as it should be; whether anything was done for it."""
        ours = [hook for hook in self._forge.hooks(repository) if hook.url == self._url]
        good = any(hook.id == self._made.get(repository) and is_as_configured(hook) for hook in ours)
        if not good:
            self._made[repository] = self._forge.create_hook(repository, self._url, self._secret, REQUESTED_EVENTS, MAIN)
        others = [hook for hook in ours if not good or hook.id != self._made[repository]]
        for hook in others:
            self._forge.delete_hook(repository, hook.id)
        return not good or bool(others)
