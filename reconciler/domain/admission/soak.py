"""How long packages were seen Ready, from the history of a `status` branch.

At any second, what counts is the newest status that is not after it: a clock that ran backwards, or far ahead for a while, adds
no time. A package's time adds up over all of the history: an hour in which it was not Ready does not count, and takes nothing
away. Time that nobody watched does not count either.
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
    """A status, as it was committed.

    Attributes:
        at: when, in seconds since the epoch.
        ready: by artifact digest, whether it was Ready on all its placements, in every Application that is of it.
        unwatched_since: since when nobody had looked at those before it, if there was such a time.
    """

    at: int
    ready: Mapping[str, bool]
    unwatched_since: int | None = None


@dataclass(frozen=True)
class SoakTime:
    """What was seen of a package.

    Attributes:
        digest: its artifact's.
        seconds: for how long it was Ready.
        ready: whether it is now, as far as somebody watches.
        seen: whether it was ever there.
    """

    digest: str
    seconds: int
    ready: bool
    seen: bool


def seen(status: EnvironmentStatus | None, at: int, unwatched_since: int | None = None) -> ObservedStatus:
    """What a status says of artifacts; one that cannot be read (None) says nothing good of any."""
    ready: dict[str, bool] = {}
    for one in status.applications if status else ():
        ready[one.digest] = ready.get(one.digest, True) and one.ready == "True" and bool(one.placements)
    return ObservedStatus(at, ready, unwatched_since)


def soaked(history: Sequence[ObservedStatus], digests: Iterable[str], *, until: int, now: int) -> tuple[SoakTime, ...]:
    """Add up for how long each package was Ready.

    Args:
        history: statuses in the order of their commits, the oldest first; older ones may be left out, which only takes time away.
        digests: of which artifacts.
        until: when the newest status was last known to stand, in seconds since the epoch.
        now: the time now, by our own clock; nothing after it counts.
    """
    spans = _spans(history, min(until, now))
    watched = until >= now
    return tuple(
        SoakTime(
            digest,
            sum(seconds for seconds, one in spans if one.ready.get(digest, False)),
            watched and bool(history) and history[-1].ready.get(digest, False),
            any(digest in one.ready for one in history),
        )
        for digest in digests
    )


def new_packages(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[Package, ...]:
    """The packages that must have soaked: those that are new, or of another artifact than before. One for each artifact."""
    before = {(p.application, p.digest) for p in prior.packages} if prior else set()
    return tuple({p.digest: p for p in lock.packages if (p.application, p.digest) not in before}.values())


def _spans(history: Sequence[ObservedStatus], end: int) -> list[tuple[int, ObservedStatus]]:
    """For how many seconds each status was the newest, was watched, and was not overtaken by one that was made before it."""
    found: list[tuple[int, ObservedStatus]] = []
    unwatched: list[tuple[int, int]] = []
    for one in reversed(history):
        found.append((_without(one.at, end, sorted(unwatched)), one))
        end = min(end, one.at)
        if one.unwatched_since is not None and one.unwatched_since < one.at:
            unwatched.append((one.unwatched_since, one.at))
    return found


def _without(start: int, end: int, gaps: Iterable[tuple[int, int]]) -> int:
    """The seconds between two moments, without those in some gaps, which are sorted and may overlap."""
    seconds = 0
    for begin, finish in gaps:
        if finish <= start:
            continue
        seconds += max(0, min(begin, end) - start)
        start = max(start, finish)
    return seconds + max(0, end - start)
