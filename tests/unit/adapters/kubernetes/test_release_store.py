"""Whatever a cluster's API does, what is shown of it was true at a moment no older than the age that is told.

The real protocol (`follow`) and the real `ReleaseStore` are driven by scripts of changes, time and faults. The API is played by
a world that keeps its whole history, so that every observation can be held against what was true and when.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.adapters.kubernetes.reflector import Reflector
from reconciler.adapters.kubernetes.release_projection import UNREADABLE, Key, ReleaseObject, Releases, WatchEvent
from reconciler.adapters.kubernetes.release_store import ReleaseStore
from reconciler.model.errors import AccessDeniedError, ConfigurationError, NotFoundError, ReconcilerError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = 20
KEYS: tuple[Key, ...] = (("flux", "a"), ("flux", "b"), ("flux", "c"))

Step = tuple[str, Any]
CHANGES = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS)),
    st.tuples(st.just("drop"), st.sampled_from(KEYS)),
    st.tuples(st.just("wait"), st.sampled_from([0.25, 1.0, 7.0, 19.75, 20.25, 20.25, 90.0])),
    st.tuples(st.just("compact"), st.none()),
)
# How the next call, or the next piece of a stream, comes out.
FAULTS = (
    AccessDeniedError("401"),
    NotFoundError("404"),
    ConfigurationError("exec"),
    UnavailableError("cut"),
    RuntimeError("odd"),
)
OUTCOMES = st.sampled_from(
    [
        *[("answer", "now")] * 4,
        *[("answer", "as it was when asked")] * 2,
        *[("stream", how) for how in ("tell", "tell", "tell", "tell one", "bookmark", "end", "nothing")],
        *[("fault", fault) for fault in FAULTS],
    ]
)
SCRIPTS = st.lists(st.one_of(CHANGES, OUTCOMES), max_size=80)


@dataclass
class SimulatedCluster:
    """An API, its whole history, and what it has told so far."""

    script: Iterator[Step]
    now: float = 1000.0
    version: int = 1
    compacted: int = 0
    exhausted: bool = False
    truth: Releases = field(default_factory=dict)
    log: list[tuple[float, int, Key, ReleaseObject | None]] = field(default_factory=list)
    answered: float = 1000.0
    pending: Releases | None = None
    told: Releases | None = None
    refused: bool = False
    admitted: bool = False
    looked: list[Any] = field(default_factory=list)
    sight: ReleaseStore = field(init=False)

    def __post_init__(self) -> None:
        self.sight = ReleaseStore(self.now)
        self.looked = self.look()

    # What `follow` sees.

    def connect(self) -> SimulatedCluster:
        self.check()
        return self

    def releases(self) -> tuple[Releases, str]:
        before, version = dict(self.truth), self.version
        how = self.outcome()
        self.answered = self.now
        self.pending, version = (before, version) if how == "as it was when asked" else (dict(self.truth), self.version)
        return dict(self.pending), str(version)

    def watch(self, version: str, seconds: int) -> Iterator[list[WatchEvent]]:
        self.outcome()
        self.answered = self.now
        if int(version) < self.compacted:  # as real servers do: agreed to, and told inside the stream
            self.admit()
            return self.gone()
        self.admit()
        return self.stream(int(version), self.now + seconds)

    def confirm(self) -> None:
        self.outcome()
        self.answered = self.now

    def interrupt(self) -> None:
        raise AssertionError("nobody asked for that")

    def close(self) -> None:
        pass

    # How it plays it.

    def admit(self) -> None:
        self.admitted = True
        if self.pending is not None:
            self.told, self.pending, self.refused = self.pending, None, False

    def gone(self) -> Iterator[list[WatchEvent]]:
        self.check()
        raise UnavailableError("410")
        yield []

    def stream(self, version: int, end: float) -> Iterator[list[WatchEvent]]:
        while True:
            how = self.outcome(streaming=True)
            due = [(v, key, release) for t, v, key, release in self.log if v > version and t <= end]
            over = self.now >= end or how == "end"
            if over or how == "tell":
                yield self.tell(due)
                version = max([version, *(v for v, _, _ in due)])
            elif how == "tell one":
                yield self.tell(due[:1])
                version = max([version, *(v for v, _, _ in due[:1])])
            elif how == "bookmark" and not due:
                version = self.version
                yield [WatchEvent(str(version))]
            else:
                yield []
            if over:
                self.check()
                return

    def tell(self, due: list[tuple[int, Key, ReleaseObject | None]]) -> list[WatchEvent]:
        self.answered = self.now
        assert self.told is not None
        for _, key, release in due:
            self.told.pop(key, None) if release is None else self.told.update({key: release})
        return [WatchEvent(str(v), key, release) for v, key, release in due]

    def outcome(self, *, streaming: bool = False) -> str:
        """Let the world go on until it is clear how the call comes out."""
        self.check()
        for kind, what in self.script:
            if kind == "fault":
                self.fail(what)
            if kind == ("stream" if streaming else "answer"):
                return str(what)
            self.step(kind, what)
            self.check()
        self.exhausted = True
        raise UnavailableError("the script is at its end")

    def step(self, kind: str, what: Any) -> None:
        if kind == "wait":
            self.now += what
        elif kind == "compact":
            self.compacted = self.version
        elif kind == "put":
            self.change(what, {"version": self.version})
        elif kind == "drop" and what in self.truth:
            self.change(what, None)

    def change(self, key: Key, release: ReleaseObject | None) -> None:
        self.version += 1
        self.log.append((self.now, self.version, key, release))
        self.truth.pop(key, None) if release is None else self.truth.update({key: release})

    def fail(self, fault: Exception) -> None:
        self.pending = None
        if isinstance(fault, ReconcilerError) and not isinstance(fault, UnavailableError):
            if (
                not isinstance(fault, AccessDeniedError) or not self.admitted
            ):  # else the next client has to try its credentials first
                self.refused, self.told = True, None
            self.admitted = False
        raise fault

    # What has to hold.

    def look(self) -> list[Any]:
        seen = [self.sight.observe(key, self.now) for key in KEYS]
        return [(o.failure, o.listed, o.release) for o in seen]

    def on_change(self) -> None:
        self.looked = self.look()

    def check(self) -> None:
        assert self.look() == self.looked, "something changed and nobody was told to look"
        for key in KEYS:
            seen = self.sight.observe(key, self.now)
            assert seen.age >= self.now - self.answered, "the API has not answered for longer than that"
            if self.refused or self.told is None:
                assert not seen.listed
                assert seen.release is None
                assert (seen.failure is not None) or not self.refused
                continue
            assert (seen.failure, seen.listed, seen.release) == (None, True, self.told.get(key))
            assert self.was_so(key, seen.release, self.now - seen.age), "this was not true so lately"

    def was_so(self, key: Key, release: ReleaseObject | None, since: float) -> bool:
        """Whether something was true at any moment since."""
        changes = [(0.0, None), *((t, r) for t, _, k, r in self.log if k == key)]
        ends = [t for t, _ in changes[1:]] + [self.now]
        return any(r == release and end >= since for (_, r), end in zip(changes, ends, strict=True))


def follower(world: SimulatedCluster) -> Reflector:
    return Reflector(
        world.connect,
        world.sight,
        context="ctx",
        window=WINDOW,
        clock=lambda: world.now,
        stopped=lambda: world.exhausted,
        on_change=world.on_change,
    )


OK: Step = ("answer", "now")
TELL: Step = ("stream", "tell")
PUT: Step = ("put", KEYS[0])
DROP: Step = ("drop", KEYS[0])
CUT: Step = ("fault", UnavailableError("cut"))
DENIED: Step = ("fault", AccessDeniedError("403"))
MISSING: Step = ("fault", NotFoundError("404"))
WHOLE: Step = ("wait", 20.25)


@settings(max_examples=600, deadline=None)
@given(SCRIPTS)
@example([PUT, OK, OK, DROP, TELL, PUT, TELL])  # removed and back
@example([PUT, OK, OK, CUT, DROP, OK, OK, TELL])  # gone while nobody watched
@example([PUT, OK, OK, ("compact", None), PUT, ("compact", None), CUT, OK, ("compact", None), PUT, OK, TELL])  # 410 in the stream
@example([PUT, OK, OK, WHOLE, TELL, DROP, OK, ("wait", 7.0), OK, TELL])  # changed between two windows
@example(
    [PUT, OK, OK, PUT, TELL, WHOLE, TELL, OK, OK, DROP, TELL, WHOLE, TELL, OK, OK, PUT]
)  # a change right after what was told last
@example([PUT, OK, OK, WHOLE, DROP, TELL, CUT, ("wait", 90.0), CUT])  # a window that ends well, and then nothing
@example([PUT, OK, OK, DENIED, OK, OK, TELL])  # credentials renewed
@example([PUT, OK, OK, DENIED, DENIED, CUT, OK, OK, TELL])  # access lost and back
@example([PUT, OK, DENIED, OK, DENIED])  # may list and not watch
@example([PUT, OK, OK, MISSING, CUT, CUT, OK, OK, TELL])  # the API removed and back
@example([PUT, ("answer", "as it was when asked"), DROP, ("wait", 7.0), OK, ("wait", 90.0), TELL])  # slow answers
def test_what_is_shown_was_true_no_longer_ago_than_is_told(script: list[Step]) -> None:
    world = SimulatedCluster(iter(script))
    follow = follower(world)
    while not world.exhausted:
        pause = follow.run_once()
        assert 0.5 <= pause <= 5.0
        world.now += pause
        world.check()
    world.exhausted, world.script = False, iter([OK, OK, TELL])  # and now nothing goes wrong for once
    follow.run_once()
    assert world.look() == [(None, True, world.truth.get(key)) for key in KEYS]


@pytest.mark.parametrize("fault", [AccessDeniedError("401"), NotFoundError("404"), ConfigurationError("exec")])
def test_what_was_seen_before_a_refusal_is_not_shown_after_it(fault: ReconcilerError) -> None:
    world = SimulatedCluster(iter([PUT, OK, OK, TELL, ("fault", fault), ("fault", fault)]))
    follow = follower(world)
    follow.run_once()
    follow.run_once()
    assert [o[1:] for o in world.look()] == [(False, None)] * 3


def test_silence_is_told_once_and_not_again_in_other_words() -> None:
    world = SimulatedCluster(
        iter([("fault", UnavailableError("refused")), ("fault", UnavailableError("timed out")), ("fault", RuntimeError())])
    )
    follow = follower(world)
    for _ in range(3):
        follow.run_once()
        failure = world.sight.observe(KEYS[0], world.now).failure
        assert failure is not None
        assert (failure.reason, failure.message) == ("WatchFailed", "refused")


def test_silence_makes_what_was_seen_older_and_nothing_else() -> None:
    world = SimulatedCluster(iter([PUT, OK, OK, TELL, *[CUT] * 5]))
    follow = follower(world)
    for _ in range(5):
        follow.run_once()
        world.now += 20
    seen = world.sight.observe(KEYS[0], world.now)
    assert (seen.failure, seen.listed, seen.release, seen.age) == (None, True, {"version": 1}, 100.0)


def test_what_cannot_be_read_is_there_and_says_why() -> None:
    store = ReleaseStore(0.0)
    store.replace({KEYS[0]: UNREADABLE, KEYS[1]: {"metadata": {}}}, 1.0)
    unreadable = store.observe(KEYS[0], 3.0)
    assert (unreadable.release, unreadable.unreadable, unreadable.listed, unreadable.age) == (
        None, "it is nested too deeply to be read", True, 2.0,
    )  # fmt: skip
    assert store.observe(KEYS[1], 3.0).unreadable == store.observe(KEYS[2], 3.0).unreadable == ""
