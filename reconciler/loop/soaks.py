"""How long packages were Ready in another Environment, from the history of its `status` branch."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reconciler.decide.confirmation import confirmed_at, is_overdue
from reconciler.decide.shape import shape
from reconciler.decide.soak import Seen, Soaked, seen, soaked
from reconciler.loop.branches import CONFIRMED, OURS, STATUS, STATUS_FILE, UNWATCHED
from reconciler.model.faults import Missing
from reconciler.model.status import EnvironmentStatus
from reconciler.world import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.world.git import Commit, Repository

_STEPS: Final = (32, 256, 2048)  # commits that are read, the newest first: more only when those do not suffice


class History:
    """The history of one Environment's `status` branch. Safe for use by several threads.

    Args:
        repository: with history, in a clone of its own.
        confirm: seconds between confirmations of a status that does not change.
    """

    def __init__(self, repository: Repository, confirm: float) -> None:
        self._repository, self._confirm = repository, confirm
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}

    def soaked(self, digests: Iterable[str], *, enough: int, now: int) -> tuple[Soaked, ...]:
        """What was seen of some artifacts.

        Args:
            digests: theirs.
            enough: seconds for which each must have been Ready; no more of the history is read than that takes.
            now: seconds since the epoch, by our own clock.

        Raises:
            Missing: it has no status.
            Fault: its repository could not be read.
        """
        wanted = tuple(digests)
        with self._lock:
            heads = self._repository.heads()
            if STATUS not in heads:
                raise Missing(f"{self._repository.name} has no branch {STATUS}", "let a reconciler watch it")
            self._repository.fetch({STATUS: heads[STATUS]})
            until = self._until(heads, now)
            found: tuple[Soaked, ...] = ()
            for most in _STEPS:
                line = self._repository.line(heads[STATUS], most=most)
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

    def _read(self, commit: Commit) -> Seen:
        if (known := self._seen.get(commit.id)) is None:
            text = self._repository.read(commit.id, (STATUS_FILE,), limits=OURS).files.get(STATUS_FILE, b"")
            source = documents.load(text, STATUS_FILE, max_bytes=OURS.file, max_parts=documents.MAX_OWN_PARTS)
            status, _ = shape(source, EnvironmentStatus)
            known = self._seen[commit.id] = seen(status, commit.time, _unwatched(commit))
        return known


def _unwatched(commit: Commit) -> int | None:
    """Since when nobody had looked before a status, as its trailer says."""
    for line in commit.message.splitlines():
        if line.startswith(UNWATCHED):
            try:
                return int(datetime.fromisoformat(line.removeprefix(UNWATCHED)).timestamp())
            except ValueError:
                return 0  # nobody can tell since when: nothing before it counts
    return None
