"""Registries behind TLS whose certificates nobody else knows: real handshakes, with certificates made here."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.registry.client import Registry
from reconciler.formats.oci_manifest import Descriptor, digest_of_bytes
from reconciler.model.errors import AccessDeniedError, ConfigurationError, UnavailableError
from tests.support.certificates import Authority
from tests.support.registry_server import HostileRegistry, RawServer, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BLOB = Descriptor("x/y", digest_of_bytes(b"content"), 7)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def other(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "other")


def give(_: Request) -> Reply:
    return Reply(body=b"content")


def read(host: str, authorities: Mapping[str, Path], *, plain_http: tuple[str, ...] = ()) -> bytes:
    registry = Registry(authorities=authorities, plain_http=plain_http, timeout=5, attempts=1)
    try:
        return registry.blob(f"{host}/a", BLOB, limit=7)
    finally:
        registry.close()


def test_a_host_is_believed_by_its_own_authority(ours: Authority) -> None:
    with HostileRegistry(give, ours.server()) as server:
        assert read(server.host, {server.host: ours.file}) == b"content"


def test_a_host_without_one_is_told_where_to_put_it(ours: Authority) -> None:
    with HostileRegistry(give, ours.server()) as server:
        with pytest.raises(UnavailableError) as caught:
            read(server.host, {})
        assert server.requests == []
    assert f"{server.host} presents a certificate that cannot be verified: unable to get local issuer" in caught.value.message
    assert caught.value.hint == f"add its CA under registry.hosts: {{host: {server.host}, ca: FILE}}"


def test_a_host_is_believed_by_its_own_authority_only(ours: Authority, other: Authority) -> None:
    with HostileRegistry(give, ours.server()) as server:
        with pytest.raises(
            UnavailableError, match=r"cannot be verified.*other\.pem, its CA under registry\.hosts, did not issue it"
        ):
            read(server.host, {server.host: other.file})
        assert server.requests == []


def test_an_authority_is_for_its_host_only_even_in_one_client(ours: Authority) -> None:
    with HostileRegistry(give, ours.server()) as server, HostileRegistry(give, ours.server()) as neighbour:
        registry = Registry(authorities={server.host: ours.file}, timeout=5, attempts=1)
        assert registry.blob(f"{server.host}/a", BLOB, limit=7) == b"content"
        with pytest.raises(UnavailableError, match=f"{neighbour.host} presents a certificate"):
            registry.blob(f"{neighbour.host}/a", BLOB, limit=7)
        assert registry.blob(f"{server.host}/a", BLOB, limit=7) == b"content"
        assert neighbour.requests == []


@pytest.mark.parametrize(
    ("address", "years", "why"),
    [
        ("127.0.0.1", (-1, -0.1), "certificate has expired .*renew"),
        ("127.0.0.1", (0.1, 1), "not yet valid .*clock"),
        ("127.0.0.2", (-1, 1), r"not valid for '127\.0\.0\.1' .*the name that the certificate is for"),
    ],
)
def test_a_certificate_that_does_not_hold_is_told_why(
    ours: Authority, address: str, years: tuple[float, float], why: str
) -> None:
    with HostileRegistry(give, ours.server(address, years=years)) as server:
        with pytest.raises(UnavailableError, match=why):
            read(server.host, {server.host: ours.file})
        assert server.requests == []


def test_a_redirect_is_followed_by_the_rules_of_the_host_it_leads_to(ours: Authority, other: Authority, tmp_path: Path) -> None:
    with HostileRegistry(give, other.server()) as store:

        def script(request: Request) -> Reply:
            if "Authorization" not in request.headers:
                return Reply(status=401, headers={"WWW-Authenticate": "Basic"})
            return Reply(status=307, headers={"Location": f"https://{store.host}/blob"})

        with HostileRegistry(script, ours.server()) as server:
            config = docker_config(tmp_path, server.host)
            both = {server.host: ours.file, store.host: other.file}
            registry = Registry(authorities=both, credentials=config, timeout=5, attempts=1)
            assert registry.blob(f"{server.host}/a", BLOB, limit=7) == b"content"
            assert all("Authorization" not in request.headers for request in store.requests)
            only = Registry(authorities={server.host: ours.file}, credentials=config, timeout=5, attempts=1)
            with pytest.raises(UnavailableError, match=f"{store.host} presents a certificate"):
                only.blob(f"{server.host}/a", BLOB, limit=7)
        assert len(store.requests) == 1


def test_a_redirect_leads_out_of_tls_nowhere(ours: Authority) -> None:
    with HostileRegistry(give) as store:
        reply = Reply(status=307, headers={"Location": f"http://{store.host}/blob"})
        with HostileRegistry(lambda _: reply, ours.server()) as server, pytest.raises(AccessDeniedError, match="without TLS"):
            read(server.host, {server.host: ours.file}, plain_http=(store.host,))
        assert store.requests == []


def test_tokens_come_from_a_token_host_by_its_own_authority(ours: Authority, other: Authority, tmp_path: Path) -> None:
    with HostileRegistry(lambda _: Reply(body=b'{"token": "good"}'), other.server()) as tokens:

        def script(request: Request) -> Reply:
            if request.headers.get("Authorization") == "Bearer good":
                return Reply(body=b"content")
            realm = f'Bearer realm="https://{tokens.host}/token",service="s"'
            return Reply(status=401, headers={"WWW-Authenticate": realm})

        with HostileRegistry(script, ours.server()) as server:
            registry = Registry(
                authorities={server.host: ours.file, tokens.host: other.file},
                token_hosts={server.host: [tokens.host]},
                credentials=docker_config(tmp_path, server.host),
                timeout=5,
                attempts=1,
            )
            assert registry.blob(f"{server.host}/a", BLOB, limit=7) == b"content"
    assert [request.headers["Authorization"][:6] for request in tokens.requests] == ["Basic "]


def test_a_token_realm_without_tls_gets_nothing(ours: Authority, tmp_path: Path) -> None:
    with HostileRegistry(lambda _: Reply(body=b'{"token": "good"}')) as tokens:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token"'}
        with HostileRegistry(lambda _: Reply(status=401, headers=challenge), ours.server()) as server:
            registry = Registry(
                authorities={server.host: ours.file},
                token_hosts={server.host: [tokens.host]},
                credentials=docker_config(tmp_path, server.host),
                timeout=5,
                attempts=1,
            )
            with pytest.raises(AccessDeniedError, match="requires a token from"):
                registry.blob(f"{server.host}/a", BLOB, limit=7)
        assert tokens.requests == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, r"ca\.pem of .* cannot be read: No such file .*`ca` under registry\.hosts"),
        ("", r"ca\.pem of .* contains no certificates"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", r"ca\.pem of .* contains no certificates"),
    ],
)
def test_an_authority_that_cannot_be_read_is_told_before_anything_is_sent(
    ours: Authority, tmp_path: Path, content: str | None, why: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with HostileRegistry(give, ours.server()) as server:
        with pytest.raises(ConfigurationError, match=why):
            read(server.host, {server.host: file})
        with pytest.raises(ConfigurationError, match="Is a directory"):
            read(server.host, {server.host: tmp_path})
        assert server.requests == []
        file.write_bytes(ours.file.read_bytes())
        assert read(server.host, {server.host: file}) == b"content"


def test_an_authority_may_be_replaced_at_any_time(ours: Authority, other: Authority) -> None:
    with HostileRegistry(give, ours.server()) as server:
        registry = Registry(authorities={server.host: other.file}, timeout=5, attempts=1)
        with pytest.raises(UnavailableError):
            registry.blob(f"{server.host}/a", BLOB, limit=7)
        other.file.write_bytes(ours.file.read_bytes())
        assert registry.blob(f"{server.host}/a", BLOB, limit=7) == b"content"


def test_a_default_port_is_the_same_host(ours: Authority) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read("registry.example:443", {"registry.example": ours.file.with_name("gone.pem")})


def test_nothing_in_answer_to_a_handshake_is_unavailable() -> None:
    with RawServer(lambda: ()) as server, pytest.raises(UnavailableError, match=r"did not respond within 0\.3 s"):
        Registry(timeout=0.3, attempts=1).tags(f"{server.host}/a")


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01" + b"\x00" * 100])
def test_something_else_in_answer_to_a_handshake_is_unavailable(said: bytes) -> None:
    with RawServer(lambda: [said]) as server, pytest.raises(UnavailableError, match=r"the connection to .* failed"):
        Registry(timeout=0.3, attempts=1).tags(f"{server.host}/a")


def test_many_hosts_with_authorities_are_kept_apart(tmp_path: Path) -> None:
    authorities = [Authority(tmp_path, f"ca{number}") for number in range(3)]
    with (
        HostileRegistry(give, authorities[0].server()) as a,
        HostileRegistry(give, authorities[1].server()) as b,
        HostileRegistry(give, authorities[2].server()) as c,
    ):
        hosts = [a.host, b.host, c.host]
        for order in itertools.permutations(authorities):
            registry = Registry(
                authorities={host: one.file for host, one in zip(hosts, order, strict=True)}, timeout=5, attempts=1
            )
            right = [one is two for one, two in zip(order, authorities, strict=True)]
            assert [_answers(registry, host) for host in hosts] == right
            registry.close()


def _answers(registry: Registry, host: str) -> bool:
    try:
        return registry.blob(f"{host}/a", BLOB, limit=7) == b"content"
    except UnavailableError:
        return False


def docker_config(folder: Path, host: str) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps({"auths": {host: {"auth": base64.b64encode(b"robot:secret").decode()}}}))
    return file
