"""Trust that continues, on the real servers: policies out of the system repository, keys that change, signatures that go."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.formats.yaml.documents import dump, load
from reconciler.model.trust import VULNERABILITIES
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reconciler
from tests.support.signers import ISSUER, WORKFLOW, ByHand, CertificateAuthority, Holder

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.status import EnvironmentStatus
    from tests.live.support.signing_keys import SigningKeys

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

SPDX = "https://spdx.dev/Document"
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class System:
    """The Sovereign's system repository on Gitea, which the Environment's authors have nothing to do with."""

    stage: LiveEnvironment
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

    def root(self, name: str, content: str) -> None:
        """Put a trusted root beside the policy; the next `trust` pushes it."""
        (self.work / "trust").mkdir(exist_ok=True)
        (self.work / "trust" / name).write_text(content)

    def configure(self, reverify: float) -> None:
        """Have the reconciler read its policies from here."""
        settings = load(self.stage.config.read_bytes(), "reconciler.yaml").data
        settings["trust"] = {"repository": self.name, "reverifyInterval": reverify}
        self.stage.config.write_bytes(dump(settings))


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    organization = "u" + format(abs(hash(request.node.name)) % 10**8, "08d")
    return LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}")


@pytest.fixture
def system(stage: LiveEnvironment, tmp_path: Path) -> System:
    return System(stage, tmp_path)


@pytest.fixture
def folder(stage: LiveEnvironment, system: System, servers: Servers, keys: SigningKeys, tmp_path: Path) -> Path:
    """A Blueprint `bp-app`, published, and signed by the one key that counts."""
    made = blueprint(tmp_path / "a", "bp-app")
    servers.publish(stage.prefix, made)
    system.trust(keys.trusted.public_key)
    return made


def start(stage: LiveEnvironment, system: System, reverify: float) -> str:
    """Push one Application, called like the Organization; return the commit."""
    system.configure(reverify)
    name = stage.organization
    return stage.push({"environment.yaml": stage.environment(), f"applications/{name}.yaml": stage.application(name, "bp-app")})


def trusted(status: EnvironmentStatus) -> str:
    return status.condition("Trusted").status


def test_a_rotated_key_is_told_touches_nothing_that_runs_and_heals_when_signed_anew(
    stage: LiveEnvironment, system: System, servers: Servers, keys: SigningKeys, folder: Path
) -> None:
    name, first = stage.organization, start(stage, system, 3600)
    stage.connect()
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
    stage: LiveEnvironment, system: System, servers: Servers, folder: Path
) -> None:
    start(stage, system, 3)
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
    stage: LiveEnvironment, system: System, servers: Servers, keys: SigningKeys, tmp_path: Path
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


def trivy(finished: str, *severities: str) -> dict[str, Any]:
    """A scan as `trivy image --format cosign-vuln` has it."""
    found = [{"VulnerabilityID": f"CVE-2026-{n}", "PkgName": "libx", "Severity": s} for n, s in enumerate(severities)]
    target = {"Target": "x", "Class": "lang-pkgs", "Vulnerabilities": found}
    result = {"SchemaVersion": 2, "ArtifactName": "x", "Results": [target]}
    scanner = {"uri": "pkg:github/aquasecurity/trivy@0.60.0", "version": "0.60.0", "db": {}, "result": result}
    return {"invocation": {}, "scanner": scanner, "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished}}


def reference(stage: LiveEnvironment, name: str, version: str = "1.0.0") -> str:
    """An artifact by its digest, as a person looks it up."""
    host, _, path = stage.prefix.partition("/")
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    answer = httpx.head(f"http://{host}/v2/{path}/{name}/manifests/{version}", headers=accept)
    return f"{stage.prefix}/{name}@{answer.headers['Docker-Content-Digest']}"


def audit(stage: LiveEnvironment, *more: str) -> int:
    return reconciler("audit", "-c", str(stage.config), stage.name, *more).returncode


def test_what_a_policy_wants_attested_is_asked_for_and_the_newest_scan_decides(
    stage: LiveEnvironment, system: System, servers: Servers, tmp_path: Path
) -> None:
    who, hand = Holder(), ByHand(servers.cosign, tmp_path)
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"), unsigned=True)
    artifact = reference(stage, "bp-app")
    wanted = [{"predicateType": SPDX}, {"predicateType": VULNERABILITIES, "maxSeverity": "high"}]
    system.trust(who.public_key, attestations=wanted)
    system.configure(3600)
    stage.push({"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-app")})

    def refused(words: str) -> None:
        code, told = stage.once()
        assert code == 1, told
        assert words in told["problems"][0]["message"], told["problems"]

    refused("has no signature")
    hand.attest(artifact, who, "spdxjson", {"spdxVersion": "SPDX-2.3"})
    refused("has only attestations, which do not count as signatures")
    hand.sign(artifact, who)
    refused(f"has no attestation of {VULNERABILITIES} by release")
    hand.attest(artifact, Holder(), "vuln", trivy("2026-11-02T00:00:00Z"))
    refused(f"has no attestation of {VULNERABILITIES} by release")
    hand.attest(artifact, who, "vuln", trivy("2026-11-03T00:00:00Z", "CRITICAL"))
    refused("found 1 critical (CVE-2026-0); at most high is accepted")
    hand.attest(artifact, who, "vuln", trivy("2026-11-04T00:00:00Z", "LOW", "HIGH"))
    code, told = stage.once()
    assert code == 0, told
    (package,) = load(stage.show("resolved", "environment.lock.yaml"), "lock").data["packages"]
    (evidence,) = package["evidence"]
    assert [one["predicateType"] for one in evidence["attestations"]] == [SPDX, VULNERABILITIES]
    saved = tmp_path / "saved"
    assert audit(stage, "--save", str(saved)) == 0
    assert audit(stage, "--bundles", str(saved)) == 0

    resolved = stage.head("resolved")
    hand.attest(artifact, who, "vuln", trivy("2026-11-05T00:00:00Z", "CRITICAL"))
    assert stage.once()[0] == 1
    status = stage.status()
    assert status is not None
    assert (trusted(status), status.refused) == ("False", None)
    assert "found 1 critical (CVE-2026-0)" in status.condition("Trusted").message
    assert stage.head("resolved") == resolved
    hand.attest(artifact, who, "vuln", trivy("2026-11-06T00:00:00Z"))
    assert stage.once()[0] == 0
    assert stage.head("resolved") != resolved, "the newest scan is the evidence now"


def test_a_signer_without_a_key_is_known_by_identity_and_root(
    stage: LiveEnvironment, system: System, servers: Servers, tmp_path: Path
) -> None:
    ours, theirs, hand = CertificateAuthority(), CertificateAuthority(), ByHand(servers.cosign, tmp_path)
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"), unsigned=True)
    artifact = reference(stage, "bp-app")
    keyless = {"issuer": ISSUER, "subject": WORKFLOW.format("*", "*"), "trustedRoot": "ci.json"}
    system.root("ci.json", ours.trusted_root())
    system.trust("", authorities=[{"name": "ci", "keyless": keyless}], attestations=[{"predicateType": SPDX}])
    system.configure(3600)
    stage.push({"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-app")})
    (hand.folder / "root.json").write_text(theirs.trusted_root())
    hand.sign(artifact, theirs.leaf())
    (hand.folder / "root.json").write_text(ours.trusted_root())
    hand.sign(artifact, ours.leaf("https://ci.example/openova/app/.github/workflows/evil.yaml@refs/tags/v1"))
    code, told = stage.once()
    assert code == 1
    assert "is signed, but by no accepted key (signatures: 2)" in told["problems"][0]["message"]
    hand.sign(artifact, ours.leaf())
    hand.attest(artifact, ours.leaf(WORKFLOW.format("other", "v2")), "spdxjson", {}, old=True)
    code, told = stage.once()
    assert code == 0, told
    assert audit(stage) == 0
    system.root("ci.json", theirs.trusted_root())
    system.trust("", authorities=[{"name": "ci", "keyless": keyless}], attestations=[])
    assert stage.once()[0] == 0, "another root, and theirs signed it too"
    assert audit(stage) == 0
    system.root("ci.json", CertificateAuthority().trusted_root())
    system.trust("", authorities=[{"name": "ci", "keyless": keyless}])
    assert stage.once()[0] == 1
    status = stage.status()
    assert status is not None
    assert trusted(status) == "False"
    assert audit(stage) == 1


def test_two_policies_that_cover_an_artifact_both_hold_and_both_leave_evidence(
    stage: LiveEnvironment, system: System, servers: Servers, keys: SigningKeys, tmp_path: Path
) -> None:
    folder = blueprint(tmp_path / "a", "bp-app")
    servers.publish(stage.prefix, folder)
    system.trust(keys.trusted.public_key)
    second = load((system.work / "trust" / "openova.yaml").read_bytes(), "policy").data
    second["metadata"]["name"] = "all"
    second["spec"] |= {"artifacts": ["*"], "authorities": [{"name": "auditor", "key": keys.stranger.public_key}]}
    (system.work / "trust" / "all.yaml").write_bytes(dump(second))
    system.trust(keys.trusted.public_key, artifacts=[f"{stage.prefix}/bp-*"])
    system.configure(3600)
    stage.push({"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-app")})
    code, told = stage.once()
    assert code == 1
    assert "the policy all is not met" in told["problems"][0]["message"]
    servers.publish(stage.prefix, folder, signer=keys.stranger)
    assert stage.once()[0] == 0
    (package,) = load(stage.show("resolved", "environment.lock.yaml"), "lock").data["packages"]
    assert [(one["policy"], one["authority"]) for one in package["evidence"]] == [("all", "auditor"), ("o", "release")]
    assert audit(stage) == 0
