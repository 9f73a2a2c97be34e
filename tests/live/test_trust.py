"""Trust that continues, on the real servers: policies out of the system repository, keys that change, signatures that go."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.world.documents import dump, load
from tests.live.stage import Servers, Stage, blueprint, reconciler

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.status import EnvironmentStatus
    from tests.live.conftest import Keys

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class System:
    """The Sovereign's system repository on Gitea, which the Environment's authors have nothing to do with."""

    stage: Stage
    folder: Path

    @property
    def name(self) -> str:
        return f"system-{self.stage.organization}/catalyst-config"

    @cached_property
    def work(self) -> Path:
        gitea = self.stage.servers.gitea
        url = gitea.create_repository("catalyst-config", self.name.partition("/")[0])
        work = self.folder / "system"
        address = url.replace("http://", f"http://{gitea.user}:{gitea.token}@")
        subprocess.run(["git", "clone", "-q", address, str(work)], check=True, capture_output=True)
        return work

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=Sovereign", "-c", "user.email=sovereign@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=self.work, check=True, capture_output=True, timeout=60)

    def trust(self, key: str, **spec: Any) -> None:
        """Push the one policy, with this public key."""
        whole = {"artifacts": [f"{self.stage.prefix}/*"], "authorities": [{"name": "release", "key": key}], **spec}
        policy = {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": "o"}, "spec": whole}
        (self.work / "trust").mkdir(exist_ok=True)
        (self.work / "trust" / "openova.yaml").write_bytes(dump(policy))
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "trust")
        self.git("push", "-q", "origin", "HEAD:main")

    def configure(self, reverify: float) -> None:
        """Have the reconciler read its policies from here."""
        settings = load(self.stage.config.read_bytes(), "reconciler.yaml").data
        settings["trust"] = {"repository": self.name, "reverifyInterval": reverify}
        self.stage.config.write_bytes(dump(settings))


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
    organization = "u" + format(abs(hash(request.node.name)) % 10**8, "08d")
    return Stage(servers, tmp_path, organization, f"{servers.registry}/{organization}")


@pytest.fixture
def system(stage: Stage, tmp_path: Path) -> System:
    return System(stage, tmp_path)


def trusted(status: EnvironmentStatus) -> str:
    return status.condition("Trusted").status


def test_a_rotated_key_is_told_touches_nothing_that_runs_and_heals_when_signed_anew(
    stage: Stage, system: System, servers: Servers, keys: Keys, tmp_path: Path
) -> None:
    name, folder = stage.organization, blueprint(tmp_path / "a", "bp-app")
    servers.publish(stage.prefix, folder)
    system.trust(keys.trusted.public_key)
    system.configure(3600)
    stage.connect()
    application = {f"applications/{name}.yaml": stage.application(name, "bp-app")}
    first = stage.push({"environment.yaml": stage.environment(), **application})
    with stage.running():
        stage.ready(first)
        resolved, release = stage.head("resolved"), stage.on.release(stage.namespace, name)
        assert release is not None

        system.trust(keys.stranger.public_key)
        status = stage.wait("untrusted", lambda s: trusted(s) == "False")
        assert status.condition("Trusted").message.startswith(f"{name}: the policy o is not met: ")
        assert (status.refused, status.condition("Ready").status) == (None, "True")
        assert stage.log("status")[0] == f"{stage.name}: Ready 1/1, Untrusted"
        second = stage.push({"applications/two.yaml": stage.application("two", "bp-app")})
        stage.wait("refused", lambda s: s.refused == second and trusted(s) == "False")
        assert stage.head("resolved") == resolved
        again = stage.on.release(stage.namespace, name)
        assert again is not None
        assert again["metadata"]["generation"] == release["metadata"]["generation"]
        stage.push({"applications/two.yaml": None})

        servers.publish(stage.prefix, folder, signer=keys.stranger)
        status = stage.wait("trusted again", lambda s: trusted(s) == "True" and s.refused is None)
        assert status.condition("Ready").status == "True"
        assert stage.head("resolved") != resolved, "the new signature is the evidence now"
    done = reconciler("audit", "-c", str(stage.config), stage.name)
    assert done.returncode == 0, done.stdout + done.stderr
    after = stage.on.release(stage.namespace, name)
    assert after is not None
    assert len(after["status"]["history"]) == 1, "nothing was rolled out anew"


def test_a_signature_that_is_taken_away_is_noticed_without_any_change_of_policies(
    stage: Stage, system: System, servers: Servers, keys: Keys, tmp_path: Path
) -> None:
    name, folder = stage.organization, blueprint(tmp_path / "a", "bp-app")
    servers.publish(stage.prefix, folder)
    system.trust(keys.trusted.public_key)
    system.configure(3)
    stage.push({"environment.yaml": stage.environment(), f"applications/{name}.yaml": stage.application(name, "bp-app")})
    with stage.running():
        stage.wait("trusted", lambda s: trusted(s) == "True" and s.resolved is not None)
        package = load(stage.show("resolved", "environment.lock.yaml"), "lock").data["packages"][0]
        where, _, digest = package["artifact"].removeprefix("oci://").rpartition("@")
        host, _, repository = where.partition("/")
        address = f"http://{host}/v2/{repository}/manifests"
        # a registry without the referrers API lists signatures under this tag
        listed = httpx.get(f"{address}/{digest.replace(':', '-')}", headers={"Accept": INDEX}).headers["Docker-Content-Digest"]
        assert httpx.delete(f"{address}/{listed}").status_code == 202
        status = stage.wait("untrusted", lambda s: trusted(s) == "False")
        assert "has no signature" in status.condition("Trusted").message
        servers.publish(stage.prefix, folder)
        stage.wait("trusted again", lambda s: trusted(s) == "True")


def test_a_broken_policy_decides_nothing_and_is_named(
    stage: Stage, system: System, servers: Servers, keys: Keys, tmp_path: Path
) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    system.trust(keys.trusted.public_key, artefacts=["*"])
    system.configure(3600)
    stage.push({"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-app")})
    code, told = stage.once()
    assert (code, stage.head("resolved")) == (3, None), told
    assert "openova.yaml:" in str(told)
    system.trust(keys.trusted.public_key)
    assert stage.once()[0] == 0
