"""Somebody with write access to `resolved` on a real forge: named, put back, and never believed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.commit_keys import CommitKeys, create_key_file
from reconciler.formats.yaml.documents import dump, load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.status import EnvironmentStatus

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

PATIENCE = 60.0
OWN = ("Catalyst reconciler", "reconciler@catalyst.openova.io")


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    """An Environment, with a Blueprint to install."""
    organization = "t" + format(abs(hash(request.node.name)) % 10**8, "08d")
    stage = LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}")
    servers.publish(stage.prefix, blueprint(tmp_path / "site", "bp-site"))
    stage.connect()
    return stage


def documents(stage: LiveEnvironment) -> dict[str, bytes | None]:
    """One Application."""
    site = f"site-{stage.organization}"
    return {"environment.yaml": stage.environment(), f"applications/{site}.yaml": stage.application(site, "bp-site")}


def tampered(stage: LiveEnvironment, who: tuple[str, str]) -> str:
    """Push a commit on top of `resolved` with one more object for Flux, and the message that is there; return the commit."""
    message = stage.folder / "message"
    message.write_text("\n".join(stage.log("resolved", "%B%x00")).split("\0", 1)[0])
    stage.git("checkout", "-q", "-B", "tampered", "origin/resolved")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "evil", "namespace": stage.namespace}}
    (stage.work / f"clusters/{stage.context}/evil.yaml").write_bytes(dump(secret))
    kustomization = stage.work / f"clusters/{stage.context}/kustomization.yaml"
    listed = load(kustomization.read_bytes(), "kustomization.yaml").data
    kustomization.write_bytes(dump({**listed, "resources": [*listed["resources"], "evil.yaml"]}))
    stage.git("add", "-A")
    identity = ("-c", f"user.name={who[0]}", "-c", f"user.email={who[1]}")
    stage.git(*identity, "commit", "-q", "--cleanup=verbatim", "-F", str(message))
    stage.git("push", "-q", "origin", "tampered:resolved")
    commit = stage.git("rev-parse", "HEAD")
    stage.git("checkout", "-q", "main")
    return commit


def put_back(stage: LiveEnvironment, own: str, foreign: str) -> None:
    """Wait until `resolved` is where it was, and the foreign head was named in the status and on the forge."""
    end = time.monotonic() + PATIENCE
    while stage.head("resolved") != own:
        assert time.monotonic() < end, f"resolved is still at {stage.head('resolved')}"
        time.sleep(0.5)
    while not named(stage, foreign):
        assert time.monotonic() < end, "the foreign head is not named in the history of status"
        time.sleep(0.5)
    assert "ForeignLock" in descriptions(stage)


def named(stage: LiveEnvironment, foreign: str) -> bool:
    """Whether a status named a foreign head."""
    stage.log("status")
    changes = stage.git("log", "-p", "--format=", "origin/status", "--", "status.yaml")
    return "ForeignLock" in changes and foreign in changes


def descriptions(stage: LiveEnvironment) -> str:
    """All that the commit statuses of `main` have said."""
    path = f"repos/{stage.organization}/{stage.name}/statuses/{stage.head('main')}"
    answer = stage.servers.gitea.client.get(path)
    answer.raise_for_status()
    return "\n".join(status["description"] for status in answer.json())


def is_ready(status: EnvironmentStatus) -> bool:
    return status.condition("Ready").status == "True"


def test_a_foreign_head_is_put_back_while_main_is_refused(stage: LiveEnvironment) -> None:
    with stage.running():
        stage.ready(stage.push(documents(stage)))
        own = stage.head("resolved")
        assert own is not None
        refused = stage.push({"applications/broken.yaml": b"nonsense: ["})
        stage.wait("refused", lambda status: status.refused == refused)
        put_back(stage, own, tampered(stage, ("A Person", "person@example.org")))
        stage.wait("Ready again", is_ready)
    assert stage.head("resolved") == own


def test_a_copied_committer_and_trailers_are_no_signature(stage: LiveEnvironment) -> None:
    key = stage.folder / "commit-key"
    create_key_file(key)
    settings = load(stage.config.read_bytes(), "reconciler.yaml").data
    stage.config.write_bytes(dump({**settings, "signing": {"keyFile": key.name}}))
    with stage.running():
        stage.ready(stage.push(documents(stage)))
        own = stage.head("resolved")
        assert own is not None
        put_back(stage, own, tampered(stage, OWN))
        stage.wait("Ready again", is_ready)
    signed_by(stage, CommitKeys.read(key, []))


def signed_by(stage: LiveEnvironment, keys: CommitKeys) -> None:
    """Gitea shows a signature of each commit that the reconciler made, and git accepts it."""
    allowed = stage.folder / "allowed"
    allowed.write_text(f"{OWN[1]} {keys.public_key}\n")
    for branch in ("resolved", "status"):
        for commit in stage.log(branch, "%H"):
            path = f"repos/{stage.organization}/{stage.name}/git/commits/{commit}"
            verification = stage.servers.gitea.client.get(path).json()["commit"]["verification"]
            assert verification["signature"].startswith("-----BEGIN SSH SIGNATURE-----"), verification
            stage.git("-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", commit)
