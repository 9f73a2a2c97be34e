"""Against registries that lie, stall, cheat and ask for credentials they have no right to."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from reconciler.model.faults import (
    AccessDeniedError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    ReconcilerError,
    RejectedError,
    UnavailableError,
)
from reconciler.world.manifest import MANIFEST_TYPE, Descriptor
from reconciler.world.registry import MANIFEST_LIMIT, REFERRER_LIMIT, Registry
from tests.world.hostile_registry import HostileRegistry, RawServer, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECRET = "canary-secret-5f1c"  # noqa: S105 - a canary: it must show up nowhere
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": "x/config", "digest": "sha256:" + "0" * 64, "size": 2},
        "layers": [{"mediaType": "x/layer", "digest": "sha256:" + "1" * 64, "size": 3, "annotations": {"a": "b", "c": 1}}],
    }
).encode()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


DIGEST = sha256(MANIFEST)


def client(*servers: HostileRegistry, attempts: int = 1, credentials: Path | None = None) -> Registry:
    return Registry(plain_http=[s.host for s in servers], timeout=0.4, attempts=attempts, credentials=credentials)


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def docker_config(tmp_path: Path, host: str) -> Path:
    file = tmp_path / "config.json"
    auth = base64.b64encode(f"robot:{SECRET}".encode()).decode()
    file.write_text(json.dumps({"auths": {f"https://{host}/v2/": {"auth": auth}}}))
    return file


def test_a_manifest_is_read_by_its_digest_with_its_raw_bytes() -> None:
    with HostileRegistry(always(Reply(body=MANIFEST))) as server:
        manifest = client(server).manifest(f"{server.host}/a/b", DIGEST)
    assert manifest.raw == MANIFEST
    assert manifest.digest == DIGEST
    assert manifest.artifact_type == "x/config"
    assert manifest.layers == (Descriptor("x/layer", "sha256:" + "1" * 64, 3, annotations={"a": "b"}),)


def test_a_tag_resolves_to_the_digest_of_the_bytes_whatever_the_header_says() -> None:
    reply = Reply(body=MANIFEST, headers={"Docker-Content-Digest": sha256(b"other")})
    with HostileRegistry(always(reply)) as server:
        assert client(server).resolve(f"{server.host}/a", "1.0.0") == DIGEST


@pytest.mark.parametrize(
    "body",
    [MANIFEST.replace(b"layer", b"LAYER"), MANIFEST[:-1], MANIFEST + b" ", b""],
    ids=["bit flipped", "shorter", "longer", "empty"],
)
def test_other_bytes_than_the_digest_promised_are_corrupt(body: bytes) -> None:
    with HostileRegistry(always(Reply(body=body))) as server, pytest.raises(IntegrityError, match="other content"):
        client(server).manifest(f"{server.host}/a", DIGEST)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"config": {}}',
        b'{"config": {"digest": "sha256:xyz", "size": 1}}',
        b'{"config": {"digest": "sha256:' + b"0" * 64 + b'", "size": true}}',
        b'{"manifests": [], "mediaType": "application/vnd.oci.image.index.v1+json"}',
    ],
)
def test_what_is_no_manifest_is_corrupt_even_with_the_right_digest(body: bytes) -> None:
    with HostileRegistry(always(Reply(body=body))) as server, pytest.raises(IntegrityError):
        client(server).manifest(f"{server.host}/a", sha256(body))


def test_a_blob_is_returned_when_size_and_digest_hold() -> None:
    with HostileRegistry(always(Reply(body=b"content"))) as server:
        blob = Descriptor("x/y", sha256(b"content"), 7)
        assert client(server).blob(f"{server.host}/a", blob, limit=7) == b"content"


def test_a_blob_above_the_limit_is_not_even_asked_for() -> None:
    with HostileRegistry(always(Reply(body=b"content"))) as server:
        with pytest.raises(IntegrityError, match="at most 6"):
            client(server).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 7), limit=6)
        assert server.requests == []


def test_a_blob_that_is_longer_than_announced_is_cut_off() -> None:
    with (
        HostileRegistry(always(Reply(body=b"x" * 5_000_000))) as server,
        pytest.raises(IntegrityError, match="more than the 7 bytes"),
    ):
        client(server).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 7), limit=100)


def test_a_blob_that_is_shorter_than_announced_is_corrupt_even_with_its_digest() -> None:
    with (
        HostileRegistry(always(Reply(body=b"content"))) as server,
        pytest.raises(IntegrityError, match="7 bytes where the manifest says 8"),
    ):
        client(server).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 8), limit=100)


def test_a_blob_with_another_digest_is_corrupt() -> None:
    with HostileRegistry(always(Reply(body=b"CONTENT"))) as server, pytest.raises(IntegrityError, match="other content"):
        client(server).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 7), limit=100)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "zstd", "deflate", "identity, gzip", "x-unknown"])
def test_what_is_compressed_on_the_way_is_refused_unread(encoding: str) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    with HostileRegistry(always(Reply(body=bomb, headers={"Content-Encoding": encoding}))) as server:
        blob = Descriptor("x/y", sha256(bomb), len(bomb))
        with pytest.raises(IntegrityError, match="compressed"):
            client(server).blob(f"{server.host}/a", blob, limit=1_000_000)


def test_a_body_that_is_said_to_be_too_long_is_not_awaited() -> None:
    with (
        HostileRegistry(always(Reply(length=10**15, pause=30))) as server,
        pytest.raises(IntegrityError, match="more than the 7 bytes"),
    ):
        client(server).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 7), limit=7)


@pytest.mark.parametrize("length", ["-1", "x", "9" * 5000, "7, 8", ""])
def test_a_length_that_is_none_leaves_no_body_unbounded(length: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()
    with RawServer(lambda: itertools.chain([head], itertools.repeat(b"x" * 65536))) as server:
        blob = Descriptor("x/y", sha256(b"content"), 7)
        with pytest.raises((IntegrityError, UnavailableError)):
            Registry(plain_http=[server.host], timeout=0.4, attempts=1).blob(f"{server.host}/a", blob, limit=7)


def test_a_connection_that_ends_early_is_unavailable_and_tried_again() -> None:
    with HostileRegistry(always(Reply(body=b"con", length=7))) as server:
        with pytest.raises(UnavailableError, match=r"the connection to .* failed"):
            client(server, attempts=2).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 7), limit=100)
        assert len(server.requests) == 2


def test_a_manifest_above_four_mebibytes_is_corrupt() -> None:
    with (
        HostileRegistry(always(Reply(body=b" " * (MANIFEST_LIMIT + 1)))) as server,
        pytest.raises(IntegrityError, match="more than"),
    ):
        client(server).resolve(f"{server.host}/a", "1.0.0")


def test_tags_come_from_all_pages_without_what_is_no_tag() -> None:
    def script(request: Request) -> Reply:
        if "last=b" in request.path:
            return Reply(body=b'{"tags": ["b", "1.0.0"]}')
        return Reply(
            body=b'{"tags": ["a", "b", "no tag", "\\u001b[31m", 7]}', headers={"Link": '</v2/a/tags/list?last=b>; rel="next"'}
        )

    with HostileRegistry(script) as server:
        assert client(server).tags(f"{server.host}/a") == ("a", "b", "1.0.0")
        assert len({request.connection for request in server.requests}) == 1, "the connection is kept"


def test_a_registry_that_ignores_n_may_send_all_tags_at_once() -> None:
    tags = [f"1.0.{n}" for n in range(5000)]
    with HostileRegistry(always(Reply(body=json.dumps({"tags": tags}).encode()))) as server:
        assert client(server).tags(f"{server.host}/a") == tuple(tags)


@pytest.mark.parametrize("size", [0, 1, 900])
def test_tags_without_an_end_are_corrupt(size: int) -> None:
    def script(request: Request) -> Reply:
        page = int(request.path.rpartition("=")[2])
        tags = [f"{page}.0.{n}" for n in range(size)]
        return Reply(body=json.dumps({"tags": tags}).encode(), headers={"Link": f"<?p={page + 1}>; rel=next"})

    with HostileRegistry(script) as server:
        with pytest.raises(IntegrityError, match="does not end"):
            client(server).tags(f"{server.host}/a")
        assert len(server.requests) <= 50
        assert len(server.requests) * size <= 11_000


def test_pages_that_each_come_just_in_time_have_an_end_together() -> None:
    link = {"Link": '</v2/a/tags/list?n=1000>; rel="next"'}
    with HostileRegistry(always(Reply(body=b'{"tags": ["a"]}', headers=link, pause=0.15))) as server:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="is not asked any more, as 0\\.8 s have passed"):
            Registry(plain_http=[server.host], timeout=0.2, attempts=3).tags(f"{server.host}/a")
        assert time.monotonic() - started < 4


def test_a_page_that_names_itself_as_the_next_is_corrupt() -> None:
    link = {"Link": '</v2/a/tags/list?n=1000>; rel="next"'}
    with HostileRegistry(always(Reply(body=b'{"tags": ["a"]}', headers=link))) as server:
        with pytest.raises(IntegrityError, match="does not end"):
            client(server).tags(f"{server.host}/a")
        assert len(server.requests) == 50


def test_the_next_page_is_never_on_another_host() -> None:
    with HostileRegistry(always(Reply(body=b"{}"))) as other:
        link = {"Link": f'<http://{other.host}/v2/a/tags/list>; rel="next"'}
        with (
            HostileRegistry(always(Reply(body=b"{}", headers=link))) as server,
            pytest.raises(IntegrityError, match="another host"),
        ):
            client(server, other).tags(f"{server.host}/a")
        assert other.requests == []


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
        with pytest.raises(UnavailableError, match="did not answer within"):
            client(server).resolve(f"{server.host}/a", "1")
        assert time.monotonic() - started < 2


def test_a_server_that_drips_is_unavailable_within_four_time_outs() -> None:
    with HostileRegistry(always(Reply(body=b"x" * 1000, pause=0.1, pieces=1000))) as server:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="did not finish within"):
            client(server).resolve(f"{server.host}/a", "1")
        assert time.monotonic() - started < 3


def slowly(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        time.sleep(0.05)
        yield piece


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: slowly(itertools.chain([OK], itertools.repeat(b"X"))),
        lambda: slowly(itertools.chain([OK], (b"X-%d: y\r\n" % n for n in range(99)), itertools.repeat(b"y"))),
        lambda: slowly(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
        lambda: slowly(itertools.chain([CHUNKED, b"1\r\n"], itertools.repeat(b"x"))),
        lambda: slowly(itertools.chain([CHUNKED], itertools.repeat(b"1;x\r\nx\r\n"))),
        lambda: slowly(itertools.chain([CHUNKED, b"2\r\nab\r\n0\r\n"], itertools.repeat(b"X: y\r\n"))),
    ],
    ids=["status", "headers", "100 Continue", "chunk", "chunks", "trailers"],
)
def test_whatever_drips_there_is_an_end(pieces: Callable[[], Iterator[bytes]]) -> None:
    with (
        RawServer(pieces) as server,
        pytest.raises((UnavailableError, IntegrityError), match=r"did not finish within 0\.8 s|failed"),
    ):
        Registry(plain_http=[server.host], timeout=0.2, attempts=1).resolve(f"{server.host}/a", "1")


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: itertools.chain([OK + b"X: "], itertools.repeat(b"y" * 65536)),
        lambda: itertools.chain([OK], (b"X-%d: y\r\n" % n for n in itertools.count())),
        lambda: itertools.chain([OK], itertools.repeat(b"X: " + b"y" * 60_000 + b"\r\n")),
        lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        lambda: itertools.chain([CHUNKED, b"0\r\n"], itertools.repeat(b"X: y\r\n" * 1000)),
        lambda: itertools.chain([CHUNKED, b"2\r\nab\r\n0\r\n"], itertools.repeat(b"X: y\r\n" * 1000)),
    ],
    ids=["a header", "headers", "long headers", "100 Continue", "trailers", "trailers after content"],
)
def test_a_flood_around_the_content_is_cut_off(pieces: Callable[[], Iterator[bytes]]) -> None:
    with RawServer(pieces) as server:
        with pytest.raises(UnavailableError, match=r"the connection to .* failed"):
            Registry(plain_http=[server.host], timeout=30, attempts=2).resolve(f"{server.host}/a", "1")
        assert server.connections == 2


def test_chunks_are_content_like_any_other() -> None:
    raw = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (MANIFEST[:1], MANIFEST[1:90], MANIFEST[90:]))
    with RawServer(lambda: [CHUNKED + raw + b"0\r\nX: y\r\n\r\n"]) as server:
        assert Registry(plain_http=[server.host], timeout=5, attempts=1).resolve(f"{server.host}/a", "1") == DIGEST


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


# credentials


def test_a_token_is_fetched_from_the_registry_itself_and_kept(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        if request.path.startswith("/token"):
            assert request.path == "/token?service=svc&scope=repository%3Aa%3Apull"
            assert request.headers["Authorization"].startswith("Basic ")
            return Reply(body=b'{"token": "good"}')
        if request.headers.get("Authorization") == "Bearer good":
            return Reply(body=MANIFEST)
        realm = f'Bearer realm="http://{request.headers["Host"]}/token",service="svc",scope="repository:a:pull"'
        return Reply(status=401, headers={"WWW-Authenticate": realm})

    with HostileRegistry(script) as server:
        registry = client(server, credentials=docker_config(tmp_path, server.host))
        assert registry.resolve(f"{server.host}/a", "1") == DIGEST
        assert registry.resolve(f"{server.host}/a", "2") == DIGEST
        assert [request.path.partition("?")[0] for request in server.requests] == [
            "/v2/a/manifests/1",
            "/token",
            "/v2/a/manifests/1",
            "/v2/a/manifests/2",
        ]


def token_wanted(realm: str, token: str = "good") -> Callable[[Request], Reply]:  # noqa: S107 - a made-up token
    """A registry that takes one token, to be had at a realm."""

    def script(request: Request) -> Reply:
        if request.headers.get("Authorization") == f"Bearer {token}":
            return Reply(body=MANIFEST)
        return Reply(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="s",scope="x"'})

    return script


def test_a_token_that_is_refused_is_fetched_anew_once() -> None:
    given = itertools.count(1)
    valid = ["Bearer 1"]

    def script(request: Request) -> Reply:
        if request.path == "/token":
            return Reply(body=json.dumps({"access_token": f"{next(given)}"}).encode())
        if request.headers.get("Authorization") in valid:
            return Reply(body=MANIFEST)
        return Reply(status=401, headers={"WWW-Authenticate": 'Bearer realm="/token"'})

    with HostileRegistry(script) as server:
        registry = client(server, attempts=3)
        assert registry.resolve(f"{server.host}/a", "1") == DIGEST
        valid[:] = ["Bearer 2"]
        assert registry.resolve(f"{server.host}/a", "1") == DIGEST
        valid[:] = []
        with pytest.raises(AccessDeniedError):
            registry.resolve(f"{server.host}/a", "1")
        assert next(given) == 4, "one token each time"


def test_a_token_host_that_is_configured_is_sent_the_credentials_of_its_registry_alone(tmp_path: Path) -> None:
    with HostileRegistry(always(Reply(body=b'{"token": "good"}'))) as tokens:
        script = token_wanted(f"http://{tokens.host}/token")
        with HostileRegistry(script) as server, HostileRegistry(script) as other:
            registry = Registry(
                plain_http=[server.host, other.host, tokens.host],
                token_hosts={server.host: [tokens.host]},
                credentials=docker_config(tmp_path, server.host),
                timeout=0.4,
                attempts=1,
            )
            assert registry.resolve(f"{server.host}/a", "1") == DIGEST
            assert [r.path for r in tokens.requests] == ["/token?service=s&scope=x"]
            assert base64.b64decode(tokens.requests[0].headers["Authorization"][6:]).decode() == f"robot:{SECRET}"
            with pytest.raises(AccessDeniedError, match="tokenHosts"):
                registry.resolve(f"{other.host}/a", "1")
        assert len(tokens.requests) == 1


def test_a_token_host_is_not_asked_without_tls_unless_that_is_configured() -> None:
    with HostileRegistry(always(Reply(body=b'{"token": "good"}'))) as tokens:
        with HostileRegistry(token_wanted(f"http://{tokens.host}/token")) as server:
            registry = Registry(plain_http=[server.host], token_hosts={server.host: [tokens.host]}, timeout=0.4, attempts=1)
            with pytest.raises(AccessDeniedError, match="fetch a token from"):
                registry.resolve(f"{server.host}/a", "1")
        assert tokens.requests == []


def test_what_a_challenge_says_stays_within_its_parameter() -> None:
    challenge = 'Bearer realm="/token?a=b#fragment",service="s&scope=evil #%0d%0aX: y",scope="a b"'

    def script(request: Request) -> Reply:
        if request.path.startswith("/token"):
            return Reply(body=b'{"token": "good"}')
        authorized = "Authorization" in request.headers
        return Reply(body=MANIFEST) if authorized else Reply(status=401, headers={"WWW-Authenticate": challenge})

    with HostileRegistry(script) as server:
        client(server).resolve(f"{server.host}/a", "1")
        assert server.requests[1].path == "/token?a=b&service=s%26scope%3Devil+%23%250d%250aX%3A+y&scope=a+b"
        assert "X" not in server.requests[1].headers


@pytest.mark.parametrize("token", ["good\r\nX: y", "", "a b", 7, None, ["x"]])
def test_a_token_that_may_not_stand_in_a_header_is_none(token: object) -> None:
    def script(request: Request) -> Reply:
        if request.path == "/token":
            return Reply(body=json.dumps({"token": token}).encode())
        return Reply(status=401, headers={"WWW-Authenticate": 'Bearer realm="/token"'})

    with HostileRegistry(script) as server, pytest.raises(AccessDeniedError, match="a token that is none"):
        client(server).resolve(f"{server.host}/a", "1")


def test_a_realm_on_another_host_gets_nothing(tmp_path: Path) -> None:
    with HostileRegistry(always(Reply(body=b'{"token": "x"}'))) as thief:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{thief.host}/token",service="s"'}
        with HostileRegistry(always(Reply(status=401, headers=challenge))) as server:
            registry = client(server, thief, credentials=docker_config(tmp_path, server.host))
            with pytest.raises(AccessDeniedError, match=f"fetch a token from {thief.host}") as caught:
                registry.resolve(f"{server.host}/a", "1")
            assert SECRET not in repr(caught.value)
        assert thief.requests == []


@pytest.mark.parametrize(
    "realm",
    [
        "http://[::1",
        "http://user@{host}/token",
        "ftp://{host}/token",
        "//evil.example/token",
        "https://{host}/token",
        "http://evil.example\\@{host}/token",
        "http://{host}.evil.example/token",
    ],
)
def test_a_realm_that_only_looks_like_the_registry_gets_nothing(tmp_path: Path, realm: str) -> None:
    def script(request: Request) -> Reply:
        return Reply(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm.format(host=request.headers["Host"])}"'})

    with HostileRegistry(script) as server, pytest.raises((AccessDeniedError, IntegrityError)):
        client(server, credentials=docker_config(tmp_path, server.host)).resolve(f"{server.host}/a", "1")
    assert all("Authorization" not in request.headers for request in server.requests)


def test_a_token_endpoint_that_is_missing_does_not_make_the_artifact_missing() -> None:
    def script(request: Request) -> Reply:
        return (
            Reply(status=404)
            if request.path == "/token"
            else Reply(status=401, headers={"WWW-Authenticate": 'Bearer realm="/token"'})
        )

    with HostileRegistry(script) as server, pytest.raises(AccessDeniedError, match="issues no token"):
        client(server).resolve(f"{server.host}/a", "1")


def test_basic_credentials_go_to_their_own_host_only(tmp_path: Path) -> None:
    challenge = Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    with HostileRegistry(always(challenge)) as server, HostileRegistry(always(challenge)) as other:
        registry = client(server, other, credentials=docker_config(tmp_path, server.host))
        for host in (server.host, other.host):
            with pytest.raises(AccessDeniedError) as caught:
                registry.resolve(f"{host}/a", "1")
            assert SECRET not in str(caught.value)
        assert "Authorization" in server.requests[-1].headers
        assert all("Authorization" not in request.headers for request in other.requests)


def test_a_netrc_is_not_consulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login ada password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with HostileRegistry(always(Reply(body=MANIFEST))) as server:
        client(server).resolve(f"{server.host}/a", "1")
        assert "Authorization" not in server.requests[0].headers


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
            with pytest.raises(AccessDeniedError, match="wants credentials of its own"):
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


def test_credentials_that_cannot_be_read_are_named_and_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(f'{{"auths": "{SECRET}"')
    challenge = Reply(status=401, headers={"WWW-Authenticate": "Basic"})
    with HostileRegistry(always(challenge)) as server, pytest.raises(ConfigurationError, match=r"config\.json") as caught:
        client(server, credentials=file).resolve(f"{server.host}/a", "1")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


# referrers


def referrer_index(count: int) -> bytes:
    entries = [
        {"mediaType": MANIFEST_TYPE, "digest": sha256(b"%d" % n), "size": 1, "artifactType": "x/sig"} for n in range(count)
    ]
    return json.dumps({"manifests": entries}).encode()


@pytest.mark.parametrize("place", ["/v2/a/referrers/{digest}", "/v2/a/manifests/{tag}"])
def test_referrers_come_from_the_api_or_else_from_the_fallback_tag(place: str) -> None:
    path = place.format(digest=DIGEST, tag=DIGEST.replace(":", "-"))

    def script(request: Request) -> Reply:
        return Reply(body=referrer_index(2)) if request.path == path else Reply(status=404)

    with HostileRegistry(script) as server:
        found = client(server).referrers(f"{server.host}/a", DIGEST)
    assert [(r.digest, r.artifact_type) for r in found] == [(sha256(b"0"), "x/sig"), (sha256(b"1"), "x/sig")]


def test_no_referrers_is_an_empty_answer_and_an_unanswered_question_is_none() -> None:
    with HostileRegistry(always(Reply(status=404))) as server:
        assert client(server).referrers(f"{server.host}/a", DIGEST) == ()
    with (
        HostileRegistry(lambda r: Reply(status=404 if "referrers" in r.path else 500)) as server,
        pytest.raises(UnavailableError),
    ):
        client(server).referrers(f"{server.host}/a", DIGEST)


def test_a_flood_of_referrers_is_refused() -> None:
    with HostileRegistry(always(Reply(body=referrer_index(REFERRER_LIMIT)))) as server:
        assert len(client(server).referrers(f"{server.host}/a", DIGEST)) == REFERRER_LIMIT
    with (
        HostileRegistry(always(Reply(body=referrer_index(REFERRER_LIMIT + 1)))) as server,
        pytest.raises(IntegrityError, match="more than"),
    ):
        client(server).referrers(f"{server.host}/a", DIGEST)


# pushing


def test_an_upload_goes_to_no_other_host() -> None:
    with HostileRegistry(always(Reply(status=201))) as thief:
        replies = {"HEAD": Reply(status=404), "POST": Reply(status=202, headers={"Location": f"http://{thief.host}/upload"})}
        with HostileRegistry(lambda r: replies[r.method]) as server, pytest.raises(RejectedError, match="no place of its own"):
            client(server, thief).push_blob(f"{server.host}/a", b"content", "x/y")
        assert thief.requests == []


def test_a_blob_that_is_there_is_not_sent_again() -> None:
    with HostileRegistry(always(Reply())) as server:
        assert client(server).push_blob(f"{server.host}/a", b"content", "x/y") == Descriptor("x/y", sha256(b"content"), 7)
        assert [request.method for request in server.requests] == ["HEAD"]


def test_a_body_in_answer_to_head_is_not_awaited() -> None:
    with HostileRegistry(always(Reply(length=10**15, pause=30))) as server:
        assert client(server).push_blob(f"{server.host}/a", b"content", "x/y").size == 7


def test_a_write_that_is_turned_down_is_rejected() -> None:
    body = b'{"errors": [{"code": "MANIFEST_INVALID"}]}'
    with (
        HostileRegistry(always(Reply(status=400, body=body))) as server,
        pytest.raises(RejectedError, match="400 MANIFEST_INVALID"),
    ):
        client(server).push_manifest(f"{server.host}/a", MANIFEST, MANIFEST_TYPE, "1")


# names


@pytest.mark.parametrize(
    "repository",
    ["a/b", "host/a", "host.example", "host.example/A", "host.example/a:1", "u@host.example/a", "host.example/../a", ""],
)
def test_what_is_no_repository_is_refused_before_anything_is_sent(repository: str) -> None:
    with pytest.raises(ConfigurationError, match="is no repository"):
        Registry().tags(repository)


@pytest.mark.parametrize("reference", ["sha256:abc", "sha256:" + "0" * 63 + "g", "sha512:" + "0" * 128, "../x"])
def test_what_is_no_digest_is_refused_before_anything_is_sent(reference: str) -> None:
    with pytest.raises(ConfigurationError):
        Registry().referrers("host.example/a", reference)
    with pytest.raises(ConfigurationError):
        Registry().resolve("host.example/a", reference)


def test_one_client_serves_many_threads() -> None:
    with HostileRegistry(always(Reply(body=MANIFEST))) as server:
        registry, found = client(server), list[str]()
        threads = [threading.Thread(target=lambda: found.append(registry.resolve(f"{server.host}/a", "1"))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [DIGEST] * 16
