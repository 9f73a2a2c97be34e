"""Adds up how long packages were observed Ready, from the history of a `status` branch.

At any second, the newest status that is not later counts: a clock that ran backwards, or far ahead for a while, adds no time. A
package's time adds up over the whole history: an hour in which it was not Ready does not count, and subtracts nothing. Time in
which nothing was observed does not count either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.status import EnvironmentStatus


@dataclass(frozen=True)
class ObservedStatus:
    """A committed status.

    Attributes:
        at: when it was committed, in seconds since the epoch.
        ready: by artifact digest, whether the artifact was Ready on all its placements, in every Application that runs it.
        unwatched_since: since when nothing had been observed before it (seconds since the epoch); None without such a gap.
    """

    at: int
    ready: Mapping[str, bool]
    unwatched_since: int | None = None


@dataclass(frozen=True)
class SoakTime:
    """The soak time of a package.

    Attributes:
        digest: its artifact's digest.
        seconds: for how long it was observed Ready.
        ready: whether it is Ready now; False when the status is not current.
        seen: whether it was ever installed.
    """

    digest: str
    seconds: int
    ready: bool
    seen: bool


def observed_status(status: EnvironmentStatus | None, at: int, unwatched_since: int | None = None) -> ObservedStatus:
    """Returns the readiness of artifacts in a status; an unreadable status (None) has no artifact that is Ready."""
    ready: dict[str, bool] = {}
    for application in status.applications if status else ():
        ready[application.digest] = (
            ready.get(application.digest, True) and application.ready == "True" and bool(application.placements)
        )
    return ObservedStatus(at, ready, unwatched_since)


def soaked(history: Sequence[ObservedStatus], digests: Iterable[str], *, until: int, now: int) -> tuple[SoakTime, ...]:
    """Adds up for how long each package was Ready.

    Args:
        history: statuses in the order of their commits, the oldest first; omitting the oldest only reduces the time.
        digests: the digests of the artifacts.
        until: when the newest status was last confirmed, in seconds since the epoch.
        now: the current time by the reconciler's clock, in seconds since the epoch; nothing after it counts.
    """
    spans = _spans(history, min(until, now))
    is_current = until >= now
    return tuple(
        SoakTime(
            digest,
            sum(seconds for seconds, status in spans if status.ready.get(digest, False)),
            is_current and bool(history) and history[-1].ready.get(digest, False),
            any(digest in status.ready for status in history),
        )
        for digest in digests
    )


def new_packages(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[Package, ...]:
    """Returns the packages that must have soaked, one per artifact: new Applications, and those with a new artifact."""
    locked = {(p.application, p.digest) for p in prior.packages} if prior else set()
    return tuple({p.digest: p for p in lock.packages if (p.application, p.digest) not in locked}.values())


def _spans(history: Sequence[ObservedStatus], end: int) -> list[tuple[int, ObservedStatus]]:
    """Returns for how many seconds each status was the newest and observed.

    Its time ends at the earliest time of all later commits, so that a clock that ran ahead adds nothing.
    """
    spans: list[tuple[int, ObservedStatus]] = []
    unwatched: list[tuple[int, int]] = []
    for status in reversed(history):
        spans.append((_without(status.at, end, sorted(unwatched)), status))
        end = min(end, status.at)
        if status.unwatched_since is not None and status.unwatched_since < status.at:
            unwatched.append((status.unwatched_since, status.at))
    return spans


def _without(start: int, end: int, gaps: Iterable[tuple[int, int]]) -> int:
    """Returns the seconds between two moments without those in the gaps, which are sorted and may overlap."""
    seconds = 0
    for gap_start, gap_end in gaps:
        if gap_end <= start:
            continue
        seconds += max(0, min(gap_start, end) - start)
        start = max(start, gap_end)
    return seconds + max(0, end - start)
