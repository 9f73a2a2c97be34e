"""A real cosign judges signatures and attestations, of keys and of identities, in the new format and in the old ones."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.adapters.cosign.runner import Cosign
from reconciler.adapters.registry.client import Registry
from reconciler.formats.in_toto import read_predicate
from reconciler.formats.oci_manifest import MANIFEST_TYPE
from reconciler.model.errors import ConfigurationError
from reconciler.model.trust import PREDICATE, VULNERABILITIES, Signer
from tests.support.signers import BUNDLE, SUBJECT, WORKFLOW, ByHand, CertificateAuthority, Clock, Holder, Log, b64, pem

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

DIGEST = "sha256:" + "ab" * 32
FOREIGN = "sha256:" + "cd" * 32
SBOM = "https://spdx.dev/Document"
BILL = "https://cyclonedx.org/bom"
EVIL_BRANCH = (
    "https://ci.example/openova/app/.github/workflows/evil.yaml@refs/heads/x/.github/workflows/release.yaml@refs/tags/v1"
)

CA = CertificateAuthority()
STRANGER = CertificateAuthority("Stranger")
KEY, OTHER_KEY = Holder(), Holder()
CI = CA.leaf()


@pytest.fixture(scope="module")
def cosign(cosign_program: Path) -> Cosign:
    return Cosign(cosign_program)


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock"))


@dataclass(frozen=True)
class Case:
    """Who signs, and by what they are known."""

    who: Holder
    signer: Signer


ONES = pytest.mark.parametrize("one", [Case(KEY, KEY.signer()), Case(CI, CA.signer())], ids=["key", "keyless"])


# what holds, and what it does not say


@ONES
def test_a_signature_is_one_of_its_digest_alone(cosign: Cosign, one: Case) -> None:
    bundle = one.who.bundle(DIGEST)
    assert cosign.verify_bundle(bundle, DIGEST, one.signer)
    assert not cosign.verify_bundle(bundle, FOREIGN, one.signer)


@ONES
def test_an_attestation_is_one_of_its_digest_and_its_type_alone(cosign: Cosign, one: Case) -> None:
    bundle = one.who.bundle(DIGEST, SBOM)
    assert cosign.verify_bundle(bundle, DIGEST, one.signer, SBOM)
    assert not cosign.verify_bundle(bundle, FOREIGN, one.signer, SBOM)
    assert not cosign.verify_bundle(bundle, DIGEST, one.signer, BILL)
    assert not cosign.verify_bundle(bundle, DIGEST, one.signer), "it is no signature"
    assert not cosign.verify_bundle(one.who.bundle(DIGEST), DIGEST, one.signer, SBOM), "and a signature is none"


@ONES
def test_an_old_signature_is_one_of_its_digest_alone(cosign: Cosign, one: Case) -> None:
    payload, annotations = one.who.old_signature(DIGEST)
    assert cosign.verify_legacy(payload, annotations, DIGEST, one.signer)
    assert not cosign.verify_legacy(payload, annotations, FOREIGN, one.signer)
    changed = payload.replace(b"abab", b"cdcd")
    assert not cosign.verify_legacy(changed, annotations, FOREIGN, one.signer)


@ONES
def test_an_old_attestation_is_one_of_its_digest_and_its_type_alone(cosign: Cosign, one: Case) -> None:
    envelope, annotations = one.who.old_attestation(DIGEST, SBOM)
    assert cosign.verify_legacy_attestation(envelope, annotations, DIGEST, one.signer, SBOM)
    assert not cosign.verify_legacy_attestation(envelope, annotations, FOREIGN, one.signer, SBOM)
    assert not cosign.verify_legacy_attestation(envelope, annotations, DIGEST, one.signer, BILL)
    assert not cosign.verify_legacy_attestation(envelope, annotations, DIGEST, one.signer, PREDICATE)


@ONES
@pytest.mark.parametrize("who", [OTHER_KEY, STRANGER.leaf(), CA.leaf(SUBJECT + "0")], ids=["key", "authority", "identity"])
def test_nobody_else_signs_for_them_in_any_format(cosign: Cosign, one: Case, who: Holder) -> None:
    assert not cosign.verify_bundle(who.bundle(DIGEST), DIGEST, one.signer)
    assert not cosign.verify_bundle(who.bundle(DIGEST, SBOM), DIGEST, one.signer, SBOM)
    assert not cosign.verify_legacy(*who.old_signature(DIGEST), DIGEST, one.signer)
    assert not cosign.verify_legacy_attestation(*who.old_attestation(DIGEST, SBOM), DIGEST, one.signer, SBOM)


def test_a_key_and_an_identity_do_not_stand_for_each_other(cosign: Cosign) -> None:
    assert not cosign.verify_bundle(KEY.bundle(DIGEST), DIGEST, CA.signer())
    assert not cosign.verify_bundle(CI.bundle(DIGEST), DIGEST, KEY.signer())
    assert not cosign.verify_bundle(CI.bundle(DIGEST), DIGEST, CI.signer()), "the certificate's own key, but it came with one"
    assert not cosign.verify_bundle(Holder(CI.key).bundle(DIGEST), DIGEST, CA.signer()), "the same key without its certificate"


def test_an_old_signature_of_a_key_holds_whatever_stands_beside_it(cosign: Cosign) -> None:
    payload, annotations = CI.old_signature(DIGEST, log=Log())
    assert cosign.verify_legacy(payload, annotations | {"dev.sigstore.cosign/rfc3161timestamp": "{"}, DIGEST, CI.signer())


# identities


@pytest.mark.parametrize(
    ("pattern", "subject", "holds"),
    [
        (SUBJECT, SUBJECT, True),
        (SUBJECT, SUBJECT + "0", False),
        (SUBJECT, "https://evil.example/?" + SUBJECT, False),
        (SUBJECT, SUBJECT.replace("/.github", "/xgithub"), False),
        (WORKFLOW.format("*", "*"), SUBJECT, True),
        (WORKFLOW.format("*", "*"), EVIL_BRANCH, False),
        (WORKFLOW.format("*", "*"), WORKFLOW.format("app/sub", "v1"), False),
        (WORKFLOW.format("*", "*"), WORKFLOW.format("app", "a/v1"), False),
        (WORKFLOW.format("*", "*"), WORKFLOW.format("app", "a@v1"), False),
        ("*@openova.example", "ci@openova.example", True),
        ("*@openova.example", "ci@openova.example.evil.example", False),
        ("https://a.example/x(1)[2]+%7B3%7D$^|\\-#& ~?", "https://a.example/x(1)[2]+%7B3%7D$", False),
        ("https://a.example/(b)+c$", "https://a.example/(b)+c$", True),
        ("https://a.example/(b)+c$", "https://a.example/bbc", False),
    ],
)
def test_the_whole_identity_must_match(cosign: Cosign, pattern: str, subject: str, holds: bool) -> None:
    assert cosign.verify_bundle(CA.leaf(subject).bundle(DIGEST), DIGEST, CA.signer(subject=pattern)) is holds


@pytest.mark.parametrize("issuer", ["https://token.example/", "https://token.example.evil", "https://evil.example"])
def test_the_issuer_must_be_the_same(cosign: Cosign, issuer: str) -> None:
    assert not cosign.verify_bundle(CA.leaf(issuer=issuer).bundle(DIGEST), DIGEST, CA.signer())


# witnesses


def test_a_certificate_counts_while_it_is_valid(cosign: Cosign) -> None:
    assert not cosign.verify_bundle(CA.leaf(since=-600, until=-300).bundle(DIGEST), DIGEST, CA.signer())
    assert not cosign.verify_bundle(CA.leaf(since=300, until=600).bundle(DIGEST), DIGEST, CA.signer())


def test_a_signed_time_lets_it_count_for_what_was_signed_while_it_was(cosign: Cosign, clock: Clock, tmp_path: Path) -> None:
    signer, until = CA.signer(clocks=[clock]), 5  # seconds, time enough to sign
    short = CA.leaf(until=until)
    made = time.monotonic()
    bundle, (payload, annotations) = short.bundle(DIGEST, clock=clock), short.old_signature(DIGEST, clock=clock)
    envelope, others = short.old_attestation(DIGEST, SBOM, clock=clock)
    time.sleep(max(0.0, made + until + 1 - time.monotonic()))
    assert cosign.verify_bundle(bundle, DIGEST, signer)
    assert cosign.verify_legacy(payload, annotations, DIGEST, signer)
    assert cosign.verify_legacy_attestation(envelope, others, DIGEST, signer, SBOM)
    assert not cosign.verify_bundle(bundle, DIGEST, CA.signer()), "no clock is trusted here"

    assert not cosign.verify_bundle(short.bundle(DIGEST, clock=clock), DIGEST, signer), "signed too late"
    assert not cosign.verify_bundle(CI.bundle(DIGEST), DIGEST, signer), "without a signed time"
    assert not cosign.verify_bundle(CI.bundle(DIGEST, clock=Clock(tmp_path)), DIGEST, signer), "by another clock"
    borrowed = json.loads(CI.bundle(FOREIGN))
    borrowed["verificationMaterial"]["timestampVerificationData"] = json.loads(bundle)["verificationMaterial"][
        "timestampVerificationData"
    ]
    assert not cosign.verify_bundle(json.dumps(borrowed).encode(), FOREIGN, signer), "another signature's"


def test_a_time_stamp_over_a_whole_old_attestation_is_not_understood(cosign: Cosign, clock: Clock) -> None:
    old = CI.old_attestation(DIGEST, SBOM, clock=clock, whole=True)
    assert not cosign.verify_legacy_attestation(*old, DIGEST, CA.signer(clocks=[clock]), SBOM)


def test_a_log_must_have_seen_it(cosign: Cosign, clock: Clock) -> None:
    log, other = Log(), Log()
    signer = CA.signer(logs=[log], clocks=[clock])
    assert cosign.verify_legacy(*CI.old_signature(DIGEST, log=log), DIGEST, signer)
    assert cosign.verify_legacy_attestation(*CI.old_attestation(DIGEST, SBOM, log=log), DIGEST, signer, SBOM)
    assert not cosign.verify_legacy(*CI.old_signature(DIGEST), DIGEST, signer), "no log"
    assert not cosign.verify_legacy(*CI.old_signature(DIGEST, log=other), DIGEST, signer), "another log"
    assert not cosign.verify_bundle(CI.bundle(DIGEST, clock=clock), DIGEST, signer), "a signed time is no log"
    payload, annotations = CI.old_signature(DIGEST)
    promise = CI.old_signature(DIGEST, log=log)[1]["dev.sigstore.cosign/bundle"]
    assert not cosign.verify_legacy(payload, annotations | {"dev.sigstore.cosign/bundle": promise}, DIGEST, signer), (
        "its promise for another signature, though of the same"
    )
    expired = CA.leaf(since=-600, until=-300)
    assert not cosign.verify_legacy(*expired.old_signature(DIGEST, log=log), DIGEST, signer), "seen too late"


def test_a_log_must_have_seen_the_certificate(cosign: Cosign) -> None:
    log = Log()
    signer = CA.signer(certificate_logs=[log])
    assert cosign.verify_bundle(CA.leaf(certificate_log=log).bundle(DIGEST), DIGEST, signer)
    assert not cosign.verify_bundle(CA.leaf(certificate_log=Log()).bundle(DIGEST), DIGEST, signer)
    assert not cosign.verify_bundle(CI.bundle(DIGEST), DIGEST, signer)


@pytest.mark.parametrize("part", ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"])
def test_a_trusted_root_that_cosign_cannot_read_is_said(cosign: Cosign, part: str) -> None:
    root = json.loads(CA.trusted_root())
    signer = replace(CA.signer(), root=json.dumps(root | {part: [{"uri": "https://broken.example"}]}))
    with pytest.raises(ConfigurationError, match="the trusted root of the authority ci cannot be read by cosign"):
        cosign.verify_bundle(CI.bundle(DIGEST), DIGEST, signer)


# who can push can also make what no cosign would


def forged(envelope: dict[str, Any]) -> dict[str, Any]:
    """A signed envelope whose payload is another."""
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["predicate"] = {"forged": True}
    return envelope | {"payload": b64(json.dumps(payload).encode())}


def test_a_good_signature_of_cosigns_own_old_kind_lends_itself_to_nothing_beside_it(
    cosign: Cosign, cosign_program: Path, tmp_path: Path
) -> None:
    """cosign reads the one as soon as it cannot read the other, and we would read the other."""
    real = KEY.envelope(DIGEST, VULNERABILITIES)
    both = {"mediaType": BUNDLE, "base64Signature": b64(json.dumps(real).encode()), "dsseEnvelope": forged(real)}
    bundle = json.dumps(both).encode()
    (tmp_path / "bundle.json").write_bytes(bundle)
    (tmp_path / "key.pub").write_text(KEY.public_key)
    hand = ByHand(cosign_program, tmp_path)
    told = ["--type", VULNERABILITIES, "--digest", DIGEST.removeprefix("sha256:"), "--digestAlg", "sha256"]
    key = ["--key", str(tmp_path / "key.pub"), "--insecure-ignore-tlog"]
    hand.run("verify-blob-attestation", *key, "--bundle", tmp_path / "bundle.json", *told)
    assert read_predicate(bundle, VULNERABILITIES, bundled=True) == {"forged": True}

    assert not cosign.verify_bundle(bundle, DIGEST, KEY.signer(), VULNERABILITIES)


@ONES
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", ["dsseEnvelope", "dsse_envelope"])
def test_a_bundle_with_two_envelopes_is_none(cosign: Cosign, one: Case, turned: bool, name: str) -> None:
    bundle = json.loads(one.who.bundle(DIGEST, SBOM))
    real = bundle.pop("dsseEnvelope")
    first, second = [json.dumps(envelope) for envelope in ((real, forged(real)) if turned else (forged(real), real))]
    text = json.dumps(bundle)[:-1] + f', "{name}": {first}, "dsseEnvelope": {second}}}'
    assert json.loads(text)["dsseEnvelope"], "to one that reads the last it is a bundle"
    assert not cosign.verify_bundle(text.encode(), DIGEST, one.signer, SBOM)


@ONES
@pytest.mark.parametrize("extra", [{"messageSignature": {}}, {"x": 1}, {"base64Signature": "", "cert": ""}])
def test_a_bundle_with_more_in_it_is_none(cosign: Cosign, one: Case, extra: dict[str, Any]) -> None:
    bundle = json.dumps(json.loads(one.who.bundle(DIGEST, SBOM)) | extra).encode()
    assert not cosign.verify_bundle(bundle, DIGEST, one.signer, SBOM)


@ONES
def test_another_payload_under_the_signature_is_none(cosign: Cosign, one: Case) -> None:
    bundle = json.loads(one.who.bundle(DIGEST, SBOM))
    assert not cosign.verify_bundle(
        json.dumps(bundle | {"dsseEnvelope": forged(bundle["dsseEnvelope"])}).encode(), DIGEST, one.signer, SBOM
    )
    envelope, annotations = one.who.old_attestation(DIGEST, SBOM)
    assert not cosign.verify_legacy_attestation(
        json.dumps(forged(json.loads(envelope))).encode(), annotations, DIGEST, one.signer, SBOM
    )


@ONES
@pytest.mark.parametrize("rubbish", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'"' + b"a" * (1 << 20)])
def test_rubbish_is_no_signature_and_no_fault(cosign: Cosign, one: Case, rubbish: bytes) -> None:
    _, annotations = one.who.old_signature(DIGEST)
    assert not cosign.verify_bundle(rubbish, DIGEST, one.signer)
    assert not cosign.verify_legacy(rubbish, annotations, DIGEST, one.signer)
    assert not cosign.verify_legacy_attestation(rubbish, annotations, DIGEST, one.signer, SBOM)


def test_nothing_is_looked_up(cosign_program: Path, clock: Clock, tmp_path: Path) -> None:
    """Whoever would ask the internet would come to us."""
    with socket.create_server(("127.0.0.1", 0)) as internet:
        internet.settimeout(0.2)
        address = f"http://127.0.0.1:{internet.getsockname()[1]}"
        program = tmp_path / "cosign"
        program.write_text(f'#!/bin/sh\nHTTPS_PROXY={address} HTTP_PROXY={address} exec {cosign_program} "$@"\n')
        program.chmod(0o755)
        cosign, log = Cosign(program), Log()
        every = CA.signer(logs=[log], certificate_logs=[log], clocks=[clock])
        for signer in (KEY.signer(), CA.signer(), CA.signer(clocks=[clock]), every):
            for who in (KEY, CI):
                for bundle in (who.bundle(DIGEST), b"{}"):
                    cosign.verify_bundle(bundle, DIGEST, signer)
                cosign.verify_legacy(*who.old_signature(DIGEST, log=log, clock=clock), DIGEST, signer)
                cosign.verify_legacy_attestation(*who.old_attestation(DIGEST, SBOM, log=log), DIGEST, signer, SBOM)
        with pytest.raises(TimeoutError):
            internet.accept()

        environment = {"HOME": str(tmp_path), "HTTPS_PROXY": address}
        asking = [str(cosign_program), "trusted-root", "create", "--with-default-services"]
        with subprocess.Popen(asking, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asked:
            internet.settimeout(30)
            internet.accept()[0].close()
            asked.kill()


# what cosign itself makes, in a registry


@pytest.fixture
def artifact(registry_host: str) -> tuple[Registry, str, str]:
    """A registry, and the repository and the digest of an artifact in it."""
    registry, repository = Registry(plain_http=[registry_host], attempts=1), f"{registry_host}/test/{uuid.uuid4().hex}"
    config = registry.push_blob(repository, b"{}", "application/vnd.oci.empty.v1+json")
    described = {"mediaType": config.media_type, "digest": config.digest, "size": config.size}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described, "layers": []}
    return registry, repository, registry.push_manifest(repository, json.dumps(manifest).encode(), MANIFEST_TYPE, "1")


@pytest.fixture
def hand(cosign_program: Path, tmp_path: Path) -> ByHand:
    return ByHand(cosign_program, tmp_path)


@ONES
def test_what_cosign_makes_holds(cosign: Cosign, artifact: tuple[Registry, str, str], one: Case, hand: ByHand) -> None:
    registry, repository, digest = artifact
    reference = f"{repository}@{digest}"
    kinds = {"spdxjson": SBOM, "cyclonedx": BILL, "vuln": VULNERABILITIES}
    hand.sign(reference, one.who)
    for kind in kinds:
        hand.attest(reference, one.who, kind, {})

    manifests = [registry.manifest(repository, referrer.digest) for referrer in registry.referrers(repository, digest)]
    bundles = [registry.blob(repository, manifest.layers[0], limit=1 << 20) for manifest in manifests]
    for predicate_type in (PREDICATE, *kinds.values()):
        assert [cosign.verify_bundle(bundle, digest, one.signer, predicate_type) for bundle in bundles].count(True) == 1
    assert not any(cosign.verify_bundle(bundle, FOREIGN, one.signer) for bundle in bundles)


@ONES
def test_what_cosign_makes_in_the_old_formats_holds(
    cosign: Cosign, artifact: tuple[Registry, str, str], one: Case, hand: ByHand
) -> None:
    registry, repository, digest = artifact
    reference = f"{repository}@{digest}"
    hand.sign(reference, one.who, old=True)
    hand.attest(reference, one.who, "spdxjson", {"name": "shop"}, old=True)

    def old(suffix: str) -> tuple[bytes, dict[str, str]]:
        tagged = registry.resolve(repository, f"{digest.replace(':', '-')}.{suffix}")
        (layer,) = registry.manifest(repository, tagged).layers
        return registry.blob(repository, layer, limit=1 << 20), dict(layer.annotations)

    assert cosign.verify_legacy(*old("sig"), digest, one.signer)
    assert not cosign.verify_legacy(*old("sig"), FOREIGN, one.signer)
    assert cosign.verify_legacy_attestation(*old("att"), digest, one.signer, SBOM)
    assert not cosign.verify_legacy_attestation(*old("att"), FOREIGN, one.signer, SBOM)
    assert read_predicate(old("att")[0], SBOM, bundled=False)["name"] == "shop"


def test_a_trusted_root_that_cosign_makes_is_read(cosign: Cosign, cosign_program: Path, clock: Clock, tmp_path: Path) -> None:
    hand, log = ByHand(cosign_program, tmp_path), Log()
    (hand.folder / "ca.pem").write_text(pem(CA.certificate))
    (hand.folder / "clock.pem").write_text(pem(clock.certificate) + pem(clock.root))
    (hand.folder / "log.pub").write_text(log.public_key)
    fulcio = ["--fulcio", "url=https://ca.example,certificate-chain=ca.pem"]
    tsa = ["--tsa", "url=https://clock.example,certificate-chain=clock.pem"]
    rekor = ["--rekor", "url=https://log.example,public-key=log.pub,start-time=2026-01-01T00:00:00Z"]

    def made(*services: str) -> Signer:
        hand.run("trusted-root", "create", *services, "--out", "made.json")
        return replace(CA.signer(), root=(hand.folder / "made.json").read_text())

    assert cosign.verify_bundle(CI.bundle(DIGEST), DIGEST, made(*fulcio))
    assert cosign.verify_bundle(CI.bundle(DIGEST, clock=clock), DIGEST, made(*fulcio, *tsa))
    assert not cosign.verify_bundle(CI.bundle(DIGEST), DIGEST, made(*fulcio, *tsa))
    assert cosign.verify_legacy(*CI.old_signature(DIGEST, log=log), DIGEST, made(*fulcio, *rekor))
    with pytest.raises(ConfigurationError, match="names no certificate authority"):
        cosign.verify_bundle(CI.bundle(DIGEST, clock=clock), DIGEST, made(*tsa))
