"""Against registries that lie, stall, cheat and ask for credentials they have no right to."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
import time

import pytest

from reconciler.adapters.registry.client import REFERRER_LIMIT, Registry
from reconciler.formats.oci_manifest import MANIFEST_LIMIT, MANIFEST_TYPE, Descriptor
from reconciler.model.errors import ConfigurationError, IntegrityError, RejectedError, UnavailableError
from tests.support.registry_client import DIGEST, MANIFEST, always, client, sha256
from tests.support.registry_server import HostileRegistry, RawServer, Reply, Request


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
    with HostileRegistry(always(Reply(body=body))) as server, pytest.raises(IntegrityError, match="another digest"):
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
        pytest.raises(IntegrityError, match="7 bytes where the manifest declares 8"),
    ):
        client(server).blob(f"{server.host}/a", Descriptor("x/y", sha256(b"content"), 8), limit=100)


def test_a_blob_with_another_digest_is_corrupt() -> None:
    with HostileRegistry(always(Reply(body=b"CONTENT"))) as server, pytest.raises(IntegrityError, match="another digest"):
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
        with pytest.raises(UnavailableError, match=r"nothing more is requested from .*, because 0\.8 s have passed"):
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
        with HostileRegistry(lambda r: replies[r.method]) as server, pytest.raises(RejectedError, match="no upload location"):
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
    with pytest.raises(ConfigurationError, match="is not a valid repository"):
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
