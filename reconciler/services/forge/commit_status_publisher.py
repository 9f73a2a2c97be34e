"""Commit statuses on the forge: each posted once per change of meaning, and again when one was lost or overwritten.

Gitea lets anybody who may write set any of them: what it shows is asked for now and then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from reconciler.model.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.commit_status import CommitStatus

RECHECK_AFTER: Final = 300.0  # seconds for which the forge is not asked what it shows

log = structlog.get_logger()


class CommitStatusForge(Protocol):
    """What notices need of a forge; `adapters.gitea.Gitea` in production."""

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        """The newest state and description of each context."""

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        """Set one."""


class CommitStatusPublisher:
    """The commit statuses of one repository (owner/name); what the forge shows is taken to stand for some seconds."""

    def __init__(self, forge: CommitStatusForge, repository: str, stands: float = RECHECK_AFTER) -> None:
        self.repository = repository
        self._stands, self._asked = stands, 0.0
        self._forge = forge
        self._commit: str | None = None
        self._known: dict[str, tuple[str, str]] = {}

    def publish(self, commit: str, wanted: Mapping[str, CommitStatus]) -> None:
        """Post what the forge does not show yet of a commit.

        Never raises a ReconcilerError: after one it is not known what the forge has, so the next pass asks it and posts what is
        missing.
        """
        if time.monotonic() - self._asked >= self._stands:
            self._commit = None
        if commit == self._commit and all(self._known.get(c) == (m.state, m.description) for c, m in wanted.items()):
            return
        try:
            if commit != self._commit:
                self._known = self._forge.statuses(self.repository, commit)
                self._commit, self._asked = commit, time.monotonic()
            for context, mark in wanted.items():
                if self._known.get(context) != (mark.state, mark.description):
                    self._forge.post_status(self.repository, commit, context, mark.state, mark.description)
                    self._known[context] = (mark.state, mark.description)
        except ReconcilerError as fault:
            self._commit = None
            log.warning("commit status not posted", repository=self.repository, commit=commit, why=str(fault))
