"""Posts commit statuses: each once per change, and again when the forge lost it or somebody overwrote it.

Gitea lets every writer set any commit status, so the posted statuses are read back at intervals.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from reconciler.model.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.commit_status import CommitStatus

RECHECK_AFTER: Final = 300.0  # seconds between reads of the posted statuses

log = structlog.get_logger()


class CommitStatusForge(Protocol):
    """The calls to a forge for commit statuses; `adapters.gitea.Gitea` in production."""

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        """The newest state and description of each context."""

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        """Post one commit status."""


class CommitStatusPublisher:
    """Posts the commit statuses of one repository.

    Args:
        forge: the repository's forge.
        repository: owner/name.
        ttl: seconds for which the statuses read from the forge are current.
    """

    def __init__(self, forge: CommitStatusForge, repository: str, ttl: float = RECHECK_AFTER) -> None:
        self.repository = repository
        self._ttl, self._read_at = ttl, 0.0
        self._forge = forge
        self._commit: str | None = None
        self._posted: dict[str, tuple[str, str]] = {}

    def publish(self, commit: str, wanted: Mapping[str, CommitStatus]) -> None:
        """Post the commit statuses that the forge does not show yet for a commit.

        Never raises a ReconcilerError: after one, the posted statuses are unknown, so that the next pass reads them and posts
        those that are missing.
        """
        if time.monotonic() - self._read_at >= self._ttl:
            self._commit = None
        if commit == self._commit and all(
            self._posted.get(context) == (status.state, status.description) for context, status in wanted.items()
        ):
            return
        try:
            if commit != self._commit:
                self._posted = self._forge.statuses(self.repository, commit)
                self._commit, self._read_at = commit, time.monotonic()
            for context, status in wanted.items():
                if self._posted.get(context) != (status.state, status.description):
                    self._forge.post_status(self.repository, commit, context, status.state, status.description)
                    self._posted[context] = (status.state, status.description)
        except ReconcilerError as error:
            self._commit = None
            log.warning("commit status not posted", repository=self.repository, commit=commit, why=str(error))
