"""What an API server that is not what it should be can do to the one who asks: nothing but fail, in time and in little memory."""

from __future__ import annotations

import io
import json
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from urllib3.response import HTTPResponse

from reconciler.adapters.kubernetes.api import LIST_PAGE_SIZE, MAX_RELEASES, ClusterClient
from reconciler.adapters.kubernetes.informer import Informer
from reconciler.adapters.kubernetes.release_projection import UNREADABLE
from reconciler.adapters.kubernetes.stream import MAX_LINE, read_body, watch_events
from reconciler.formats.yaml.documents import dump
from reconciler.model.errors import AccessDeniedError, NotFoundError, UnavailableError
from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.adapters.kubernetes.release_projection import WatchEvent


def item(name: str = "web", version: str = "7") -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": version}}


def told(*pieces: bytes) -> list[list[WatchEvent]]:
    class Pieces(HTTPResponse):
        def stream(self, *_: Any, **__: Any) -> Any:
            yield from pieces

    return list(watch_events(Pieces(io.BytesIO(), preload_content=False), "ctx"))


def event(kind: str, what: Any) -> bytes:
    return json.dumps({"type": kind, "object": what}).encode() + b"\n"


def test_events_are_told_as_they_come_whatever_pieces_they_come_in() -> None:
    whole = event("ADDED", item("a", "1")) + event("MODIFIED", item("b", "2")) + event("DELETED", item("a", "3"))
    whole += b"\n" + event("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
    for size in (1, 7, 64, len(whole)):
        got = told(*(whole[at : at + size] for at in range(0, len(whole), size)))
        flat = [(c.version, c.key, c.release is None) for batch in got for c in batch]
        assert flat == [("1", ("ns", "a"), False), ("2", ("ns", "b"), False), ("3", ("ns", "a"), True), ("9", None, True)]
    assert len(told(whole)) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (410, UnavailableError),
        (500, UnavailableError),
        (403, AccessDeniedError),
        (404, NotFoundError),
        (0, UnavailableError),
        ("x", UnavailableError),
    ],
)
def test_an_error_inside_the_stream_is_what_it_would_be_outside(status: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        told(event("ERROR", {"code": status, "reason": "Expired", "message": "too old"}))


def test_a_servers_words_for_a_status_are_not_repeated() -> None:
    with pytest.raises(AccessDeniedError, match=r"\(403 Forbidden\)"):
        told(event("ERROR", {"code": 403, "reason": "Bearer canary", "message": "Bearer canary"}))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"5",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"type": "ADDED"}',
        event("ERROR", {}).strip(),
        event("ERROR", 5).strip(),
        event("EXPLODED", item()).strip(),
        event("ADDED", {"metadata": {"resourceVersion": "1"}}).strip(),
        event("BOOKMARK", {}).strip(),
        event("ADDED", {"metadata": [], "status": 5}).strip(),
    ],
)
def test_an_event_that_makes_no_sense_ends_the_watch(line: bytes) -> None:
    with pytest.raises(UnavailableError, match="malformed response"):
        told(event("ADDED", item()), line + b"\n")


def test_what_a_server_calls_its_error_is_not_quoted_at_length() -> None:
    with pytest.raises(UnavailableError) as fault:
        told(event("ERROR", {"code": 500, "reason": "x" * 1_000_000}))
    assert len(fault.value.message) < 300


def test_an_event_without_end_ends_the_watch() -> None:
    with pytest.raises(UnavailableError, match="more than"):
        told(*[b"x" * (1 << 20)] * 9)
    assert MAX_LINE < 9 << 20


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_not_understood(body: bytes) -> None:
    with pytest.raises(UnavailableError, match="malformed response"):
        read_body(HTTPResponse(io.BytesIO(body), preload_content=False), "ctx")


def test_an_answer_that_is_too_long_is_not_read() -> None:
    body = io.BytesIO(b"x" * 1000)
    with pytest.raises(UnavailableError, match="more than 100 bytes"):
        read_body(HTTPResponse(body, preload_content=False), "ctx", limit=100)


def kubeconfig(host: str) -> bytes:
    named = {"name": "ctx"}
    return dump(
        {
            "clusters": [{**named, "cluster": {"server": f"http://{host}"}}],
            "users": [{**named, "user": {"token": "t"}}],
            "contexts": [{**named, "context": {"cluster": "ctx", "user": "ctx"}}],
        }
    )


def page(*items: Any, more: str = "", version: str = "1") -> Reply:
    return Reply(body=json.dumps({"metadata": {"resourceVersion": version, "continue": more}, "items": items}).encode())


def listing(script: Callable[[Request], Reply]) -> tuple[Any, list[Request]]:
    with HostileRegistry(script) as server, closing(ClusterClient(kubeconfig(server.host), "ctx")) as cluster:
        try:
            return cluster.releases(), server.requests
        except (UnavailableError, AccessDeniedError, NotFoundError) as fault:
            return fault, server.requests


