"""`audit` as a person types it: on clones and folders, with evidence from a folder and a program that says it is cosign."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from reconciler.cli.app import app
from reconciler.commands.audit import audit, snapshot_of_resolved
from reconciler.domain.rendering.flux_objects import RenderContext, render
from reconciler.formats.oci_manifest import MANIFEST_TYPE
from reconciler.formats.yaml.documents import dump
from reconciler.model.artifact import CHART_TYPE
from reconciler.model.errors import ConfigurationError, ReconcilerError, UnavailableError
from reconciler.model.lock import ChartPin, TrustEvidence, sealed
from reconciler.model.trust import PREDICATE
from reconciler.services.policies.trust_policy_loader import read_policies
from reconciler.services.verification.evidence_store import EvidenceFolder, RecordingStore
from tests.support.builders import API, FSN, SHOP, lock_of, package, sha
from tests.support.config_files import SovereignFolder
from tests.support.git_server import bare, commit, git
from tests.support.public_keys import public_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typer.testing import Result

    from reconciler.formats.oci_manifest import Descriptor, Manifest
    from reconciler.model.trust import Signer

KEY = public_key("release")
SIGNATURE, OTHER = (public_key(word).split("\n")[1] for word in ("release", "other"))  # see COSIGN
LOCK = "environment.lock.yaml"
WEB = f"clusters/{FSN}/web.yaml"
# It takes for a signature what names the digest (after the type, without its kind) and holds a line of the key.
COSIGN = """#!/bin/sh
if [ "$1" = version ]; then echo '{"gitVersion": "v3.0.6"}'; exit 0; fi
for one in "$@"; do case "$one" in
--key=*) key=$(sed -n 2p "${one#--key=}") ;; --bundle=*) bundle=${one#--bundle=} ;; --digest=*) digest=${one#--digest=} ;;
esac; done
grep -q "$digest" "$bundle" && grep -q "$key" "$bundle"
"""


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def manifest(content: bytes, media_type: str, **layer: Any) -> bytes:
    layers = [{"digest": digest_of(content), "size": len(content), "mediaType": media_type, **layer}]
    config = {"mediaType": "x/config", "digest": digest_of(b"{}"), "size": 2}
    return json.dumps({"mediaType": MANIFEST_TYPE, "config": config, "layers": layers}).encode()


@dataclass
class AuditedEnvironment:
    """A `resolved` of db and web, the trust policies, and the evidence, all on disk."""

    folder: Path

    @property
    def tree(self) -> Path:
        """`resolved`, checked out."""
        return self.folder / "acme-prod"

    @property
    def bundles(self) -> Path:
        """What an audit saved."""
        return self.folder / "bundles"

    @property
    def trust(self) -> Path:
        """The policies."""
        return self.folder / "trust"

    def make(self, **layer: Any) -> AuditedEnvironment:
        """Write it all; with an annotation in `layer` the signatures are old ones."""
        (self.folder / "cosign").write_text(COSIGN)
        (self.folder / "cosign").chmod(0o755)
        for folder in (self.bundles, self.trust):
            folder.mkdir()
        spec = {"artifacts": [f"{SHOP}/*"], "authorities": [{"name": "openova", "key": KEY}]}
        one = {"apiVersion": API, "kind": "TrustPolicy", "metadata": {"name": "shop"}, "spec": spec}
        (self.trust / "shop.yaml").write_bytes(dump(one))
        policies = read_policies(self.trust)
        digest = policies.digest_of(policies.policies[0])
        packages = [self._package(name, digest, layer) for name in ("db", "web")]
        lock = sealed(lock_of(*packages))
        for path, documents in render(lock, RenderContext(sovereign="o", keys=policies.keys)).items():
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).write_bytes(dump(*documents))
        return self

    def _package(self, name: str, policy: str, layer: dict[str, Any]) -> Any:
        chart = f"chart of {name}".encode()
        artifact = manifest(chart, CHART_TYPE)
        digest = digest_of(artifact)
        bundle = (f"a signature of {digest}\n{SIGNATURE}\n" if not layer else signed_payload(digest)).encode()
        signature = manifest(bundle, "application/vnd.dev.sigstore.bundle.v0.3+json", **layer)
        for content in (artifact, signature, bundle):
            EvidenceFolder(self.bundles).save(content)
        return package(
            name,
            artifact=f"oci://{SHOP}/bp-{name}@{digest}",
            chart=ChartPin(digest=digest_of(chart), media_type=CHART_TYPE),
            evidence=[TrustEvidence(policy="shop", policy_digest=policy, authority="openova", signature=digest_of(signature))],
        )

    def files(self) -> dict[str, str]:
        """What is checked out."""
        return {p.relative_to(self.tree).as_posix(): p.read_text() for p in self.tree.rglob("*") if p.is_file()}

    def change(self, path: str, old: str, new: str) -> None:
        """Replace words in a file of the tree, once."""
        text = (self.tree / path).read_text()
        assert old in text
        (self.tree / path).write_text(text.replace(old, new, 1))

    def evidence(self, name: str) -> Path:
        """The file that holds the signature of an Application."""
        text = (self.bundles / f"{self.signature(name)}.json").read_bytes()
        return self.bundles / f"{json.loads(text)['layers'][0]['digest'].replace(':', '-')}.json"

    def signature(self, name: str) -> str:
        """What the manifest of an Application's signature is called in the folder."""
        part = (self.tree / LOCK).read_text().split(f"application: {name}\n")[1].split("signature: sha256:")[1]
        return f"sha256-{part[:64]}"

    def audit(self, *where: Path | str, more: tuple[str, ...] = ()) -> Result:
        """Audit with the evidence of the folder alone."""
        options = ["--trust", str(self.trust), "--bundles", str(self.bundles), "--cosign", str(self.folder / "cosign")]
        return call(*(where or (self.tree,)), *options, *more)


def signed_payload(digest: str) -> str:
    image = {"docker-manifest-digest": digest}
    return json.dumps({"critical": {"image": image, "type": "cosign container image signature"}})


def call(*arguments: Path | str) -> Result:
    result = CliRunner().invoke(app, ["audit", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, (SystemExit, ReconcilerError)):
        raise result.exception
    return result


@pytest.fixture
def scene(tmp_path: Path) -> AuditedEnvironment:
    return AuditedEnvironment(tmp_path).make()


def test_what_is_whole_passes_and_is_shown_as_a_table(scene: AuditedEnvironment) -> None:
    done = scene.audit()
    assert done.exit_code == 0, done.output
    head, *rows = done.stdout.splitlines()
    assert head == f"acme-prod, {scene.tree}: packages: 2, no gap"
    assert [row.split("\t")[0::2] for row in rows] == [["db", "openova", "ok"], ["web", "openova", "ok"]]
    assert rows[0].split("\t")[1].startswith(f"{SHOP}/bp-db@sha256:")


def test_json_has_all_that_cosign_needs(scene: AuditedEnvironment) -> None:
    done = scene.audit(more=("--format", "json"))
    (one,) = json.loads(done.stdout)
    assert (one["environment"], one["ok"], one["fault"], one["problems"]) == ("acme-prod", True, None, [])
    web = one["packages"][1]
    assert (web["application"], web["verified"], web["problems"]) == ("web", True, [])
    assert [(proof["policy"], proof["authority"]) for proof in web["evidence"]] == [("shop", "openova")]
    assert scene.evidence("web").name == f"{next(iter(web['bundles'].values())).replace(':', '-')}.json"


def test_an_old_signature_holds_too(tmp_path: Path) -> None:
    scene = AuditedEnvironment(tmp_path).make(annotations={"dev.cosignproject.cosign/signature": SIGNATURE})
    assert scene.audit().exit_code == 0
    other = AuditedEnvironment(tmp_path / "other")
    other.folder.mkdir()
    other.make(annotations={"dev.cosignproject.cosign/signature": OTHER})
    assert other.audit().exit_code == 1


@pytest.mark.parametrize("kind", ["bare", "clone", "checked out"])
def test_any_clone_will_do(scene: AuditedEnvironment, tmp_path: Path, kind: str) -> None:
    origin = bare(tmp_path / "origin.git")
    commit(origin, "main", {"README.md": "words"})
    head = commit(origin, "resolved", scene.files())
    where = origin
    if kind != "bare":
        where = tmp_path / "clone"
        git(tmp_path, "clone", "--quiet", str(origin), str(where))
        missing = scene.audit(where)
        assert (missing.exit_code, "run `git checkout resolved` first" in missing.stderr) == (3, True)
        git(where, "branch" if kind == "clone" else "checkout", "--quiet", "resolved", *(["origin/resolved"] * (kind == "clone")))
    done = scene.audit(where)
    assert done.exit_code == 0, done.output
    assert (f"at {head[:10]}, " in done.stdout) == (kind != "checked out")


def test_a_gap_is_told_in_its_row_and_where_it_is(scene: AuditedEnvironment) -> None:
    scene.change(WEB, "targetNamespace: web", "targetNamespace: kube-system")
    (scene.tree / "clusters" / FSN / "more.yaml").write_text("kind: Secret\n")
    done = scene.audit()
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].endswith("packages: 2, gaps: 2")
    assert [row.split("\t")[-1] for row in done.stdout.splitlines()[1:3]] == ["ok", "TreeDiffers"]
    assert f"clusters/{FSN}/more.yaml: error: exists, and nothing in the lock makes it\n" in done.stdout
    assert "error: HelmRelease.spec.targetNamespace is kube-system; the lock makes it web" in done.stdout


def test_a_signature_that_is_gone(scene: AuditedEnvironment) -> None:
    (scene.bundles / f"{scene.signature('web')}.json").unlink()
    done = scene.audit()
    assert (done.exit_code, [row.split("\t")[-1] for row in done.stdout.splitlines()[1:3]]) == (1, ["ok", "SignatureGone"])
    assert "the signature cannot be read: there is no " in done.stdout


def test_evidence_that_was_changed_is_not_what_its_name_says(scene: AuditedEnvironment) -> None:
    scene.evidence("web").write_text(f"a signature of everything\n{SIGNATURE}\n")
    done = scene.audit()
    assert (done.exit_code, "does not have the digest in its name" in done.stdout) == (1, True)


def test_a_good_signature_of_another_artifact_is_none(scene: AuditedEnvironment) -> None:
    web, db = (scene.signature(name).replace("-", ":") for name in ("web", "db"))
    scene.change(LOCK, web, db)
    done = scene.audit()
    assert done.exit_code == 1
    assert [row.split("\t")[-1] for row in done.stdout.splitlines()[1:3]] == ["ok", "Untrusted"]


def test_another_key(scene: AuditedEnvironment) -> None:
    file = scene.trust / "shop.yaml"
    text = file.read_text()
    for line, other in zip(KEY.splitlines(), public_key("other").splitlines(), strict=True):
        text = text.replace(line, other)
    file.write_text(text)
    done = scene.audit()
    assert done.exit_code == 1
    assert {row.split("\t")[-1] for row in done.stdout.splitlines()[1:3]} == {"PolicyChanged, Untrusted"}


def test_another_chart_than_that_of_the_artifact(scene: AuditedEnvironment) -> None:
    scene.change(LOCK, digest_of(b"chart of web"), sha("other"))
    done = scene.audit()
    assert (done.exit_code, "the artifact has no such chart" in done.stdout) == (1, True)


def test_a_lock_that_cannot_be_read_is_a_gap_and_so_is_a_link(scene: AuditedEnvironment) -> None:
    (scene.tree / "clusters" / "x").symlink_to(scene.trust)
    done = scene.audit()
    assert (done.exit_code, "clusters/x: error: is a symbolic link" in done.stdout) == (1, True)
    scene.change(LOCK, "kind: EnvironmentLock", "kind: Lock")
    done = scene.audit()
    assert (done.exit_code, f"{LOCK}:2:" in done.stdout) == (1, True)
    found = audit(
        snapshot_of_resolved(scene.trust), read_policies(scene.trust), EvidenceFolder(scene.bundles), AcceptingVerifier()
    )
    assert [p.message for p in found.gaps] == ["does not exist, or is not a plain file"]


def test_several_at_once_and_one_that_is_not_there(scene: AuditedEnvironment) -> None:
    other = scene.folder / "other"
    shutil.copytree(scene.tree, other)
    (other / "README.md").write_text("words")
    assert scene.audit(scene.tree, other).exit_code == 1
    done = scene.audit(scene.tree, "nowhere", other)
    assert done.exit_code == 3
    assert "nowhere: there is no folder nowhere (an Environment can be named with -c FILE)" in done.stderr
    assert done.stdout.count("packages: 2") == 2


def test_an_environment_of_the_configuration(scene: AuditedEnvironment, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    sovereign = SovereignFolder(tmp_path / "s")
    head = commit(sovereign.environment("acme-prod", {"README.md": "words"}), "resolved", scene.files())
    shutil.copytree(scene.trust, sovereign.folder / "trust", dirs_exist_ok=True)
    shutil.copy(scene.folder / "cosign", sovereign.cosign)
    done = call("acme-prod", "-c", sovereign.config, "--bundles", scene.bundles)
    assert done.exit_code == 0, done.output
    assert f"acme-prod at {head[:10]}, acme-prod: packages: 2, no gap" in done.stdout


@pytest.mark.parametrize(
    "options",
    [(), ("-c", "x", "--trust", "y"), ("-c", "x", "--plain-http", "h"), ("--trust", "x", "--save", "y", "--bundles", ".")],
)
def test_options_that_do_not_go_together_are_wrong_use(options: tuple[str, ...]) -> None:
    assert call(".", *options).exit_code == 2


def test_a_registry_that_is_down_is_no_gap(scene: AuditedEnvironment) -> None:
    scene.change(WEB, "targetNamespace: web", "targetNamespace: db")
    down = UnavailableStore(EvidenceFolder(scene.bundles), UnavailableError("the registry did not answer"))
    found = audit(snapshot_of_resolved(scene.tree), read_policies(scene.trust), down, AcceptingVerifier())
    assert str(found.fault) == "the registry did not answer"
    assert [row.verified for row in found.rows] == [True, False]
    assert [p.code for p in found.gaps] == ["TreeDiffers"]


def test_what_was_asked_for_is_saved_and_enough(scene: AuditedEnvironment, tmp_path: Path) -> None:
    policies, saved = read_policies(scene.trust), EvidenceFolder(tmp_path / "saved")
    first = audit(
        snapshot_of_resolved(scene.tree), policies, RecordingStore(EvidenceFolder(scene.bundles), saved), AcceptingVerifier()
    )
    assert (first.gaps, sorted(saved.folder.iterdir()) != []) == ((), True)
    assert {p.name for p in saved.folder.iterdir()} == {p.name for p in scene.bundles.iterdir()}
    assert audit(snapshot_of_resolved(scene.tree), policies, saved, AcceptingVerifier()) == first
    blocked = EvidenceFolder(scene.trust / "shop.yaml")
    assert isinstance(
        audit(snapshot_of_resolved(scene.tree), policies, RecordingStore(saved, blocked), AcceptingVerifier()).fault,
        ConfigurationError,
    )


class AcceptingVerifier:
    """A cosign that accepts all."""

    def verify_bundle(self, bundle: bytes, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        return bool(bundle and digest and signer.key and predicate_type)

    def verify_legacy(self, payload: bytes, annotations: Mapping[str, str], digest: str, signer: Signer) -> bool:
        raise NotImplementedError

    def verify_legacy_attestation(
        self, envelope: bytes, annotations: Mapping[str, str], digest: str, signer: Signer, predicate_type: str
    ) -> bool:
        raise NotImplementedError


@dataclass
class UnavailableStore:
    """A store that stops answering after the first signature."""

    store: EvidenceFolder
    fault: ReconcilerError
    answers: int = 1

    def manifest(self, repository: str, digest: str) -> Manifest:
        if self.answers == 0:
            raise self.fault
        return self.store.manifest(repository, digest)

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        self.answers -= 1
        return self.store.blob(repository, blob, limit=limit)
