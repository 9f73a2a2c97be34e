"""How long packages were Ready in another Environment, from the history of its `status` branch."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reconciler.domain.admission.soak import ObservedStatus, SoakTime, seen, soaked
from reconciler.domain.status.confirmation import confirmed_at, is_overdue
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml import documents
from reconciler.model.errors import NotFoundError
from reconciler.model.git import OWN_LIMITS
from reconciler.model.layout import CONFIRMED, STATUS, STATUS_FILE
from reconciler.model.status import EnvironmentStatus
from reconciler.model.trailers import UNOBSERVED_SINCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.git import Commit
    from reconciler.services.repository.ports import GitRepository

_STEPS: Final = (32, 256, 2048)  # commits that are read, the newest first: more only when those do not suffice


class SoakHistory:
    """The history of one Environment's `status` branch. Safe for use by several threads.

    Args:
        repository: with history, in a clone of its own.
        confirm: seconds between confirmations of a status that does not change.
    """

    def __init__(self, repository: GitRepository, confirm: float) -> None:
        self._repository, self._confirm = repository, confirm
        self._lock = threading.Lock()
        self._seen: dict[str, ObservedStatus] = {}

    def soaked(self, digests: Iterable[str], *, enough: int, now: int) -> tuple[SoakTime, ...]:
        """What was seen of some artifacts.

        Args:
            digests: theirs.
            enough: seconds for which each must have been Ready; no more of the history is read than that takes.
            now: seconds since the epoch, by our own clock.

        Raises:
            NotFoundError: it has no status.
            ReconcilerError: its repository could not be read.
        """
        wanted = tuple(digests)
        with self._lock:
            heads = self._repository.heads()
            if STATUS not in heads:
                raise NotFoundError(f"{self._repository.name} has no branch {STATUS}", "let a reconciler watch it")
            self._repository.fetch({STATUS: heads[STATUS]})
            until = self._until(heads, now)
            found: tuple[SoakTime, ...] = ()
            for most in _STEPS:
                line = self._repository.first_parent_history(heads[STATUS], limit=most)
                history = [self._read(commit) for commit in reversed(line)]
                found = soaked(history, wanted, until=until, now=now)
                self._seen = {commit.id: self._seen[commit.id] for commit in line}
                if len(line) < most or all(one.seconds >= enough for one in found):
                    break
            return found

    def _until(self, heads: Mapping[str, str], now: int) -> int:
        """Until when the newest status is known to stand: now, unless its confirmation is overdue."""
        status = self._repository.commit_of(heads[STATUS])
        confirmation = self._repository.fetch_also(CONFIRMED, heads[CONFIRMED]) if CONFIRMED in heads else None
        confirmed = confirmed_at(status, confirmation, now)
        return confirmed if is_overdue(confirmed, now, self._confirm) else now

    def _read(self, commit: Commit) -> ObservedStatus:
        if (known := self._seen.get(commit.id)) is None:
            text = self._repository.read(commit.id, (STATUS_FILE,), limits=OWN_LIMITS).files.get(STATUS_FILE, b"")
            source = documents.load(text, STATUS_FILE, max_bytes=OWN_LIMITS.file, max_parts=documents.MAX_OWN_PARTS)
            status, _ = parse_document(source, EnvironmentStatus)
            known = self._seen[commit.id] = seen(status, commit.time, _unwatched(commit))
        return known


def _unwatched(commit: Commit) -> int | None:
    """Since when nobody had looked before a status, as its trailer says."""
    for line in commit.message.splitlines():
        if line.startswith(UNOBSERVED_SINCE):
            try:
                return int(datetime.fromisoformat(line.removeprefix(UNOBSERVED_SINCE)).timestamp())
            except ValueError:
                return 0  # nobody can tell since when: nothing before it counts
    return None
