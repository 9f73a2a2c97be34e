"""Which changes of a status are none yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.status import ApplicationStatus, EnvironmentStatus, PlacementStatus

QUIET_FRACTION: Final = 0.1

"""How much of `coalesce` without a change means that a burst is over."""

MAX_BURST: Final = 5

"""How often `coalesce` after a commit the end of a burst is waited for; in a longer one people want to see something."""


def is_routine_recheck(now: EnvironmentStatus, before: EnvironmentStatus) -> bool:
    """Whether all that is new is that Flux looks once more at something that was ready and is still the same.

    It does so at every interval, mostly for some tenths of a second in which the release says Reconciling (row 21).
    """
    return (
        (now.input, now.resolved, now.refused, now.problems) == (before.input, before.resolved, before.refused, before.problems)
        and [c for c in now.conditions if c.type != "Ready"] == [c for c in before.conditions if c.type != "Ready"]
        and now.applications != before.applications
        and all(a and b and _same(a, b) for a, b in zip_longest(now.applications, before.applications))
    )


def _same(now: ApplicationStatus, before: ApplicationStatus) -> bool:
    return (now.name, now.digest) == (before.name, before.digest) and all(
        a and b and (a == b or _looks(a, b)) for a, b in zip_longest(now.placements, before.placements)
    )


def _looks(now: PlacementStatus, before: PlacementStatus) -> bool:
    return (
        now.cluster == before.cluster
        and (before.ready, now.reason) == ("True", "Reconciling")
        and now.evidence is not None
        and before.evidence is not None
        and (now.evidence.uid, now.evidence.entry) == (before.evidence.uid, before.evidence.entry)
    )


@dataclass
class StatusThrottle:
    """The pace of one Environment's status commits. Times are seconds of the monotonic clock.

    The first change goes out at once. What follows is gathered: a commit a second at most, and none in the middle of a burst.

    Attributes:
        coalesce: seconds between two commits that only changes on a cluster ask for.
        patience: seconds for which Flux may look again at what was ready before that is news.
    """

    coalesce: float = 1.0
    patience: float = 3.0
    _pushed: float = -math.inf
    _not_before: float = -math.inf
    _looks_since: float | None = None
    _last: EnvironmentStatus | None = None

    def pushed(self, now: float) -> None:
        """Note that a status is being pushed."""
        self._pushed, self._not_before = now, now + self.coalesce

    def wait_before_observing(self, now: float) -> float | None:
        """Seconds until it makes sense to see what runs; None when it does now."""
        left = self._not_before - now
        return left if left > 0 else None

    def hold_back(self, status: EnvironmentStatus, told: EnvironmentStatus | None, now: float, *, news: bool) -> float | None:
        """Seconds to hold a status back, after which to look at what runs once more; None when it is to be told now.

        Args:
            status: what would be told.
            told: what was told last.
            now: by the monotonic clock.
            news: whether it is asked for by more than changes on a cluster.
        """
        moves, self._last = status != self._last, status
        if told is not None and is_routine_recheck(status, told):
            self._looks_since = now if self._looks_since is None else self._looks_since
            left = self._looks_since + self.patience - now
            if left > 0:
                return left
        else:
            self._looks_since = None
        over = not moves or now - self._pushed > MAX_BURST * self.coalesce
        if news or status == told or over or not self.coalesce:
            return None
        self._not_before = now + QUIET_FRACTION * self.coalesce
        return QUIET_FRACTION * self.coalesce
