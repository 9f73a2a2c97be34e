"""A real registry and a real cosign: what is published is accepted, and nothing else is."""

from __future__ import annotations

import json
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.adapters.cosign.runner import Cosign
from reconciler.adapters.registry.client import Registry
from reconciler.commands.publish import Published, SigningKey, publish
from reconciler.formats import helm_archive
from reconciler.model.artifact import BLUEPRINT_TYPE, CHART_TYPE, CONFIG_TYPE
from reconciler.model.errors import ConfigurationError, NotFoundError, RejectedError, UnavailableError, UntrustedError
from reconciler.model.trust import Signer
from reconciler.services.verification.signatures import fetch_signatures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.live

PASSWORD = "a password"  # noqa: S105 - of keys that these tests make and throw away
CHART = {"apiVersion": "v2", "name": "shop", "version": "1.3.0", "description": "stands in for a sh\u00f6p"}


def evidence(registry: Registry, cosign: Cosign, repository: str, digest: str, public_key: str) -> str:
    """The digest of the manifest that holds a signature by this key, or the refusal."""
    found = fetch_signatures(registry, repository, digest)
    proof = found.find_signature_by(cosign, Signer("ours", key=public_key))
    if proof is None:
        raise found.why_untrusted()
    return proof


@dataclass
class SigningWorld:
    """A registry, a cosign, two signers, and a prefix of its own for each test."""

    registry: Registry
    cosign: Cosign
    prefix: str
    ours: SigningKey
    other: SigningKey
    folder: Path

    def publish(self, signer: SigningKey | None, version: str = "1.3.0") -> Published:
        return publish(
            self.folder,
            name="bp-shop",
            version=version,
            chart=CHART,
            prefix=self.prefix,
            registry=self.registry,
            cosign=self.cosign,
            signer=signer,
        )

    def evidence(self, published: Published, cosign: Cosign | None = None) -> str:
        return evidence(self.registry, cosign or self.cosign, self.repository, published.digest, self.ours.public_key)

    @property
    def repository(self) -> str:
        return f"{self.prefix}/bp-shop"


@pytest.fixture(scope="module")
def cosign(cosign_program: Path) -> Cosign:
    return Cosign(cosign_program)


@pytest.fixture(scope="module")
def signers(cosign: Cosign, tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, SigningKey]:
    directory = tmp_path_factory.mktemp("keys")
    ours, other = [cosign.generate_key(directory, PASSWORD, name)[0] for name in ("ours", "other")]
    return SigningKey.load(cosign, ours, PASSWORD), SigningKey.load(cosign, other, PASSWORD)


@pytest.fixture
def world(registry_host: str, cosign: Cosign, signers: tuple[SigningKey, SigningKey], tmp_path: Path) -> SigningWorld:
    folder = tmp_path / "shop"
    (folder / "chart" / "templates").mkdir(parents=True)
    (folder / "blueprint.yaml").write_text("kind: Blueprint\nmetadata: {name: bp-shop}\nspec: {version: 1.3.0}\n")
    (folder / "chart" / "Chart.yaml").write_text(json.dumps(CHART))
    (folder / "chart" / "templates" / "config.yaml").write_text("kind: ConfigMap\napiVersion: v1\nmetadata: {name: shop}\n")
    registry = Registry(plain_http=[registry_host], attempts=1)
    return SigningWorld(registry, cosign, f"{registry_host}/test/{uuid.uuid4().hex}", *signers, folder)


@pytest.fixture
def by_hand(cosign_program: Path, tmp_path: Path) -> Callable[..., None]:
    """Run cosign as a person would."""

    def run(*arguments: str | Path) -> None:
        environment = {"HOME": str(tmp_path), "COSIGN_PASSWORD": PASSWORD}
        subprocess.run([cosign_program, *arguments], env=environment, check=True, capture_output=True, timeout=60)

    return run


def attest(world: SigningWorld, published: Published, signer: SigningKey, by_hand: Callable[..., None]) -> None:
    config, predicate = world.folder / "signing.json", world.folder / "predicate.json"
    by_hand("signing-config", "create", "--out", config)
    predicate.write_text("{}")
    flags = ["--signing-config", config, "--allow-http-registry", "-y", "--type", "spdxjson", "--predicate", predicate]
    by_hand("attest", "--key", signer.key, *flags, published.reference)


def sign_old_format(published: Published, signer: SigningKey, by_hand: Callable[..., None]) -> None:
    flags = ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false", "--allow-http-registry", "-y"]
    by_hand("sign", "--key", signer.key, *flags, published.reference)


def copy_tag(world: SigningWorld, source: str, target: str) -> None:
    """Push what one tag names under another, as anyone with the right to push can."""
    digest = world.registry.resolve(world.repository, source)
    manifest = world.registry.manifest(world.repository, digest)
    world.registry.push_manifest(world.repository, manifest.raw, manifest.media_type, target)


