"""Remembers the branches whose content cannot be fetched or read, by their head, so that they are tried again ever less often."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.errors import ReconcilerError

FIRST_PAUSE: Final = 60.0  # seconds until a branch is tried again; each further pause is twice as long
FREE_ATTEMPTS: Final = 2  # without a pause, where the cause may be the server
MAX_PAUSE: Final = 3600.0


def pause_after(fault: ReconcilerError, attempts: int) -> float:
    """Seconds to wait after some failed attempts, the last of them with this fault."""
    paused = attempts - FREE_ATTEMPTS if isinstance(fault, UnavailableError) else attempts
    return min(FIRST_PAUSE * 2.0 ** min(paused - 1, 30), MAX_PAUSE) if paused > 0 else 0.0


@dataclass(frozen=True)
class _Failure:
    """The failed attempts to read a branch at one head; `retry_at` is seconds of the clock."""

    head: str
    fault: ReconcilerError
    attempts: int
    retry_at: float


class UnreadableBranches:
    """The branches of one repository that cannot be read.

    Args:
        clock: seconds of a clock that is never set back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, _Failure] = {}

    def fault(self, branch: str) -> ReconcilerError | None:
        """Why a branch cannot be read at its last recorded head; None when it can."""
        failure = self._failures.get(branch)
        return failure.fault if failure is not None else None

    def keep(self, heads: Mapping[str, str]) -> None:
        """Drop what is known of branches that are at another head now: their new content may be good."""
        self._failures = {branch: failure for branch, failure in self._failures.items() if heads.get(branch) == failure.head}

    def due(self, heads: Mapping[str, str]) -> dict[str, str]:
        """The branches, with their heads, that are to be fetched now."""
        now = self._clock()
        return {b: head for b, head in heads.items() if b not in self._failures or self._failures[b].retry_at <= now}

    def record(self, heads: Mapping[str, str], faults: Mapping[str, ReconcilerError]) -> None:
        """Record the faults of an attempt to fetch what was due; what was due and has no fault can be read.

        The first fault of a head keeps its wording: a different text must not cause a new status commit.
        """
        for branch in self.due(heads):
            before = self._failures.pop(branch, None)
            if (fault := faults.get(branch)) is None:
                continue
            attempts = before.attempts + 1 if before is not None else 1
            kept = before.fault if before is not None and before.fault.reason == fault.reason else fault
            retry_at = self._clock() + pause_after(fault, attempts)
            self._failures[branch] = _Failure(heads[branch], kept, attempts, retry_at)
