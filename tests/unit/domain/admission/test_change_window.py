from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.domain.admission.change_window import window_at, window_problem
from reconciler.model.policy import WindowRule, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = timedelta(minutes=1)


def rule(cron: str, duration: str = "2h", zone: str = "UTC") -> WindowRule:
    return WindowRule(kind="change-window", cron=cron, duration=duration, time_zone=zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# An oracle of its own: it walks over every minute, and reads cron expressions without cronsim.


def _values(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        numbers = range(low, high + 1) if span == "*" else range(int(first), int(last or first) + 1)
        found |= set(list(numbers)[:: int(step or 1)])
    return found


class Cron:
    def __init__(self, text: str) -> None:
        minute, hour, day, month, weekday = text.split()
        self.runs_on = minute.startswith("*") or hour.startswith("*")
        self.minutes, self.hours = _values(minute, 0, 59), _values(hour, 0, 23)
        self.days, self.months = _values(day, 1, 31), _values(month, 1, 12)
        self.weekdays = {n % 7 for n in _values(weekday, 0, 7)} if weekday != "*" else set(range(7))
        self.both = day.startswith("*") or weekday.startswith("*")

    def __contains__(self, shown: datetime) -> bool:
        day, weekday = shown.day in self.days, shown.isoweekday() % 7 in self.weekdays
        right_day = (day and weekday) if self.both else (day or weekday)
        return right_day and shown.month in self.months and shown.hour in self.hours and shown.minute in self.minutes


def firings(cron: Cron, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every minute in turn: does it fire then?"""
    before = (start - MINUTE).astimezone(zone).replace(tzinfo=None)
    seen: set[datetime] = set()  # what clocks showed already, for the hour that comes twice
    now = start
    while now <= end:
        shown = now.astimezone(zone).replace(tzinfo=None)
        fires = shown in cron and (cron.runs_on or shown not in seen)
        if not cron.runs_on:
            skipped = before + MINUTE
            while skipped < shown:
                fires = fires or skipped in cron
                skipped += MINUTE
        seen.add(shown)
        if fires:
            yield now
        before, now = shown, now + MINUTE


def oracle(one: WindowRule, start: datetime, end: datetime) -> tuple[list[datetime], set[datetime]]:
    """The firings between two moments, and the minutes that are open."""
    lasts = timedelta(seconds=seconds_of(one.duration))
    fired = list(firings(Cron(one.cron), ZoneInfo(one.time_zone), start, end))
    opened: set[datetime] = set()
    closes = start
    begins = set(fired)
    for now in (start + MINUTE * n for n in range(int((end + lasts - start) / MINUTE) + 1)):
        closes = now + lasts if now in begins else closes
        if now < closes:
            opened.add(now)
    return fired, opened


# Days on which clocks are set, and plain ones: Berlin and New York by an hour, Lord Howe by half of one, Samoa by a whole day;
# Casablanca for Ramadan, Santiago, Havana and Cairo at midnight, St. John's at a minute past it, Pyongyang once by half an hour.
DAYS = [
    ("Europe/Berlin", "2026-03-29T00:00"),
    ("Europe/Berlin", "2026-10-24T22:00"),
    ("America/New_York", "2026-03-08T05:00"),
    ("America/New_York", "2026-11-01T04:00"),
    ("Australia/Lord_Howe", "2026-04-04T13:00"),
    ("Australia/Lord_Howe", "2026-10-03T14:00"),
    ("Pacific/Apia", "2011-12-30T08:00"),
    ("America/St_Johns", "2026-03-08T04:00"),
    ("Asia/Kolkata", "2026-06-01T00:00"),
    ("UTC", "2026-02-28T12:00"),
    ("Africa/Casablanca", "2026-02-14T23:00"),
    ("Africa/Casablanca", "2026-03-21T23:00"),
    ("America/Santiago", "2026-09-06T00:00"),
    ("America/Santiago", "2026-04-05T00:00"),
    ("America/Havana", "2026-03-08T02:00"),
    ("Africa/Cairo", "2026-04-23T19:00"),
    ("America/St_Johns", "2006-04-02T00:00"),
    ("America/St_Johns", "2006-10-29T00:00"),
    ("Asia/Pyongyang", "2015-08-14T12:00"),
]
_minute = st.sampled_from(["0", "15", "30", "*/15", "*/20", "5,35", "59", "*", "0-10"])
_hour = st.sampled_from(["*", "0", "1", "2", "3", "1-3", "*/2", "14", "23", "0,2"])
_day = st.sampled_from(["*", "*", "*", "29", "1", "30-31"])
_weekday = st.sampled_from(["*", "*", "0", "7", "2,4", "1-5", "6"])
crons = st.tuples(_minute, _hour, _day, st.just("*"), _weekday).map(" ".join)


@settings(deadline=None, max_examples=20)
@given(crons, st.sampled_from(["1m", "10m", "30m", "45m", "1h", "90m", "2h", "5h", "26h"]), st.sampled_from(DAYS))
@example("30 2 * * *", "1h", DAYS[0])
@example("30 2 * * *", "1h", DAYS[1])
@example("45 1 * * *", "30m", DAYS[4])
@example("*/15 * * * *", "15m", DAYS[1])
@example("0 12 * * *", "2h", DAYS[6])
@example("* * * * *", "1m", DAYS[0])
@example("* * * * *", "1m", DAYS[6])
def test_it_is_open_when_a_walk_over_all_minutes_says_so(cron: str, duration: str, day: tuple[str, str]) -> None:
    agrees(cron, duration, day)


# Among them are those for which cronsim, given the zone, skips firings, names one that is past, or never returns.
@pytest.mark.parametrize(
    "cron", ["30 2 * * *", "15 0 * * 0", "59 23 * * 1-5", "*/15 0,2 * * *", "5,35 */2 * * *", "*/20 23 * * *"]
)
@pytest.mark.parametrize("day", DAYS, ids=" ".join)
def test_it_agrees_with_that_walk_wherever_clocks_are_set(cron: str, day: tuple[str, str]) -> None:
    agrees(cron, "20m", day)


def agrees(cron: str, duration: str, day: tuple[str, str]) -> None:
    """Assert that a window is open when the oracle says so, around a day, and until then."""
    zone, start = day[0], at(day[1])
    one = rule(cron, duration, zone)
    early, end = start - timedelta(hours=27), start + timedelta(hours=40)
    fired, open_ = oracle(one, early, end)
    for n in range(0, 9 * 60, 97):
        now = start + MINUTE * n
        found = window_at(one, now)
        assert found.open == (now in open_), (now, found)
        if found.open and found.until is not None and found.until <= end:
            assert found.until not in open_
            assert all(now + MINUTE * k in open_ for k in range(int((found.until - now) / MINUTE)))
        if not found.open and found.until is not None and found.until <= end:
            assert found.until == next(one for one in fired if one > now)
        if not found.open and found.until is not None and found.until > end:
            assert not [one for one in fired if one > now]


@given(st.integers(0, 15 * 366 * 86_400), st.sampled_from([d[0] for d in DAYS]))
@settings(deadline=None)
def test_what_it_says_comes_true(seconds: int, zone: str) -> None:
    """At the moment that is told, it has changed; right before, it has not."""
    one, now = rule("30 2 * * 0,3", "90m", zone), at("2020-01-01T00:00") + timedelta(seconds=seconds)
    found = window_at(one, now)
    assert found.until is not None
    assert now < found.until < now + timedelta(days=8)
    assert window_at(one, found.until).open is not found.open
    assert window_at(one, found.until - timedelta(microseconds=1)).open is found.open


def test_the_issues_own_window() -> None:
    one = rule("0 14 * * 2,4", "2h")  # Tuesdays and Thursdays
    assert window_at(one, at("2026-12-01T13:59:59")).until == at("2026-12-01T14:00")
    assert window_at(one, at("2026-12-01T14:00")).open
    assert window_at(one, at("2026-12-01T15:59:59")).until == at("2026-12-01T16:00")
    assert window_at(one, at("2026-12-01T16:00")) == window_at(one, at("2026-12-02T23:00"))
    assert window_at(one, at("2026-12-01T16:00")).until == at("2026-12-03T14:00")


def test_windows_that_overlap_are_one() -> None:
    assert window_at(rule("0 9-11 * * *", "90m"), at("2026-06-01T09:10")).until == at("2026-06-01T12:30")
    always = window_at(rule("* * * * *", "1h"), at("2026-06-01T09:10"))
    assert always.open
    assert always.until is None


def test_a_window_a_year_away_is_found_at_once() -> None:
    began = time.perf_counter()
    assert window_at(rule("0 0 29 2 *"), at("2026-06-01T09:10")).until == at("2028-02-29T00:00")
    assert window_at(rule("* * * * *", "1m"), at("2026-06-01T09:10")).open
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    ("cron", "zone", "fault"),
    [
        ("0 0 30 2 *", "UTC", ("cron", "day-of-month")),
        ("0 0 31 4,6 *", "UTC", ("cron", "day-of-month")),
        ("0 25 * * *", "UTC", ("cron", "bad hour")),
        ("* * * *", "UTC", ("cron", "five fields")),
        ("0 0 0 * * *", "UTC", ("cron", "five fields")),
        ("@daily", "UTC", ("cron", "five fields")),
        ("0 0 * * *", "Europe/Berlln", ("timeZone", "not a known time zone")),
        ("0 0 * * *", "../../etc/passwd", ("timeZone", "not the name")),
        ("0 0 * * *", "/etc/passwd", ("timeZone", "not the name")),
        ("0 0 * * *", "a" * 300, ("timeZone", "")),
    ],
)
def test_what_could_never_open_is_found(cron: str, zone: str, fault: tuple[str, str]) -> None:
    found = window_problem(cron, zone)
    assert found is not None
    assert found[0] == fault[0]
    assert fault[1] in found[1]


@given(st.text(alphabet="0123456789*/-,#LW adMON", max_size=30), st.text(max_size=20))
def test_no_text_takes_it_down(cron: str, zone: str) -> None:
    window_problem(cron, zone)