def manifests_vouching_for(world: SigningWorld, published: Published) -> set[str | None]:
    return {referrer.digest for referrer in world.registry.referrers(world.repository, published.digest)}


# publishing


def test_a_folder_becomes_a_signed_helm_artifact_with_its_blueprint(world: SigningWorld) -> None:
    published = world.publish(world.ours)
    assert (published.pushed, published.signed) == (True, True)
    assert published.reference == f"{world.repository}@{published.digest}"
    assert world.registry.resolve(world.repository, "1.3.0") == published.digest

    manifest = world.registry.manifest(world.repository, published.digest)
    assert manifest.config.media_type == CONFIG_TYPE
    assert [layer.media_type for layer in manifest.layers] == [CHART_TYPE, BLUEPRINT_TYPE]
    config, archive, blueprint = [
        world.registry.blob(world.repository, b, limit=1 << 20) for b in (manifest.config, *manifest.layers)
    ]
    assert json.loads(config) == CHART
    assert sorted(helm_archive.read_archive(archive)) == ["Chart.yaml", "templates/config.yaml"]
    assert blueprint == (world.folder / "blueprint.yaml").read_bytes()


def test_publishing_again_changes_nothing(world: SigningWorld) -> None:
    first = world.publish(world.ours)
    again = world.publish(world.ours)
    assert again == Published(first.reference, first.digest, pushed=False, signed=False, signature=first.signature)
    assert manifests_vouching_for(world, first) == {first.signature}


def test_a_second_signer_adds_a_signature_and_keeps_the_first(world: SigningWorld) -> None:
    first, second = world.publish(world.other), world.publish(world.ours)
    assert (second.pushed, second.signed, second.digest) == (False, True, first.digest)
    assert manifests_vouching_for(world, first) == {first.signature, second.signature}
    assert world.evidence(first) == second.signature


def test_a_published_version_never_changes(world: SigningWorld) -> None:
    first = world.publish(world.ours)
    (world.folder / "chart" / "values.yaml").write_text("replicas: 2\n")
    with pytest.raises(RejectedError, match=r"1\.3\.0 is already published with other content.*raise the version"):
        world.publish(world.ours)
    assert world.registry.resolve(world.repository, "1.3.0") == first.digest
    assert world.publish(world.ours, version="1.4.0").pushed
    assert [tag for tag in world.registry.tags(world.repository) if not tag.startswith("sha256-")] == ["1.3.0", "1.4.0"]


def test_a_folder_without_its_parts_is_missing(world: SigningWorld) -> None:
    (world.folder / "blueprint.yaml").unlink()
    with pytest.raises(NotFoundError, match=r"blueprint\.yaml"):
        world.publish(world.ours)


def test_a_wrong_password_says_that_the_key_cannot_be_read(world: SigningWorld) -> None:
    with pytest.raises(ConfigurationError, match="check the key file and its password") as caught:
        SigningKey.load(world.cosign, world.ours.key, "canary-91c")
    assert "canary-91c" not in str(caught.value)
    assert PASSWORD not in repr(world.ours)


# verifying


def test_a_signature_by_the_key_is_accepted_and_named(world: SigningWorld) -> None:
    published = world.publish(world.ours)
    assert world.evidence(published) == published.signature
    assert manifests_vouching_for(world, published) == {published.signature}


def test_an_unsigned_artifact_is_refused(world: SigningWorld) -> None:
    published = world.publish(None)
    assert (published.signed, published.signature) == (False, None)
    with pytest.raises(UntrustedError, match="has no signature"):
        world.evidence(published)


def test_a_signature_by_another_key_is_refused(world: SigningWorld) -> None:
    published = world.publish(world.other)
    with pytest.raises(UntrustedError, match="signed, but by no accepted key"):
        world.evidence(published)


def test_an_attestation_by_the_key_is_no_signature_though_cosign_verify_takes_it_for_one(
    world: SigningWorld, by_hand: Callable[..., None]
) -> None:
    published = world.publish(None)
    attest(world, published, world.ours, by_hand)
    public = world.folder / "ours.pub"
    public.write_text(world.ours.public_key)
    by_hand("verify", "--key", public, "--insecure-ignore-tlog", "--allow-http-registry", published.reference)
    with pytest.raises(UntrustedError, match="only attestations"):
        world.evidence(published)


def test_an_attestation_that_calls_itself_a_signature_is_none(world: SigningWorld, by_hand: Callable[..., None]) -> None:
    published = world.publish(None)
    attest(world, published, world.ours, by_hand)
    (attestation,) = [r.digest for r in world.registry.referrers(world.repository, published.digest)]
    raw = world.registry.manifest(world.repository, attestation).raw
    disguised = raw.replace(b"https://spdx.dev/Document", b"https://sigstore.dev/cosign/sign/v1")
    assert disguised != raw
    referrer = world.registry.push_manifest(world.repository, disguised, "application/vnd.oci.image.manifest.v1+json", None)
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": referrer, "size": len(disguised)}
    push_index(world, published.digest, [entry])
    with pytest.raises(UntrustedError, match="signed, but by no accepted key"):
        world.evidence(published)


