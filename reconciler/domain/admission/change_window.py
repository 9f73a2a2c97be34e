"""Change windows: when one is open, until when, and when the next one opens.

A window opens whenever its cron expression fires and stays open for its duration; windows that overlap are one. Where clocks are
set forward, what would have fired in the skipped time fires right after it. Where they are set back, the hour that comes twice
counts once, as Debian's cron has it, unless the expression runs through the hours anyway (its minute or hour begins with `*`).
cronsim finds what clocks show; this module turns that into moments, and a minute-by-minute oracle in the tests checks it. Given
times with a zone, cronsim 2.8 names firings that are past where clocks are set (`15 2 * * 0` in Europe/Berlin), skips others
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
# No zone was ever set by more than a day: so far around that, what clocks show may not be in the order of what happens.
_SPREAD: Final = timedelta(hours=25)
_MOST_JOINED: Final = 60  # windows that follow each other without a pause, before "until" is given up
_SOME_LEAP_YEAR: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - what clocks show, of no zone


@dataclass(frozen=True)
class Window:
    """Whether a window is open.

    Attributes:
        open: so it is.
        until: until when it is; None when no end is in sight.
    """

    open: bool
    until: datetime | None


def window_problem(cron: str, zone: str) -> tuple[str, str] | None:
    """Why a window could never open: which field is at fault, `cron` or `timeZone`, and what is wrong; None when all is well."""
    if len(cron.split()) != _FIELDS:
        return "cron", "a cron expression has five fields: minute, hour, day of month, month, day of week"
    try:
        next(CronSim(cron, _SOME_LEAP_YEAR))
    except CronSimError as error:
        return "cron", f"it is no cron expression: {str(error).lower()}"
    except StopIteration:
        return "cron", "it never fires"
    try:
        ZoneInfo(zone)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return "timeZone", "it is not the name of a time zone, such as Europe/Berlin"
    except KeyError:
        return "timeZone", "there is no such time zone; an IANA name is asked for, such as Europe/Berlin"
    return None


def window_at(rule: WindowRule, now: datetime) -> Window:
    """Whether a rule's window is open.

    Args:
        rule: of a policy that was accepted (`window_problem` finds nothing).
        now: with a zone, any.
    """
    cron, zone, lasts = rule.cron, ZoneInfo(rule.time_zone), timedelta(seconds=seconds_of(rule.duration))
    now = now.astimezone(UTC)
    last = _last(cron, zone, now)
    if last is None or last + lasts <= now:
        return Window(open=False, until=_next(cron, zone, now))
    until = last + lasts
    for _ in range(_MOST_JOINED):
        # the last firing before the end of what is open decides how long it stays so
        later = _last(cron, zone, until)
        if later is None or later + lasts <= until:
            return Window(open=True, until=until)
        until = later + lasts
    return Window(open=True, until=None)


def _last(cron: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The last firing at or before a moment."""
    found: datetime | None = None
    start = _clock(zone, now).replace(second=0, microsecond=0) + _spread(zone, now) + _MINUTE
    for shown in CronSim(cron, start, reverse=True):
        for instant in _instants(cron, zone, shown):
            if instant <= now and (found is None or instant > found):
                found = instant
        if found is not None and shown <= _clock(zone, found) - _spread(zone, found):
            return found
    return found


def _next(cron: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The first firing after a moment."""
    found: datetime | None = None
    for shown in CronSim(cron, _clock(zone, now) - _spread(zone, now)):
        for instant in _instants(cron, zone, shown):
            if instant > now and (found is None or instant < found):
                found = instant
        if found is not None and shown >= _clock(zone, found) + _spread(zone, found):
            return found
    return found


def _clock(zone: ZoneInfo, instant: datetime) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _spread(zone: ZoneInfo, instant: datetime) -> timedelta:
    """How far from a moment what clocks show may be out of order."""
    around = {(instant + shift).astimezone(zone).utcoffset() for shift in (-_SPREAD, timedelta(), _SPREAD)}
    known = [offset for offset in around if offset is not None]
    return max(known) - min(known)


def _instants(cron: str, zone: ZoneInfo, shown: datetime) -> Iterator[datetime]:
    """When clocks of a zone show something: never, once or twice, or right after the gap that swallowed it."""
    runs_on = any(field.startswith("*") for field in cron.split()[:2])
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _clock(zone, first) != shown:  # it was skipped: the first reading is after that, the second before it
        if not runs_on:
            yield _transition(zone, second, first)
        return
    yield first
    if runs_on and second > first:
        yield second


def _transition(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The minute at which clocks were set, between two moments."""
    low, high = 0, int((after - before) / _MINUTE)
    changed = after.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if (before + middle * _MINUTE).astimezone(zone).utcoffset() == changed else (middle, high)
    return before + high * _MINUTE
