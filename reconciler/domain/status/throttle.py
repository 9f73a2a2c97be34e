"""Detects status changes that are only Flux's periodic re-check of a healthy release, so that they are not committed.

Limits the rate of the other status commits: the first change of a burst is committed at once, later ones are coalesced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.status import ApplicationStatus, EnvironmentStatus, PlacementStatus

QUIET_FRACTION: Final = 0.1  # of `coalesce`: a burst is over after this long without a change
MAX_BURST: Final = 5  # times `coalesce` after a commit, after which a status is committed although the burst goes on


def is_routine_recheck(now: EnvironmentStatus, before: EnvironmentStatus) -> bool:
    """Whether the only changes are that Flux re-checks releases that were ready and are still the same.

    Flux does so at every interval, mostly for some tenths of a second, in which the release is Reconciling (row 21).
    """
    return (
        (now.input, now.resolved, now.refused, now.problems) == (before.input, before.resolved, before.refused, before.problems)
        and [c for c in now.conditions if c.type != "Ready"] == [c for c in before.conditions if c.type != "Ready"]
        and now.applications != before.applications
        and all(a and b and _is_same_application(a, b) for a, b in zip_longest(now.applications, before.applications))
    )


def _is_same_application(now: ApplicationStatus, before: ApplicationStatus) -> bool:
    return (now.name, now.digest) == (before.name, before.digest) and all(
        a and b and (a == b or _is_recheck(a, b)) for a, b in zip_longest(now.placements, before.placements)
    )


def _is_recheck(now: PlacementStatus, before: PlacementStatus) -> bool:
    return (
        now.cluster == before.cluster
        and (before.ready, now.reason) == ("True", "Reconciling")
        and now.evidence is not None
        and before.evidence is not None
        and (now.evidence.uid, now.evidence.entry) == (before.evidence.uid, before.evidence.entry)
    )


@dataclass
class StatusThrottle:
    """Limits the rate of one Environment's status commits. Times are seconds of the monotonic clock.

    The first change is committed at once. Later changes are coalesced: at most one commit per `coalesce` seconds, and none in the
    middle of a burst.

    Attributes:
        coalesce: seconds between two commits for changes on a cluster alone.
        patience: seconds for which a routine re-check by Flux is not committed.
    """

    coalesce: float = 1.0
    patience: float = 3.0
    _pushed: float = -math.inf
    _not_before: float = -math.inf
    _recheck_since: float | None = None
    _last: EnvironmentStatus | None = None

    def pushed(self, now: float) -> None:
        """Records that a status is being pushed."""
        self._pushed, self._not_before = now, now + self.coalesce

    def wait_before_observing(self, now: float) -> float | None:
        """Returns the seconds to wait before the next observation; None when it is due now."""
        remaining = self._not_before - now
        return remaining if remaining > 0 else None

    def hold_back(
        self, status: EnvironmentStatus, committed: EnvironmentStatus | None, now: float, *, news: bool
    ) -> float | None:
        """Returns the seconds to hold a status back before the next observation; None when it is to be committed now.

        Args:
            status: the new status.
            committed: the status committed last.
            now: by the monotonic clock.
            news: whether there is more to report than changes on a cluster.
        """
        changes, self._last = status != self._last, status
        if committed is not None and is_routine_recheck(status, committed):
            self._recheck_since = now if self._recheck_since is None else self._recheck_since
            remaining = self._recheck_since + self.patience - now
            if remaining > 0:
                return remaining
        else:
            self._recheck_since = None
        is_over = not changes or now - self._pushed > MAX_BURST * self.coalesce
        if news or status == committed or is_over or not self.coalesce:
            return None
        self._not_before = now + QUIET_FRACTION * self.coalesce
        return QUIET_FRACTION * self.coalesce
