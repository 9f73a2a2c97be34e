"""Reads how long packages were Ready in another Environment, from the history of its `status` branch."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reconciler.domain.admission.soak import ObservedStatus, SoakTime, observed_status, soaked
from reconciler.domain.status.confirmation import confirmed_at, is_overdue
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml import documents
from reconciler.model.errors import NotFoundError
from reconciler.model.git import OWN_LIMITS
from reconciler.model.layout import CONFIRMED, STATUS, STATUS_FILE
from reconciler.model.status import EnvironmentStatus
from reconciler.model.trailers import UNWATCHED_SINCE, trailer_values
from reconciler.services.repository.adoption import own_history

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.git import Commit
    from reconciler.services.repository.ports import GitRepository

_STEPS: Final = (32, 256, 2048)  # commits to read, the newest first: the next step only when they do not suffice


class SoakHistory:
    """The history of one Environment's `status` branch. Safe for use by several threads.

    Args:
        name: the Environment's name: a status of another one, which the same reconciler may have written, counts for nothing.
        repository: its repository, in a separate clone with history.
        confirm: seconds between confirmations of a status that does not change.
    """

    def __init__(self, name: str, repository: GitRepository, confirm: float) -> None:
        self._name, self._repository, self._confirm = name, repository, confirm
        self._lock = threading.Lock()
        self._observed: dict[str, ObservedStatus] = {}

    def soaked(self, digests: Iterable[str], *, enough: int, now: int) -> tuple[SoakTime, ...]:
        """The soak times of artifacts.

        Args:
            digests: the artifacts' digests.
            enough: seconds for which each must have been Ready; only as much history is read as that takes.
            now: seconds since the epoch, by the reconciler's clock.

        Raises:
            NotFoundError: the Environment has no status.
            ReconcilerError: its repository could not be read.
        """
        wanted = tuple(digests)
        with self._lock:
            heads = self._repository.heads()
            if STATUS not in heads:
                raise NotFoundError(
                    f"{self._repository.name} has no branch {STATUS}", "let a reconciler reconcile that Environment"
                )
            self._repository.fetch({STATUS: heads[STATUS]})
            current_until = self._current_until(heads, now)
            soak_times: tuple[SoakTime, ...] = ()
            for limit in _STEPS:
                commits = self._repository.first_parent_history(heads[STATUS], limit=limit)
                own = own_history(self._repository, commits, is_head_own=False)
                history = [self._read(commit) for commit in reversed(own)]
                soak_times = soaked(history, wanted, until=current_until, now=now)
                self._observed = {commit.id: self._observed[commit.id] for commit in own}
                if len(commits) < limit or all(soak_time.seconds >= enough for soak_time in soak_times):
                    break
            return soak_times

    def _current_until(self, heads: Mapping[str, str], now: int) -> int:
        """Until when the newest status is current, in seconds since the epoch: now, unless its confirmation is overdue."""
        status = self._repository.commit_of(heads[STATUS])
        confirmation = self._repository.fetch_also(CONFIRMED, heads[CONFIRMED]) if CONFIRMED in heads else None
        if confirmation is not None and not self._repository.is_own_commit(confirmation):
            confirmation = None
        confirmed = confirmed_at(status, confirmation, now)
        return confirmed if is_overdue(confirmed, now, self._confirm) else now

    def _read(self, commit: Commit) -> ObservedStatus:
        """The observed status of a commit, parsed once."""
        if (observed := self._observed.get(commit.id)) is None:
            content = self._repository.read(commit.id, (STATUS_FILE,), limits=OWN_LIMITS).files.get(STATUS_FILE, b"")
            source = documents.load(content, STATUS_FILE, max_bytes=OWN_LIMITS.file, max_parts=documents.MAX_OWN_PARTS)
            status, _ = parse_document(source, EnvironmentStatus)
            if status is not None and status.metadata.name != self._name:
                status = None
            observed = self._observed[commit.id] = observed_status(status, commit.time, _unwatched_since(commit))
        return observed


def _unwatched_since(commit: Commit) -> int | None:
    """The start of the unwatched time before a status in seconds since the epoch, as its trailer states; None without one."""
    values = trailer_values(commit, UNWATCHED_SINCE)
    if not values:
        return None
    try:
        return int(datetime.fromisoformat(values[0]).timestamp())
    except ValueError:
        return 0  # the start is unreadable: nothing before this status counts
