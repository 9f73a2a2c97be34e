"""Credentials and tokens go to their own host alone."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from reconciler.adapters.registry.client import Registry
from reconciler.model.errors import AccessDeniedError, ConfigurationError, IntegrityError, UnavailableError
from tests.support.registry_client import DIGEST, MANIFEST, SECRET, always, client, docker_config
from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


def identity_config(tmp_path: Path, host: str) -> Path:
    file = tmp_path / "identity.json"
    auth = base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode()  # as `docker login` of a cloud writes it
    file.write_text(json.dumps({"auths": {host: {"auth": auth, "identitytoken": SECRET}}}))
    return file


def test_an_identity_token_is_exchanged_for_one_of_the_repository(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        if request.path == "/token":
            return Reply(body=b'{"access_token": "good"}')
        return token_wanted("/token")(request)

    with HostileRegistry(script) as server:
        registry = client(server, credentials=identity_config(tmp_path, server.host))
        assert registry.resolve(f"{server.host}/a", "1") == DIGEST
        exchange = server.requests[1]
        assert (exchange.method, exchange.headers["Content-Type"]) == ("POST", "application/x-www-form-urlencoded")
        assert "Authorization" not in exchange.headers
        form = dict(parse_qsl(exchange.body.decode()))
        assert form.pop("client_id")
        assert form == {"grant_type": "refresh_token", "refresh_token": SECRET, "service": "s", "scope": "x"}
        assert [SECRET in f"{r.path} {r.headers} {r.body!r}" for r in server.requests] == [False, True, False]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500])
def test_an_identity_token_that_is_not_taken_is_not_quoted_and_goes_nowhere_else(tmp_path: Path, status: int) -> None:
    with HostileRegistry(always(Reply(body=b'{"token": "good"}'))) as other:

        def script(request: Request) -> Reply:
            if request.path == "/token":
                return Reply(status=status, headers={"Location": f"http://{other.host}/token"}, body=SECRET.encode())
            return token_wanted("/token")(request)

        with HostileRegistry(script) as server:
            registry = client(server, credentials=identity_config(tmp_path, server.host))
            with pytest.raises((AccessDeniedError, UnavailableError)) as raised:
                registry.resolve(f"{server.host}/a", "1")
        assert SECRET not in str(raised.value)
        assert other.requests == []


def test_an_identity_token_does_not_go_to_a_realm_on_another_host(tmp_path: Path) -> None:
    with HostileRegistry(always(Reply(body=b'{"token": "good"}'))) as other:
        with HostileRegistry(token_wanted(f"http://{other.host}/token")) as server:
            registry = client(server, credentials=identity_config(tmp_path, server.host))
            with pytest.raises(AccessDeniedError, match="requires a token from"):
                registry.resolve(f"{server.host}/a", "1")
        assert other.requests == []


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
            with pytest.raises(AccessDeniedError, match="requires a token from"):
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

    with HostileRegistry(script) as server, pytest.raises(AccessDeniedError, match="an invalid token"):
        client(server).resolve(f"{server.host}/a", "1")


def test_a_realm_on_another_host_gets_nothing(tmp_path: Path) -> None:
    with HostileRegistry(always(Reply(body=b'{"token": "x"}'))) as thief:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{thief.host}/token",service="s"'}
        with HostileRegistry(always(Reply(status=401, headers=challenge))) as server:
            registry = client(server, thief, credentials=docker_config(tmp_path, server.host))
            with pytest.raises(AccessDeniedError, match=f"requires a token from {thief.host}") as caught:
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


def test_credentials_that_cannot_be_read_are_named_and_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(f'{{"auths": "{SECRET}"')
    challenge = Reply(status=401, headers={"WWW-Authenticate": "Basic"})
    with HostileRegistry(always(challenge)) as server, pytest.raises(ConfigurationError, match=r"config\.json") as caught:
        client(server, credentials=file).resolve(f"{server.host}/a", "1")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
