"""An audit as an outsider makes it: a clone from the real forge, the real registry's evidence, and the real cosign."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.lock import EnvironmentLock, Package, TrustEvidence, sealed
from reconciler.model.trust import PREDICATE
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reconciler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.support.signing_keys import SigningKeys

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

LOCK = "environment.lock.yaml"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Outsider:
    """Somebody with a clone of an Environment and a copy of the trust policies."""

    def __init__(self, stage: LiveEnvironment, folder: Path) -> None:
        self.stage = stage
        self.folder = folder
        self.clone = folder / "clone"
        self.trust = folder / "their-trust"
        self.bundles = folder / "bundles"
        url = stage.git("remote", "get-url", "origin")
        subprocess.run(["git", "clone", "-q", "-b", "resolved", url, str(self.clone)], check=True, capture_output=True)
        shutil.copytree(folder / "trust", self.trust)

    def audit(self, *more: str, online: bool = True) -> tuple[int, Any]:
        """Exit code and JSON; with a registry to ask only when online."""
        where = ["--plain-http", self.stage.servers.registry] if online else ["--bundles", str(self.bundles)]
        program = ["--cosign", str(self.stage.servers.cosign)]
        done = reconciler("audit", str(self.clone), "--trust", str(self.trust), *where, *program, *more, "--format", "json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)[0]

    def lock(self) -> EnvironmentLock:
        """The lock in the clone."""
        lock, problems = parse_document(load((self.clone / LOCK).read_bytes(), LOCK), EnvironmentLock)
        assert lock is not None, problems
        return lock

    def relock(self, change: Callable[[Package], dict[str, Any]], *, seal: bool = False) -> None:
        """Change the first package in the clone's lock, and make its entry fit when `seal`."""
        lock = self.lock()
        one = lock.packages[0].model_copy(update=change(lock.packages[0]))
        changed = lock.model_copy(update={"packages": [one, *lock.packages[1:]]})
        changed = sealed(changed) if seal else changed
        (self.clone / LOCK).write_bytes(dump(changed.model_dump(mode="json", by_alias=True)))

    def file(self, application: str) -> Path:
        """An Application's Flux objects in the clone."""
        return self.clone / "clusters" / self.stage.context / f"{application}.yaml"


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    """An Environment with two Applications, resolved."""
    organization = "a" + format(abs(hash(request.node.name)) % 10**8, "08d")
    stage = LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}")
    servers.publish(stage.prefix, blueprint(tmp_path / "db", "bp-db"), blueprint(tmp_path / "site", "bp-site"))
    applications = {f"applications/{n}.yaml": stage.application(n, f"bp-{n}") for n in ("db", "site")}
    stage.push({"environment.yaml": stage.environment(), **applications})
    code, told = stage.once()
    assert code == 0, told
    return stage


@pytest.fixture
def outsider(stage: LiveEnvironment, tmp_path: Path) -> Outsider:
    return Outsider(stage, tmp_path)


def changed(package: Package, **change: str) -> list[TrustEvidence]:
    """A package's evidence with a word changed."""
    return [one.model_copy(update=change) for one in package.evidence]


def codes(found: Any) -> dict[str, set[str]]:
    """What is wrong, by Application; what is wrong beside them under no name."""
    each = {p["application"]: {one["code"] for one in p["problems"]} for p in found["packages"]}
    rest = {one["code"] for one in found["problems"]}
    return {name: wrong for name, wrong in (each | {"": rest}).items() if wrong}


def test_what_the_reconciler_made_holds_and_holds_without_any_network(outsider: Outsider, tmp_path: Path) -> None:
    code, found = outsider.audit("--save", str(outsider.bundles))
    assert (code, found["ok"], codes(found)) == (0, True, {})
    assert [(p["application"], p["verified"]) for p in found["packages"]] == [("db", True), ("site", True)]
    shutil.rmtree(tmp_path / "state")
    code, offline = outsider.audit(online=False)
    assert (code, offline) == (0, found)
    done = reconciler("audit", outsider.stage.name, "-c", str(outsider.stage.config))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"at {(outsider.stage.head('resolved') or '')[:10]}" in done.stdout


def test_cosign_alone_says_the_same_of_what_was_saved(outsider: Outsider, keys: SigningKeys, tmp_path: Path) -> None:
    _, found = outsider.audit("--save", str(outsider.bundles))
    package = found["packages"][0]
    (digest,) = package["bundles"].values()
    bundle = outsider.bundles / f"{digest.replace(':', '-')}.json"
    answers = []
    for signer in (keys.trusted, keys.stranger):
        key = tmp_path / "key.pub"
        key.write_text(signer.public_key)
        digest = package["artifact"].rpartition(":")[2]
        checked = [f"--key={key}", f"--bundle={bundle}", f"--type={PREDICATE}", f"--digest={digest}"]
        program = [str(outsider.stage.servers.cosign), "verify-blob-attestation"]
        arguments = [*program, *checked, "--digestAlg=sha256", "--insecure-ignore-tlog"]
        answers.append(subprocess.run(arguments, capture_output=True, timeout=60, check=False).returncode == 0)
    assert answers == [True, False]


