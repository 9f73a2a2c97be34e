"""The real servers, each started when a test first needs it, once per process, and stopped by their own command."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.adapters.cosign.runner import Cosign
from reconciler.commands.publish import SigningKey
from tests.live.support.environment import Cluster, Gitea, Servers
from tests.live.support.oracles import Oracles
from tests.live.support.sandbox import run_sandbox
from tests.live.support.signing_keys import SigningKeys
from tests.support.paths import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Iterator


PASSWORD = "sandbox"  # noqa: S105 - of keys that the tests make and throw away


@contextlib.contextmanager
def running(factory: pytest.TempPathFactory, part: str) -> Iterator[dict[str, Any]]:
    """One part of a sandbox, in a sandbox of its own."""
    state = str(factory.mktemp(part) / "state")
    try:
        yield run_sandbox("up", "--state", state, "--only", part)
    finally:
        run_sandbox("down", "--state", state)


@pytest.fixture(scope="session")
def registry_part(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A registry, and cosign."""
    with running(tmp_path_factory, "registry") as up:
        yield up


@pytest.fixture(scope="session")
def second_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Another API server with Flux, for an Environment whose Applications are called like another's."""
    with running(tmp_path_factory, "kubernetes") as up:
        yield Cluster.of(up)


@pytest.fixture(scope="session")
def second_apiserver(second_cluster: Cluster) -> int:
    """The process id of the second cluster's API server: to stop it with SIGSTOP, and always to go on with SIGCONT."""
    rows = run_sandbox("status", "--state", str(second_cluster.state))["servers"]
    return next(int(row["pid"]) for row in rows if row["name"] == "kube-apiserver")


@pytest.fixture(scope="session")
def registry_host(registry_part: dict[str, Any]) -> str:
    """`host:port` of a registry that is spoken to without TLS."""
    return str(registry_part["registry"]["host"])


@pytest.fixture(scope="session")
def cosign_program(registry_part: dict[str, Any]) -> Path:
    """The cosign program."""
    return Path(registry_part["cosign"])


@pytest.fixture(scope="session")
def oracles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracles]:
    """Helm and kustomize, to ask what they make of a chart or of YAML."""
    with running(tmp_path_factory, "oracles") as up:
        yield Oracles(Path(up["oracles"]["helm"]), Path(up["oracles"]["kustomize"]))


@pytest.fixture(scope="session")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    """A Gitea with an administrator's token."""
    with running(tmp_path_factory, "gitea") as up:
        url, user = up["gitea"]["url"], up["gitea"]["admin"]
        token = Path(up["gitea"]["token_file"]).read_text().strip()
        with httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"token {token}"}, timeout=30) as client:
            yield Gitea(url, user, token, client, Path(up["logs"]) / "gitea.log")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with Flux."""
    with running(tmp_path_factory, "kubernetes") as up:
        yield Cluster.of(up)


@pytest.fixture(scope="session")
def keys(cosign_program: Path, tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    """Two key pairs."""
    folder, cosign = tmp_path_factory.mktemp("keys"), Cosign(cosign_program)
    made = [cosign.generate_key(folder, PASSWORD, name)[0] for name in ("trusted", "stranger")]
    return SigningKeys(*(SigningKey.load(cosign, key, PASSWORD) for key in made))


@pytest.fixture(scope="session")
def servers(gitea: Gitea, cluster: Cluster, registry_host: str, cosign_program: Path, keys: SigningKeys) -> Servers:
    """What a Stage is set up on."""
    return Servers(gitea, cluster, registry_host, cosign_program, keys.trusted)


@pytest.fixture(scope="session")
def catalog(servers: Servers) -> str:
    """The prefix under which all of fixtures/catalog is published and signed."""
    prefix = f"{servers.registry}/openova"
    servers.publish(prefix, *sorted((FIXTURES / "catalog").iterdir()))
    return prefix
