"""Computes when a change window is open, until when, and when the next one opens.

A window opens whenever its cron expression fires and stays open for its duration; overlapping windows count as one. Where clocks
are set forward, a firing in the skipped time happens right after it. Where they are set back, the repeated hour counts once, as
in Debian's cron, unless the expression fires through the hours anyway (its minute or hour begins with `*`). cronsim finds local
times; this module converts them into instants, and a minute-by-minute oracle in the tests checks it. Given times with a zone,
cronsim 2.8 returns firings that are past where clocks are set (`15 2 * * 0` in Europe/Berlin), skips others
(half-hour changes, as in Australia/Lord_Howe), and for some never returns (`*/20 23 * * 1-5` in Pacific/Apia, 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from reconciler.model.policy import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.policy import WindowRule

_FIELDS: Final = 5
_MINUTE: Final = timedelta(minutes=1)
# No zone was ever shifted by more than a day: this near a shift, local times may not be in the order of instants.
_SPREAD: Final = timedelta(hours=25)
_MAX_JOINED: Final = 60  # adjacent windows that are joined before the search for an end stops
_SOME_LEAP_YEAR: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - a local time, of no zone


@dataclass(frozen=True)
class Window:
    """The state of a change window at a moment.

    Attributes:
        open: whether the window is open.
        until: when it closes or, if it is closed, opens; None when there is no such moment in sight.
    """

    open: bool
    until: datetime | None


def window_problem(cron: str, zone: str) -> tuple[str, str] | None:
    """Returns the field (`cron` or `timeZone`) that keeps a window from ever opening, and the reason; None for a valid window."""
    if len(cron.split()) != _FIELDS:
        return "cron", "must have five fields: minute, hour, day of month, month, day of week"
    try:
        next(CronSim(cron, _SOME_LEAP_YEAR))
    except CronSimError as error:
        return "cron", f"is not a cron expression: {str(error).lower()}"
    except StopIteration:
        return "cron", "never fires"
    try:
        ZoneInfo(zone)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return "timeZone", "is not the name of a time zone, such as Europe/Berlin"
    except KeyError:
        return "timeZone", "is not a known time zone; use an IANA name, such as Europe/Berlin"
    return None


def window_at(rule: WindowRule, now: datetime) -> Window:
    """Returns the state of a rule's window.

    Args:
        rule: a rule of a valid policy (`window_problem` returned None).
        now: the current time, with any zone.
    """
    cron, zone, duration = rule.cron, ZoneInfo(rule.time_zone), timedelta(seconds=seconds_of(rule.duration))
    now = now.astimezone(UTC)
    latest = _last(cron, zone, now)
    if latest is None or latest + duration <= now:
        return Window(open=False, until=_next(cron, zone, now))
    until = latest + duration
    for _ in range(_MAX_JOINED):
        # the last firing before the end of the open window decides how long it stays open
        next_latest = _last(cron, zone, until)
        if next_latest is None or next_latest + duration <= until:
            return Window(open=True, until=until)
        until = next_latest + duration
    return Window(open=True, until=None)


def _last(cron: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Returns the last firing at or before a moment."""
    latest: datetime | None = None
    start = _clock(zone, now).replace(second=0, microsecond=0) + _spread(zone, now) + _MINUTE
    for shown in CronSim(cron, start, reverse=True):
        for instant in _instants(cron, zone, shown):
            if instant <= now and (latest is None or instant > latest):
                latest = instant
        if latest is not None and shown <= _clock(zone, latest) - _spread(zone, latest):
            return latest
    return latest


def _next(cron: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Returns the first firing after a moment."""
    earliest: datetime | None = None
    for shown in CronSim(cron, _clock(zone, now) - _spread(zone, now)):
        for instant in _instants(cron, zone, shown):
            if instant > now and (earliest is None or instant < earliest):
                earliest = instant
        if earliest is not None and shown >= _clock(zone, earliest) + _spread(zone, earliest):
            return earliest
    return earliest


def _clock(zone: ZoneInfo, instant: datetime) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _spread(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Returns how far from a moment local times may be out of order."""
    offsets = {(instant + shift).astimezone(zone).utcoffset() for shift in (-_SPREAD, timedelta(), _SPREAD)}
    known = [offset for offset in offsets if offset is not None]
    return max(known) - min(known)


def _instants(cron: str, zone: ZoneInfo, shown: datetime) -> Iterator[datetime]:
    """Yields the instants of a local time in a zone: none, one, two, or the end of the gap in which it was skipped."""
    fires_in_both = any(field.startswith("*") for field in cron.split()[:2])
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _clock(zone, first) != shown:  # skipped: fold 0 gives an instant after the gap, fold 1 one before it
        if not fires_in_both:
            yield _transition(zone, second, first)
        return
    yield first
    if fires_in_both and second > first:
        yield second


def _transition(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Returns the minute at which clocks were shifted, between two moments."""
    low, high = 0, int((after - before) / _MINUTE)
    changed = after.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if (before + middle * _MINUTE).astimezone(zone).utcoffset() == changed else (middle, high)
    return before + high * _MINUTE
