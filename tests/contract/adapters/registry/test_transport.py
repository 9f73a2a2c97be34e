"""Statuses, retries, time limits and redirects."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.registry.client import Registry
from reconciler.formats.oci_manifest import Descriptor
from reconciler.model.errors import AccessDeniedError, IntegrityError, NotFoundError, ReconcilerError, UnavailableError
from tests.support.registry_client import DIGEST, MANIFEST, SECRET, always, client, docker_config, sha256
from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (404, NotFoundError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (400, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
        (302, UnavailableError),
    ],
)
def test_a_status_is_the_fault_it_means(status: int, fault: type[ReconcilerError]) -> None:
    body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": SECRET}]}).encode()
    with HostileRegistry(always(Reply(status=status, body=body))) as server, pytest.raises(fault) as caught:
        client(server).tags(f"{server.host}/a/b")
    assert isinstance(caught.value, ReconcilerError)
    assert f"{server.host}/a/b" in caught.value.message
    assert SECRET not in str(caught.value), "a registry's prose is not repeated"


def test_too_many_requests_is_waited_for_as_long_as_the_registry_says() -> None:
    replies = [Reply(status=429, headers={"Retry-After": "1"}), Reply(body=b'{"tags": ["a"]}')]
    with HostileRegistry(lambda _: replies.pop(0)) as server:
        started = time.monotonic()
        assert client(server, attempts=2).tags(f"{server.host}/a") == ("a",)
        assert time.monotonic() - started > 0.95


def test_a_registry_that_asks_for_a_long_wait_is_unavailable_at_once() -> None:
    with HostileRegistry(always(Reply(status=429, headers={"Retry-After": "3600"}))) as server:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="429"):
            client(server, attempts=3).tags(f"{server.host}/a")
        assert time.monotonic() - started < 1
        assert len(server.requests) == 1


def test_all_attempts_together_end_however_many_there_may_be() -> None:
    with HostileRegistry(always(Reply(status=503, headers={"Retry-After": "1"}))) as server:
        with pytest.raises(UnavailableError, match="503"):
            client(server, attempts=1000).tags(f"{server.host}/a")
        assert len(server.requests) <= 3, "no more are begun after four time-outs, here 1.6 s"


def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_not() -> None:
    replies = [Reply(status=503), Reply(status=500), Reply(body=MANIFEST)]
    with HostileRegistry(lambda _: replies.pop(0)) as server:
        assert client(server, attempts=3).resolve(f"{server.host}/a", "1") == DIGEST
    with HostileRegistry(always(Reply(status=404))) as server:
        with pytest.raises(NotFoundError):
            client(server, attempts=3).resolve(f"{server.host}/a", "1")
        assert len(server.requests) == 1


def test_a_server_that_says_nothing_is_unavailable_within_the_time_out() -> None:
    with HostileRegistry(always(Reply(body=b"late", pause=30))) as server:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="did not respond within"):
            client(server).resolve(f"{server.host}/a", "1")
        assert time.monotonic() - started < 2


def test_a_server_that_drips_is_unavailable_within_four_time_outs() -> None:
    with HostileRegistry(always(Reply(body=b"x" * 1000, pause=0.1, pieces=1000))) as server:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="did not finish within"):
            client(server).resolve(f"{server.host}/a", "1")
        assert time.monotonic() - started < 3


def test_nobody_there_is_unavailable() -> None:
    with HostileRegistry(always(Reply())) as server:
        gone = server.host
    with pytest.raises(UnavailableError, match="check that the registry runs"):
        Registry(plain_http=[gone], attempts=1).tags(f"{gone}/a")


def test_plain_http_is_spoken_only_where_it_is_configured() -> None:
    with HostileRegistry(always(Reply(body=MANIFEST))) as server:
        with pytest.raises(UnavailableError):
            Registry(timeout=0.4, attempts=1).resolve(f"{server.host}/a", "1")
        assert server.requests == []


def test_a_redirect_to_another_host_is_followed_without_credentials(tmp_path: Path) -> None:
    with HostileRegistry(always(Reply(body=b"content"))) as store:

        def script(request: Request) -> Reply:
            if "Authorization" not in request.headers:
                return Reply(status=401, headers={"WWW-Authenticate": "Basic"})
            return Reply(status=307, headers={"Location": f"http://{store.host}/blob?signature=x"})

        with HostileRegistry(script) as server:
            registry = client(server, store, credentials=docker_config(tmp_path, server.host))
            blob = Descriptor("x/y", sha256(b"content"), 7)
            assert registry.blob(f"{server.host}/a", blob, limit=7) == b"content"
        assert "Authorization" not in store.requests[0].headers


def test_a_redirect_to_a_host_without_tls_is_refused_unless_configured() -> None:
    with HostileRegistry(always(Reply(body=b"content"))) as store:
        reply = Reply(status=302, headers={"Location": f"http://{store.host}/blob"})
        with HostileRegistry(always(reply)) as server, pytest.raises(AccessDeniedError, match="without TLS"):
            client(server).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 7), limit=7)
        assert store.requests == []


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://localhost/",
        "file:///etc/passwd",
        "ftp://evil.example/",
        "gopher://evil.example/",
        "https://admin:admin@internal.example/",
        "https://internal.example\\@evil.example/",
        "https://evil.example/\x01",
        "https://evil.example:port/",
        "https://[evil/",
    ],
)
def test_a_redirect_that_should_lead_nowhere_is_refused(location: str) -> None:
    with HostileRegistry(always(Reply(status=302, headers={"Location": location}))) as server:
        with pytest.raises((AccessDeniedError, IntegrityError)):
            client(server, attempts=3).resolve(f"{server.host}/a", "1")
        assert len(server.requests) == 1


def test_a_redirect_to_a_host_that_wants_credentials_leads_to_no_token(tmp_path: Path) -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="/token",scope="repository:other:delete"'}
    with HostileRegistry(always(Reply(status=401, headers=challenge))) as store:
        reply = Reply(status=307, headers={"Location": f"http://{store.host}/blob"})
        with HostileRegistry(always(reply)) as server:
            with pytest.raises(AccessDeniedError, match="requires credentials of its own"):
                client(server, store, credentials=docker_config(tmp_path, server.host)).resolve(f"{server.host}/a", "1")
            assert [request.path for request in server.requests] == ["/v2/a/manifests/1"]
        assert [request.path for request in store.requests] == ["/blob"]


def test_cookies_are_forgotten() -> None:
    with HostileRegistry(always(Reply(body=MANIFEST, headers={"Set-Cookie": "session=1; Path=/"}))) as server:
        registry = client(server)
        registry.resolve(f"{server.host}/a", "1")
        registry.resolve(f"{server.host}/a", "2")
        assert all("Cookie" not in request.headers for request in server.requests)


def test_the_body_of_a_redirect_is_not_inflated() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    reply = Reply(status=302, body=bomb, headers={"Location": "/again", "Content-Encoding": "gzip"})
    with HostileRegistry(always(reply)) as server:
        tracemalloc.start()
        try:
            with pytest.raises(UnavailableError, match="redirects more than"):
                client(server).resolve(f"{server.host}/a", "1")
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()


def test_redirects_end() -> None:
    with HostileRegistry(always(Reply(status=302, headers={"Location": "/again"}))) as server:
        with pytest.raises(UnavailableError, match="redirects more than"):
            client(server).resolve(f"{server.host}/a", "1")
        assert len(server.requests) == 5
