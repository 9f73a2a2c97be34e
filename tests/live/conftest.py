"""The real servers, started once per run and stopped by their own command."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.loop.publish import SigningKey
from reconciler.world.cosign import Cosign
from tests.live.stage import Cluster, Gitea, Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SANDBOX = ROOT / "deploy" / "sandbox"
FIXTURES = ROOT / "fixtures"
PASSWORD = "sandbox"  # noqa: S105 - of keys that the tests make and throw away


def sandbox(*arguments: str) -> Any:
    """Run the sandbox's own command, as a person would, and return its JSON."""
    done = subprocess.run(
        [sys.executable, str(SANDBOX), *arguments, "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"deploy/sandbox {' '.join(arguments)} failed:\n{done.stderr}", pytrace=False)
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Every server of one sandbox."""
    state = str(tmp_path_factory.mktemp("sandbox") / "state")
    try:
        yield sandbox("up", "--state", state)
    finally:
        sandbox("down", "--state", state)


@pytest.fixture(scope="session")
def second_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Another API server with Flux, for an Environment whose Applications are called like another's."""
    state = str(tmp_path_factory.mktemp("second") / "state")
    try:
        yield Cluster.of(sandbox("up", "--state", state, "--only", "kubernetes"))
    finally:
        sandbox("down", "--state", state)


@pytest.fixture(scope="session")
def second_apiserver(second_cluster: Cluster) -> int:
    """The process id of the second cluster's API server: to stop it with SIGSTOP, and always to go on with SIGCONT."""
    rows = sandbox("status", "--state", str(second_cluster.state))["servers"]
    return next(int(row["pid"]) for row in rows if row["name"] == "kube-apiserver")


@pytest.fixture(scope="session")
def registry_host(up: dict[str, Any]) -> str:
    """`host:port` of a registry that is spoken to without TLS."""
    return str(up["registry"]["host"])


@pytest.fixture(scope="session")
def cosign_program(up: dict[str, Any]) -> Path:
    """The cosign program."""
    return Path(up["cosign"])


@pytest.fixture(scope="session")
def gitea(up: dict[str, Any]) -> Iterator[Gitea]:
    """A Gitea with an administrator's token."""
    url, user = up["gitea"]["url"], up["gitea"]["admin"]
    token = Path(up["gitea"]["token_file"]).read_text().strip()
    with httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"token {token}"}, timeout=30) as client:
        yield Gitea(url, user, token, client, Path(up["logs"]) / "gitea.log")


@pytest.fixture(scope="session")
def cluster(up: dict[str, Any]) -> Cluster:
    """An API server with Flux."""
    return Cluster.of(up)


@dataclass(frozen=True)
class Keys:
    """A signer whom the tests' trust policies accept, and one whom they do not."""

    trusted: SigningKey
    stranger: SigningKey


@pytest.fixture(scope="session")
def keys(cosign_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Two key pairs."""
    folder, cosign = tmp_path_factory.mktemp("keys"), Cosign(cosign_program)
    made = [cosign.generate_key(folder, PASSWORD, name)[0] for name in ("trusted", "stranger")]
    return Keys(*(SigningKey.load(cosign, key, PASSWORD) for key in made))


@pytest.fixture(scope="session")
def servers(gitea: Gitea, cluster: Cluster, registry_host: str, cosign_program: Path, keys: Keys) -> Servers:
    """What a Stage is set up on."""
    return Servers(gitea, cluster, registry_host, cosign_program, keys.trusted)


@pytest.fixture(scope="session")
def catalog(servers: Servers) -> str:
    """The prefix under which all of fixtures/catalog is published and signed."""
    prefix = f"{servers.registry}/openova"
    servers.publish(prefix, *sorted((FIXTURES / "catalog").iterdir()))
    return prefix