def test_a_list_is_all_its_pages_and_the_version_of_the_last() -> None:
    (releases, version), requests = listing(
        lambda r: page(item("b"), version="5") if "continue=t" in r.path else page(item("a"), more="t", version="5")
    )
    assert (sorted(releases), version, len(requests)) == ([("ns", "a"), ("ns", "b")], "5", 2)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"[]"),
        Reply(body=b"{}"),
        Reply(body=b'{"items": 5, "metadata": {}}'),
        Reply(body=b'{"items": [5], "metadata": {}}'),
        Reply(body=b'{"items": [], "metadata": {}}'),
        page({"metadata": {"name": ["a"], "namespace": "b"}}),
        Reply(status=500),
        Reply(status=429),
        Reply(status=410),
        Reply(status=204),
        Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(body=b'{"items": ', length=100),
    ],
)
def test_a_list_that_is_none_is_no_list(reply: Reply) -> None:
    fault, requests = listing(lambda _: reply)
    assert isinstance(fault, UnavailableError)
    assert "ctx" in fault.message
    assert len(requests) == 1  # nothing tries again by itself


def deep(name: str, where: str = "spec", version: str = "7", depth: int = 1_100) -> bytes:
    """A HelmRelease with a part that is nested deeply, before or after its name."""
    part = b'{"values": ' + b'{"a": [' * depth + b'"\\"]}"' + b"]}" * depth + b"}"
    named = b'"namespace": "ns", "name": "%b", "resourceVersion": "%b", "generation": 3' % (name.encode(), version.encode())
    if where == "metadata":
        return b'{"kind": "HelmRelease", "metadata": {"managedFields": ' + part + b", " + named + b'}, "spec": {}}'
    return b'{"apiVersion": "v2", "%b": %b, "metadata": {%b}}' % (where.encode(), part, named)


@pytest.mark.parametrize("where", ["spec", "status", "metadata"])
def test_an_object_that_is_nested_too_deeply_is_unreadable_alone(where: str) -> None:
    parts = [json.dumps(item("a")).encode(), deep("b", where), json.dumps(item("c")).encode(), deep("d", where, depth=400)]
    body = b'{"apiVersion": "v1", "items": [' + b", ".join(parts) + b'], "metadata": {"resourceVersion": "5", "continue": ""}}'
    (releases, version), _ = listing(lambda _: Reply(body=body))
    assert version == "5"
    assert sorted(releases) == [("ns", name) for name in "abcd"]
    assert releases["ns", "b"] is UNREADABLE
    assert UNREADABLE not in (releases["ns", "a"], releases["ns", "c"])


@pytest.mark.parametrize("where", ["spec", "status", "metadata"])
def test_an_event_of_an_object_that_is_nested_too_deeply_makes_it_unreadable_and_the_watch_goes_on(where: str) -> None:
    events = [b'{"type": "%b", "object": %b}\n' % (kind, deep("b", where, version="8")) for kind in (b"ADDED", b"DELETED")]
    ((added, deleted, other),) = told(b"".join(events) + event("ADDED", item("a", "9")))
    assert (added.version, added.key, added.release) == ("8", ("ns", "b"), UNREADABLE)
    assert (deleted.key, deleted.release) == (("ns", "b"), None)
    assert other.key == ("ns", "a")


def test_pages_without_end_are_not_read_for_ever() -> None:
    fault, requests = listing(lambda _: page(more="t"))
    assert isinstance(fault, UnavailableError)
    assert len(requests) == MAX_RELEASES // LIST_PAGE_SIZE


def test_stopping_does_not_wait_for_an_answer_that_is_being_read() -> None:
    begun = threading.Event()

    def slow(_: Request) -> Reply:
        begun.set()
        return Reply(body=page(item()).body, pause=30, pieces=2)

    with HostileRegistry(slow) as server:
        observer = Informer(kubeconfig(server.host), "ctx", stale_after=60, allow_exec=False, on_change=lambda: None)
        assert begun.wait(5)
        time.sleep(0.2)
        began = time.monotonic()
        observer.stop()
        assert observer.join(5)
        assert time.monotonic() - began < 1


def test_nobody_is_told_after_the_end() -> None:
    told_at: list[float] = []
    with HostileRegistry(lambda _: Reply(status=500)) as server:
        observer = Informer(
            kubeconfig(server.host),
            "ctx",
            stale_after=60,
            allow_exec=False,
            on_change=lambda: told_at.append(time.monotonic()),
        )
        observer.wait(5)
        observer.stop()
        assert observer.join(2)
    assert len(told_at) == 1
    assert observer.observe("ns", "web").failure is not None
