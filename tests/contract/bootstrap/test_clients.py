"""From the configuration to the registries' client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.bootstrap.clients import registry_client
from reconciler.config.settings import Settings
from reconciler.formats.oci_manifest import Descriptor, digest_of_bytes
from reconciler.model.errors import ConfigurationError, UnavailableError
from tests.support.certificates import Authority
from tests.support.registry_server import HostileRegistry, Reply

if TYPE_CHECKING:
    from pathlib import Path

BLOB = Descriptor("x/y", digest_of_bytes(b"content"), 7)


def configured(catalog: str, *hosts: dict[str, object]) -> Settings:
    return Settings.model_validate(
        {
            "sovereign": "demo",
            "state": "state",
            "catalogs": [{"prefix": f"{catalog}/openova", "plainHttp": True}],
            "trust": {"directory": "trust"},
            "registry": {"timeout": 5, "hosts": hosts},
        }
    )


def test_a_mirror_behind_its_own_authority_gives_what_the_catalogs_host_would(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ours")
    with (
        HostileRegistry(lambda _: Reply(body=b"content"), authority.server()) as mirror,
        HostileRegistry(lambda _: Reply(body=b'{"tags": ["1.0.0"]}')) as upstream,
    ):
        settings = configured(
            upstream.host,
            {"host": upstream.host, "mirrors": [f"{mirror.host}/copies"]},
            {"host": mirror.host, "ca": authority.file},
        )
        mirrored = registry_client(settings)
        repository = f"{upstream.host}/openova/bp-shop"
        assert mirrored.locations(repository) == (f"{mirror.host}/copies/openova/bp-shop", repository)
        assert mirrored.blob(repository, BLOB, limit=7) == b"content"
        assert mirrored.tags(repository) == ("1.0.0",)
        mirrored.close()
        assert [request.path for request in mirror.requests] == [f"/v2/copies/openova/bp-shop/blobs/{BLOB.digest}"]
        assert len(upstream.requests) == 1


def test_an_authority_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.pem of registry\.example cannot be read"):
        registry_client(configured("other.example", {"host": "registry.example", "ca": "gone.pem"})).tags("registry.example/a")


def test_hosts_without_tls_are_the_catalogs_and_those_that_are_configured() -> None:
    client = registry_client(configured("registry.example", {"host": "cache.example", "plainHttp": True})).registry
    assert [client.is_plain_http(f"{host}.example/a") for host in ("registry", "cache", "other")] == [True, True, False]


def test_hosts_that_others_stand_for_are_left_alone_when_they_are_silent() -> None:
    with HostileRegistry(lambda _: Reply()) as server:
        gone = server.host
    mirrored = registry_client(configured(gone, {"host": gone, "mirrors": ["127.0.0.1:1/copies"]}, {"host": "127.0.0.1:1"}))
    for host in (gone, "127.0.0.1:1"):
        with pytest.raises(UnavailableError, match="failed"):
            mirrored.registry.tags(f"{host}/a")
        with pytest.raises(UnavailableError, match="requested again"):
            mirrored.registry.tags(f"{host}/a")