@pytest.mark.parametrize(
    ("change", "seal", "expected"),
    [
        (lambda _: {"version": "1.0.1"}, False, {"EntryDiffers", "TreeDiffers"}),
        (lambda _: {"values": {"replicas": 9}}, False, {"EntryDiffers", "TreeDiffers"}),
        (lambda _: {"values": {"replicas": 9}}, True, {"TreeDiffers"}),
        (
            lambda p: {"artifact": p.artifact[:-8] + "00000000"},
            True,
            {"ArtifactDiffers", "TreeDiffers", "Untrusted"},
        ),
        (lambda p: {"evidence": changed(p, authority="nobody")}, False, {"Untrusted", "TreeDiffers"}),
        (lambda p: {"evidence": changed(p, signature=p.digest)}, False, {"Untrusted"}),
        (lambda p: {"evidence": changed(p, signature=p.entry)}, False, {"SignatureGone"}),
        (lambda p: {"evidence": changed(p, policy_digest=p.digest)}, False, {"PolicyChanged"}),
    ],
    ids=["version", "values", "sealed values", "digest", "authority", "signature", "no signature", "policy"],
)
def test_a_lock_that_was_changed(
    outsider: Outsider, change: Callable[[Package], dict[str, Any]], seal: bool, expected: set[str]
) -> None:
    outsider.relock(change, seal=seal)
    code, found = outsider.audit()
    assert code == 1
    assert codes(found)["db"] == expected
    assert "site" not in codes(found)


def test_a_tree_that_was_changed(outsider: Outsider) -> None:
    good = outsider.file("db").read_text()
    (outsider.file("db").parent / "evil.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: evil}\n")
    assert codes(outsider.audit()[1]) == {"": {"TreeDiffers"}}
    (outsider.file("db").parent / "evil.yaml").unlink()
    digests = {p.application: p.digest for p in outsider.lock().packages}
    outsider.file("db").write_text(good.replace(digests["db"], digests["site"]))
    code, found = outsider.audit()
    assert (code, codes(found)) == (1, {"db": {"TreeDiffers"}})
    (problem,) = found["packages"][0]["problems"]
    assert problem["message"] == f"OCIRepository.spec.ref.digest is {digests['site']}; the lock makes it {digests['db']}"


def test_another_artifact_that_is_signed_too_is_not_what_was_locked(outsider: Outsider) -> None:
    site = outsider.lock().packages[1]
    outsider.relock(lambda _: {"artifact": site.artifact, "chart": site.chart, "evidence": site.evidence}, seal=True)
    assert codes(outsider.audit()[1]) == {"db": {"ArtifactDiffers", "TreeDiffers"}}


def test_a_signature_that_was_taken_away(outsider: Outsider) -> None:
    assert outsider.audit("--save", str(outsider.bundles))[0] == 0
    package = outsider.lock().packages[0]
    host, _, repository = package.artifact.removeprefix("oci://").rpartition("@")[0].partition("/")
    url = f"http://{host}/v2/{repository}/manifests/{package.evidence[0].signature}"
    assert httpx.get(url, headers={"Accept": MANIFEST}).status_code == 200
    assert httpx.delete(url).status_code == 202
    code, found = outsider.audit()
    assert (code, codes(found)) == (1, {"db": {"SignatureGone"}})
    assert outsider.audit(online=False)[0] == 0, "who saved it still has it"


def test_another_key_than_that_which_signed(outsider: Outsider, keys: SigningKeys) -> None:
    file = outsider.trust / "openova.yaml"
    policy = load(file.read_bytes(), "policy").data
    policy["spec"]["authorities"][0]["key"] = keys.stranger.public_key
    file.write_bytes(dump(policy))
    code, found = outsider.audit()
    assert code == 1
    wrong = {"PolicyChanged", "Untrusted"}
    assert codes(found) == {"db": wrong, "site": wrong, "": {"TreeDiffers"}}


def test_a_registry_that_is_down_is_not_a_gap(outsider: Outsider) -> None:
    outsider.relock(lambda _: {})
    file = outsider.clone / LOCK
    nobody = outsider.stage.servers.registry.rpartition(":")[0] + ":1"
    for path in (file, *outsider.clone.rglob("clusters/*/*.yaml"), outsider.trust / "openova.yaml"):
        path.write_text(path.read_text().replace(outsider.stage.servers.registry, nobody))
    done = reconciler(
        "audit", str(outsider.clone), "--trust", str(outsider.trust), "--plain-http", nobody, "--cosign",
        str(outsider.stage.servers.cosign),
    )  # fmt: skip
    assert done.returncode == 3
    assert "signatures not checked: 2" in done.stdout
    assert "error: " in done.stderr
