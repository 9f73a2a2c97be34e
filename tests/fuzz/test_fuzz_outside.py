"""What comes from registries and from the Sovereign's own files is read, or refused with a ReconcilerError."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.adapters.chart_packager import pack_chart
from reconciler.adapters.kubernetes.kubeconfig import connect
from reconciler.adapters.registry.auth import RegistryCredentials
from reconciler.config.settings import read_settings
from reconciler.domain.versions import is_range, is_version, newest_first, satisfies
from reconciler.formats import helm_archive
from reconciler.formats.oci_manifest import parse_manifest
from reconciler.model.errors import ConfigurationError, ReconcilerError
from reconciler.services.policies.trust_policy_loader import read_policies
from tests.fuzz.mutations import FUZZ, mutated, pieces
from tests.support.paths import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGEST = "sha256:" + "a" * 64
LAYER = {
    "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "digest": DIGEST,
    "size": 7,
    "annotations": {"a": "b"},
}
MANIFEST = json.dumps({"schemaVersion": 2, "artifactType": "a/b", "config": LAYER, "layers": [LAYER, LAYER]}, indent=1).encode()
DOCKER = json.dumps({"auths": {"registry.example": {"auth": "YTpi", "username": "a", "password": "b"}}}, indent=1).encode()
CHART = gzip.decompress(pack_chart(FIXTURES / "catalog" / "wordpress" / "chart", "wordpress"))
KUBECONFIG = b"""\
apiVersion: v1
kind: Config
current-context: c
clusters:
- name: k
  cluster:
    server: https://localhost:6443
    certificate-authority-data: aGk=
contexts:
- name: c
  context:
    cluster: k
    user: u
users:
- name: u
  user:
    token: t
    client-certificate-data: aGk=
    client-key-data: aGk=
"""
POLICY = b"""\
apiVersion: catalyst.openova.io/v1alpha1
kind: TrustPolicy
metadata: {name: openova}
spec:
  artifacts: [registry.example/openova/**]
  authorities:
  - name: release
    key: |
      -----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8kBgJOpmdtDSJdqdC8LLWWbcgRiZ
      7bb0qRZ8fby04isqPnJ7fDlKyLQUrRTV3avesUBzcxD4liT68DebxMZnyA==
      -----END PUBLIC KEY-----
"""
SETTINGS = b"""\
sovereign: example
state: state
catalogs: [{prefix: registry.example/openova}]
trust: {directory: trust}
workers: 4
"""


@contextlib.contextmanager
def file(name: str, text: bytes) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text)
        yield path


@FUZZ
@given(mutated([MANIFEST]))
def test_a_damaged_manifest(text: bytes) -> None:
    with contextlib.suppress(ReconcilerError):
        found = parse_manifest(text, DIGEST, "m")
        assert all(layer.size >= 0 for layer in (found.config, *found.layers))
        for layer in found.layers:
            json.dumps([layer.media_type, layer.artifact_type, dict(layer.annotations)], ensure_ascii=False).encode()


@FUZZ
@given(mutated([CHART]))
def test_a_damaged_chart_archive(text: bytes) -> None:
    with contextlib.suppress(ReconcilerError):
        files = helm_archive.read_archive(gzip.compress(text, 1))
        assert all(path == path.strip("/") and ".." not in path.split("/") for path in files)
        assert sum(map(len, files.values())) <= len(text)


@FUZZ
@given(mutated([gzip.compress(CHART)]))
def test_damaged_gzip(text: bytes) -> None:
    with contextlib.suppress(ReconcilerError):
        helm_archive.read_archive(text)


@example(json.dumps({"auths": {"registry.example": {"username": "\ud800", "password": "b"}}}).encode())
@FUZZ
@given(mutated([DOCKER]))
def test_damaged_registry_credentials(text: bytes) -> None:
    with file("config.json", text) as path, contextlib.suppress(ReconcilerError):
        found = RegistryCredentials(path).basic("registry.example")
        assert found is None or base64.b64decode(found.removeprefix("Basic "), validate=True) is not None


@FUZZ
@given(mutated([KUBECONFIG]), st.booleans())
def test_a_damaged_kubeconfig(text: bytes, allow_exec: bool) -> None:
    with contextlib.suppress(ConfigurationError):
        connect(text, "c", allow_exec=allow_exec)


@FUZZ
@given(mutated([POLICY]))
def test_damaged_policies(text: bytes) -> None:
    with file("p.yaml", text) as path, contextlib.suppress(ConfigurationError):
        read_policies(path.parent)


@example(SETTINGS + b"_cli_parse_args: true\n")
@example(SETTINGS.replace(b"catalogs: [{prefix", b"cataLogs: [{prefax"))
@example(SETTINGS + b"__pydantic_self__: 1\n")
@FUZZ
@given(mutated([SETTINGS]))
def test_a_damaged_configuration(text: bytes) -> None:
    with file("reconciler.yaml", text) as path, contextlib.suppress(ConfigurationError):
        read_settings(path)


@pytest.mark.parametrize(
    "line", [b"_cli_parse_args: true", b"__pydantic_self__: 1", b"_env_file: x", b"Workers: 4", b"workeRs: 4"]
)
def test_the_configuration_has_no_field_that_only_pydantic_settings_knows(line: bytes) -> None:
    text = SETTINGS.replace(b"workers: 4", line)
    with file("reconciler.yaml", text) as path, pytest.raises(ConfigurationError, match=r"reconciler.yaml:5:1: unknown field"):
        read_settings(path)


RANGES = st.text("0123456789.-+xX*^~<>=| avrc", max_size=40) | pieces() | st.integers(0, 10**5000).map(lambda n: f"{n:x}.1.1")


@example("1.0.0", "0 - <")
@example("1" * 5000 + ".0.0", "*")
@FUZZ
@given(RANGES, RANGES)
def test_any_words_as_versions_and_ranges(one: str, other: str) -> None:
    satisfies(one, other)
    satisfies("1.2.3", other)
    assert is_range(other) or not is_version(other)
    assert set(newest_first([one, other, "1.0.0"])) <= {one, other, "1.0.0"}
