"""Registries that answer otherwise than the specification says, as real ones do."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.registry.auth import RegistryCredentials
from reconciler.adapters.registry.client import Registry
from reconciler.adapters.registry.hosts import Hosts
from reconciler.adapters.registry.urls import own_address
from reconciler.formats.oci_manifest import INDEX_TYPE, MANIFEST_TYPE
from reconciler.model.errors import AccessDeniedError, IntegrityError, RejectedError, UnavailableError
from tests.support.registry_client import DIGEST, MANIFEST, always, client, docker_config, sha256
from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JSON = {"Content-Type": "application/json"}
SIGNATURE = {"mediaType": MANIFEST_TYPE, "digest": sha256(b"signature"), "size": 1, "artifactType": "x/sig"}
OTHER = {**SIGNATURE, "digest": sha256(b"other")}


def index(*entries: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}).encode()


def with_fallback(reply: Reply) -> Callable[[Request], Reply]:
    """Answers the referrers API so, and has the signature under the fallback tag."""

    def script(request: Request) -> Reply:
        if "/referrers/" in request.path:
            return reply
        assert request.path == f"/v2/a/manifests/{DIGEST.replace(':', '-')}"
        return Reply(body=index(SIGNATURE), headers={"Content-Type": INDEX_TYPE})

    return script


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(status, b'{"errors":[{"code":"UNSUPPORTED"}]}', JSON) for status in (400, 404, 405, 406, 410, 415, 501)),
        Reply(404, b"<html>", {"Content-Type": "text/html"}),
        Reply(200, b"<!doctype html>", {"Content-Type": "text/html; charset=utf-8"}),
        Reply(200, b"", {"Content-Type": "text/plain"}),
        Reply(200, b"{}", JSON),
        Reply(200, b'{"manifests": null}', JSON),
        Reply(200, b"[" * 100_000, JSON),
        Reply(200, index(), JSON),
    ],
)
def test_where_the_referrers_api_is_not_there_the_fallback_tag_is_read(reply: Reply) -> None:
    with HostileRegistry(with_fallback(reply)) as server:
        referrers = client(server).referrers(f"{server.host}/a", DIGEST)
    assert [referrer.digest for referrer in referrers] == [SIGNATURE["digest"]]


@pytest.mark.parametrize("content_type", [INDEX_TYPE, f"{INDEX_TYPE.upper()}; charset=utf-8", "application/json", ""])
def test_an_index_with_entries_is_the_answer_whatever_a_proxy_calls_it(content_type: str) -> None:
    with HostileRegistry(with_fallback(Reply(200, index(OTHER), {"Content-Type": content_type}))) as server:
        referrers = client(server).referrers(f"{server.host}/a", DIGEST)
    assert [referrer.digest for referrer in referrers] == [OTHER["digest"]]


def test_an_empty_index_of_the_api_is_the_answer() -> None:
    with HostileRegistry(with_fallback(Reply(200, index(), {"Content-Type": INDEX_TYPE}))) as server:
        assert client(server).referrers(f"{server.host}/a", DIGEST) == ()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(401, headers={"WWW-Authenticate": "Basic"}), AccessDeniedError),
        (Reply(403), AccessDeniedError),
        (Reply(429, headers={"Retry-After": "99"}), UnavailableError),
        (Reply(500), UnavailableError),
        (Reply(503), UnavailableError),
        (Reply(200, b"<html>", {"Content-Type": INDEX_TYPE}), IntegrityError),
    ],
)
def test_a_denial_or_a_failure_is_never_taken_for_a_missing_api(reply: Reply, error: type[Exception]) -> None:
    with HostileRegistry(with_fallback(reply)) as server, pytest.raises(error):
        client(server).referrers(f"{server.host}/a", DIGEST)


# pushing


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_blob_that_is_in_an_object_storage_is_not_uploaded_again(status: int) -> None:
    with HostileRegistry(always(Reply(status, headers={"Location": "https://storage.example/x?signature=1"}))) as server:
        assert client(server).push_blob(f"{server.host}/a", b"chart", "x").digest == sha256(b"chart")
        assert [request.method for request in server.requests] == ["HEAD"]


@pytest.mark.parametrize("head", [*(Reply(s) for s in (400, 404, 405, 406, 501)), Reply(307)])
def test_a_blob_of_which_the_registry_cannot_say_that_it_is_there_is_uploaded(head: Reply) -> None:
    replies = {"HEAD": head, "POST": Reply(202, headers={"Location": "/v2/a/blobs/uploads/1"}), "PUT": Reply(201)}
    with HostileRegistry(lambda request: replies[request.method]) as server:
        client(server).push_blob(f"{server.host}/a", b"chart", "x")
        assert [request.method for request in server.requests] == ["HEAD", "POST", "PUT"]


def test_a_redirect_on_the_own_host_is_followed_to_where_the_blob_may_be_missing() -> None:
    def script(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(404) if request.path.endswith("/moved") else Reply(307, headers={"Location": "/v2/moved"})
        return Reply(202, headers={"Location": "/v2/a/blobs/uploads/1"}) if request.method == "POST" else Reply(201)

    with HostileRegistry(script) as server:
        client(server).push_blob(f"{server.host}/a", b"chart", "x")
        assert [request.method for request in server.requests] == ["HEAD", "HEAD", "POST", "PUT"]


@pytest.mark.parametrize(("status", "error"), [(403, AccessDeniedError), (500, UnavailableError), (422, RejectedError)])
def test_a_blob_that_may_not_be_looked_for_is_not_uploaded(status: int, error: type[Exception]) -> None:
    with HostileRegistry(always(Reply(status))) as server:
        with pytest.raises(error):
            client(server).push_blob(f"{server.host}/a", b"chart", "x")
        assert [request.method for request in server.requests] == ["HEAD"]


# credentials


def challenged(write: Callable[[str], str | list[str]], accepted: str = "Bearer T") -> Callable[[Request], Reply]:
    """Issues the token T, and answers with a manifest to who has the accepted authorization."""

    def script(request: Request) -> Reply:
        if request.path.startswith("/token"):
            return Reply(body=b'{"token": "T"}')
        if request.headers.get("Authorization", "").startswith(accepted):
            return Reply(body=MANIFEST)
        realm = f'Bearer realm="http://{request.headers["Host"]}/token",service="s"'
        return Reply(401, b"{}", {"WWW-Authenticate": write(realm)})

    return script


@pytest.mark.parametrize(
    "write",
    [
        lambda bearer: [bearer],
        lambda bearer: ['Basic realm="x"', bearer],
        lambda bearer: [bearer, 'Basic realm="x"'],
        lambda bearer: 'Basic realm="x", ' + bearer,
        lambda bearer: ["Negotiate", "NTLM", bearer],
        lambda bearer: "Negotiate abc==, " + bearer,
        lambda bearer: ['Bearer realm="https://elsewhere.example/token"', bearer],
    ],
)  # fmt: skip
def test_the_challenge_that_can_be_answered_is_answered_wherever_it_stands(write: Callable[[str], str | list[str]]) -> None:
    with HostileRegistry(challenged(write)) as server:
        assert client(server).resolve(f"{server.host}/a", "1") == DIGEST


def test_a_password_answers_where_a_token_would_come_from_another_host(tmp_path: Path) -> None:
    script = challenged(lambda _: 'Bearer realm="https://elsewhere.example/token", Basic realm="x"', "Basic ")
    with HostileRegistry(script) as server:
        registry = client(server, credentials=docker_config(tmp_path, server.host))
        assert registry.resolve(f"{server.host}/a", "1") == DIGEST
        with pytest.raises(AccessDeniedError, match=r"token from elsewhere\.example"):
            client(server).resolve(f"{server.host}/a", "1")


def test_a_registry_with_other_ways_alone_is_named_with_them() -> None:
    with (
        HostileRegistry(always(Reply(401, headers={"WWW-Authenticate": ["Negotiate", "NTLM"]}))) as server,
        pytest.raises(AccessDeniedError, match="credentials by negotiate, ntlm, which is not supported"),
    ):
        client(server).resolve(f"{server.host}/a", "1")


ENTRIES = [
    "r.example",
    "https://r.example/team",
    "r.example/team/a",
    "r.example/team/ab",
    "https://r.example/v2/other/",
    "r.example:444",
]


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("r.example", "x", "r.example"),
        ("r.example", "teams/a", "r.example"),
        ("r.example", "team/b", "https://r.example/team"),
        ("r.example", "team/a", "r.example/team/a"),
        ("r.example", "team/a/c", "r.example/team/a"),
        ("r.example", "team/ab", "r.example/team/ab"),
        ("r.example", "other/x", "https://r.example/v2/other/"),
        ("r.example:443", "x", "r.example"),
        ("r.example:444", "team/a", "r.example:444"),
        ("s.example", "x", None),
    ],
)
@pytest.mark.parametrize("entries", [ENTRIES, ENTRIES[::-1]])
def test_the_credentials_of_the_longest_path_count(
    entries: list[str], host: str, path: str, expected: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {key: {"username": key, "password": "p"} for key in entries}}))
    basic = RegistryCredentials(file).basic(host, path)
    assert (base64.b64decode(basic[6:]).decode().removesuffix(":p") if basic else None) == expected


@pytest.mark.parametrize("entries", [{"r.example/team": {}}, {"r.example/team/b": {"auth": "YTpi"}}])
def test_the_credentials_of_one_team_are_not_sent_for_anothers_repository(entries: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": entries}))
    assert RegistryCredentials(file).basic("r.example", "team/a") is None


# Docker Hub


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_is_reached_at_its_address_under_each_of_its_names(name: str) -> None:
    hosts = Hosts(frozenset(), {}, {})
    assert hosts.base(name) == "https://registry-1.docker.io"
    assert hosts.token_origins("registry-1.docker.io") == {"https://auth.docker.io"}
    assert Registry()._url(f"{name}/v2/envoyproxy/gateway-helm/tags/list") == (
        "https://registry-1.docker.io/v2/envoyproxy/gateway-helm/tags/list"
    )


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"])
def test_docker_hubs_credentials_are_found_under_each_of_its_names(key: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {key: {"auth": "YTpi"}}}))
    assert RegistryCredentials(file).basic("registry-1.docker.io", "envoyproxy/gateway-helm") == "Basic YTpi"
    assert RegistryCredentials(file).basic("docker.example", "envoyproxy/gateway-helm") is None


# addresses


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/a", "https://r.example/v2/a"),
        ("?last=b", "https://r.example/v2/tags?last=b"),
        ("http://r.example/v2/a", "https://r.example/v2/a"),
        ("https://r.example:443/v2/a?b", "https://r.example/v2/a?b"),
        ("http://R.example/v2/a", "https://r.example/v2/a"),
        ("http://r.example:8080/v2/a", None),
        ("https://s.example/v2/a", None),
    ],
)
def test_an_address_on_the_own_host_stays_on_its_origin(location: str, expected: str | None) -> None:
    assert own_address("https://r.example/v2/tags", location, "it") == expected


def test_the_next_page_is_found_among_other_links_and_parameters() -> None:
    def script(request: Request) -> Reply:
        if "last=b" in request.path:
            return Reply(body=b'{"tags": ["c"]}')
        links = ['</v2/a/tags/list?first=1>; rel="first"', '</v2/a/tags/list?last=b>; title="2, of 2"; rel="next last"']
        return Reply(body=b'{"tags": ["b"]}', headers={"Link": links})

    with HostileRegistry(script) as server:
        assert client(server).tags(f"{server.host}/a") == ("b", "c")