def test_a_signature_of_another_artifact_is_refused(world: SigningWorld) -> None:
    signed = world.publish(world.ours)
    (world.folder / "blueprint.yaml").write_text("kind: Blueprint\nmetadata: {name: bp-evil}\n")
    evil = world.publish(None, version="1.3.1")
    copy_referrers(world, signed, evil)
    assert fetch_signatures(world.registry, world.repository, evil.digest).candidates, (
        "the foreign signature is there to be judged"
    )
    with pytest.raises(UntrustedError, match="signed, but by no accepted key"):
        world.evidence(evil)


def test_an_old_signature_is_accepted_and_named(world: SigningWorld, by_hand: Callable[..., None]) -> None:
    published = world.publish(None)
    sign_old_format(published, world.ours, by_hand)
    assert world.evidence(published) == world.registry.resolve(world.repository, f"{published.digest.replace(':', '-')}.sig")


def test_an_old_signature_by_another_key_is_refused(world: SigningWorld, by_hand: Callable[..., None]) -> None:
    published = world.publish(None)
    sign_old_format(published, world.other, by_hand)
    with pytest.raises(UntrustedError, match="signed, but by no accepted key"):
        world.evidence(published)


def test_an_old_signature_of_another_artifact_is_refused(world: SigningWorld, by_hand: Callable[..., None]) -> None:
    signed = world.publish(None)
    sign_old_format(signed, world.ours, by_hand)
    (world.folder / "blueprint.yaml").write_text("kind: Blueprint\nmetadata: {name: bp-evil}\n")
    evil = world.publish(None, version="1.3.1")
    copy_tag(world, f"{signed.digest.replace(':', '-')}.sig", f"{evil.digest.replace(':', '-')}.sig")
    with pytest.raises(UntrustedError, match="signed, but by no accepted key"):
        world.evidence(evil)


def test_a_new_bundle_does_not_hide_an_old_signature(world: SigningWorld, by_hand: Callable[..., None]) -> None:
    published = world.publish(None)
    sign_old_format(published, world.ours, by_hand)
    attest(world, published, world.other, by_hand)
    assert world.evidence(published) == world.registry.resolve(world.repository, f"{published.digest.replace(':', '-')}.sig")


# what is not an answer


def test_a_registry_that_is_down_is_unavailable_not_untrusted(world: SigningWorld) -> None:
    published = world.publish(world.ours)
    down = Registry(plain_http=["127.0.0.1:9"], attempts=2, timeout=1)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        evidence(down, world.cosign, "127.0.0.1:9/test/bp-shop", published.digest, world.ours.public_key)


def test_an_artifact_that_is_not_there_is_missing_not_untrusted(world: SigningWorld) -> None:
    published = world.publish(world.ours)
    with pytest.raises(NotFoundError):
        evidence(world.registry, world.cosign, f"{world.prefix}/bp-none", published.digest, world.ours.public_key)


def test_without_cosign_nothing_is_trusted(world: SigningWorld) -> None:
    published = world.publish(world.ours)
    with pytest.raises(ConfigurationError, match="there is no cosign"):
        world.evidence(published, Cosign(world.folder / "cosign"))


def test_a_hanging_cosign_is_unavailable(world: SigningWorld) -> None:
    published = world.publish(world.ours)
    program = world.folder / "cosign"
    program.write_text('#!/bin/sh\n[ "$1" = version ] && echo \'"gitVersion": "v3.1.3"\' && exit 0\nexec /bin/sleep 60\n')
    program.chmod(0o755)
    with pytest.raises(UnavailableError, match=r"took all of its 0\.5 s"):
        world.evidence(published, Cosign(program, timeout=0.5))


def test_a_failed_signing_says_what_cosign_said(world: SigningWorld) -> None:
    nowhere = f"127.0.0.1:9/test/bp-shop@sha256:{'0' * 64}"
    with pytest.raises(ConfigurationError, match="connection refused"):
        world.cosign.sign(nowhere, world.ours.key, password=PASSWORD, plain_http=True)


def push_index(world: SigningWorld, digest: str, entries: list[dict[str, Any]]) -> None:
    """Overwrite the fallback tag of a digest, as anyone with the right to push can."""
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
    raw = json.dumps(index).encode()
    world.registry.push_manifest(world.repository, raw, "application/vnd.oci.image.index.v1+json", digest.replace(":", "-"))


def copy_referrers(world: SigningWorld, source: Published, target: Published) -> None:
    """List the signatures of one artifact as those of another."""
    referrers = world.registry.referrers(world.repository, source.digest)
    entries = [
        {"mediaType": r.media_type, "digest": r.digest, "size": r.size, "artifactType": r.artifact_type} for r in referrers
    ]
    push_index(world, target.digest, entries)
