"""When a cluster is asked for what, and how often: a settled one costs next to nothing, and a broken one too."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.kubernetes.reflector import MAX_BACKOFF, STABLE_AFTER, Reflector
from reconciler.adapters.kubernetes.release_projection import Releases, WatchEvent
from reconciler.adapters.kubernetes.release_store import ReleaseStore
from reconciler.model.errors import AccessDeniedError, NotFoundError, ReconcilerError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW = 20


class Scripted:
    """An API that does as it is told, on a clock of its own; `calls` are what it was asked, with the moment."""

    def __init__(
        self, *, windows: float = WINDOW, lists: ReconcilerError | None = None, watches: ReconcilerError | None = None
    ) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, str]] = []
        self.windows = windows
        self.lists = lists
        self.watches = watches
        self.wakes = 0
        self.until = 0.0
        self.changes: Callable[[], list[WatchEvent]] = list
        self.sight = ReleaseStore(0.0)
        self.follower = Reflector(
            lambda: self,
            self.sight,
            context="ctx",
            window=WINDOW,
            clock=lambda: self.now,
            stopped=lambda: self.now >= self.until,
            on_change=self.wake,
        )

    def wake(self) -> None:
        self.wakes += 1

    def releases(self) -> tuple[Releases, str]:
        self.asked("list", self.lists)
        return {("ns", "a"): {}}, "1"

    def watch(self, version: str, seconds: int) -> Iterator[list[WatchEvent]]:
        self.asked(f"watch from {version} for {seconds} s", self.watches)
        return self.stream()

    def stream(self) -> Iterator[list[WatchEvent]]:
        yield self.changes()
        self.now += self.windows

    def confirm(self) -> None:
        self.asked("confirm", None)

    def asked(self, what: str, fault: ReconcilerError | None) -> None:
        self.now += 0.001
        self.calls.append((self.now, what))
        if fault is not None:
            raise fault

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass

    def run(self, seconds: float) -> list[str]:
        self.until = self.now + seconds
        while self.now < self.until:
            pause = self.follower.run_once()
            self.now += pause
        return [what for _, what in self.calls]


def test_a_settled_cluster_is_listed_once_and_costs_two_small_calls_a_window() -> None:
    api = Scripted()
    calls = api.run(3600)
    assert calls[:4] == ["list", "watch from 1 for 20 s", "confirm", "watch from 1 for 20 s"]
    assert calls.count("list") == 1
    assert len(calls) <= 2 * 3600 / WINDOW + 2
    assert api.wakes == 1


def test_what_is_seen_of_a_settled_cluster_is_never_older_than_a_window() -> None:
    api = Scripted()
    oldest = 0.0

    def look() -> list[WatchEvent]:
        nonlocal oldest
        oldest = max(oldest, api.sight.observe(("ns", "a"), api.now + WINDOW).age)
        return []

    api.changes = look
    api.run(600)
    assert WINDOW <= oldest < WINDOW + 1


def test_a_watch_goes_on_from_the_last_thing_it_told() -> None:
    api = Scripted()
    told = iter([[WatchEvent("5", ("ns", "a"), {"n": 1}), WatchEvent("6", ("ns", "a"), None)], [], [WatchEvent("9")]])
    api.changes = lambda: next(told, [])
    assert [c for c in api.run(70) if c.startswith("watch")] == [f"watch from {v} for 20 s" for v in (1, 6, 6, 9)]
    assert api.wakes == 2  # the list, and one burst


def test_news_that_say_what_is_known_wake_nobody() -> None:
    api = Scripted()
    api.changes = lambda: [WatchEvent("5", ("ns", "a"), {}), WatchEvent("6", ("ns", "gone"), None), WatchEvent("7")]
    api.run(100)
    assert api.wakes == 1


@pytest.mark.parametrize(
    "api",
    [
        Scripted(lists=UnavailableError("refused")),
        Scripted(lists=AccessDeniedError("401")),
        Scripted(lists=NotFoundError("404")),
        Scripted(watches=AccessDeniedError("403")),
        Scripted(watches=UnavailableError("410")),
        Scripted(windows=0.0),  # it agrees to a watch and ends it at once
    ],
    ids=["silent", "denied", "no API", "may not watch", "410 for ever", "ends at once"],
)
def test_a_cluster_that_fails_is_never_asked_in_a_hot_loop_and_soon_enough(api: Scripted) -> None:
    api.run(600)
    moments = [at for at, what in api.calls if what == "list"]
    gaps = [after - before for before, after in pairwise(moments)]
    assert gaps[:4] == pytest.approx([0.5, 1.0, 2.0, 4.0], abs=0.01)
    assert set(map(round, gaps[4:])) == {round(MAX_BACKOFF)}
    assert api.wakes <= (len(moments) if api.windows == 0 else 1)


def test_pauses_begin_anew_after_it_went_well() -> None:
    api = Scripted(windows=STABLE_AFTER)  # something cuts each watch, but not at once
    assert api.run(100).count("list") > 100 / (STABLE_AFTER + 1)


def test_a_server_that_tells_more_than_can_be_kept_is_left() -> None:
    api = Scripted()
    api.changes = lambda: [WatchEvent("5", ("ns", str(n)), {}) for n in range(50_001)]
    api.run(0.4)
    assert [what for _, what in api.calls] == ["list", "watch from 1 for 20 s"]


def test_a_server_that_does_not_end_a_window_is_left() -> None:
    api = Scripted()

    def endless() -> Iterator[list[WatchEvent]]:
        while True:
            api.now += 1
            yield []

    api.stream = endless  # type: ignore[method-assign]
    api.run(60)
    moments = [at for at, what in api.calls if what == "list"]
    assert moments[1] - moments[0] == pytest.approx(WINDOW + 6.5, abs=1)
