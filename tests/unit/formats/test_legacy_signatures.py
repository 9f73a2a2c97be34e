"""Old signatures as bundles: what is carried over, and what is not. That cosign takes them is in tests/live."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from reconciler.formats.legacy_signatures import attestation_bundle, signature_bundle
from reconciler.formats.trusted_root import WitnessRequirements
from tests.support.signers import CertificateAuthority, Log, der

CA = CertificateAuthority()
WHO = CA.leaf()
DIGEST = "sha256:" + "ab" * 32
KEYLESS = WitnessRequirements(certificate=True)
LOGGED = WitnessRequirements(certificate=True, log=True)
TIMED = WitnessRequirements(certificate=True, time=True)
LOG = "dev.sigstore.cosign/bundle"
TIME = "dev.sigstore.cosign/rfc3161timestamp"
CERTIFICATE = "dev.sigstore.cosign/certificate"


def old(**annotations: str) -> tuple[bytes, dict[str, str]]:
    payload, made = WHO.old_signature(DIGEST, log=Log())
    return payload, made | annotations


def material(bundle: bytes | None) -> dict[str, Any]:
    assert bundle is not None
    found: dict[str, Any] = json.loads(bundle)["verificationMaterial"]
    return found


def test_the_certificate_and_the_promise_of_a_log_are_carried_over() -> None:
    payload, annotations = old()
    assert WHO.certificate is not None
    carried = material(signature_bundle(payload, annotations, LOGGED))
    assert carried["x509CertificateChain"] == {"certificates": [{"rawBytes": der(WHO.certificate)}]}
    (entry,) = carried["tlogEntries"]
    promised = json.loads(annotations[LOG])
    assert entry["inclusionPromise"] == {"signedEntryTimestamp": promised["SignedEntryTimestamp"]}
    assert entry["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.1"}


def test_what_is_not_demanded_stays_behind() -> None:
    payload, annotations = old(**{TIME: "{"})
    assert material(signature_bundle(payload, annotations, WitnessRequirements())) == {"publicKey": {"hint": ""}}
    assert material(signature_bundle(payload, annotations, KEYLESS)).keys() == {"x509CertificateChain"}
    assert material(signature_bundle(payload, annotations, LOGGED)).keys() == {"x509CertificateChain", "tlogEntries"}


@pytest.mark.parametrize(
    ("demands", "annotations"),
    [
        (KEYLESS, {CERTIFICATE: "text"}),
        (KEYLESS, {CERTIFICATE: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}),
        (LOGGED, {LOG: ""}),
        (LOGGED, {LOG: "[" * 100_000}),
        (LOGGED, {LOG: "[]"}),
        (LOGGED, {LOG: '{"Payload": null}'}),
        (LOGGED, {LOG: '{"Payload": {"body": 1}, "SignedEntryTimestamp": ""}'}),
        (LOGGED, {LOG: '{"Payload": {"body": "W10=", "logIndex": 1e999, "logID": "zz"}, "SignedEntryTimestamp": ""}'}),
        (LOGGED, {LOG: '{"Payload": {"body": "", "body": ""}}'}),
        (TIMED, {TIME: "null"}),
        (TIMED, {TIME: '{"SignedRFC3161Timestamp": 1, "SignedRFC3161Timestamp": 2}'}),
        (TIMED, {}),
    ],
)
def test_what_is_demanded_and_cannot_be_read_is_no_signature(demands: WitnessRequirements, annotations: dict[str, str]) -> None:
    payload, made = old(**annotations)
    assert signature_bundle(payload, made, demands) is None


@pytest.mark.parametrize("missing", [CERTIFICATE, LOG])
def test_what_is_demanded_and_not_there_is_no_signature(missing: str) -> None:
    payload, annotations = old()
    del annotations[missing]
    assert signature_bundle(payload, annotations, LOGGED) is None


@pytest.mark.parametrize("envelope", [b"", b"{", b"\xff", b"[" * 100_000, b'{"payload": "", "payload": ""}'])
def test_an_envelope_that_two_could_read_differently_is_none(envelope: bytes) -> None:
    assert attestation_bundle(envelope, {}, WitnessRequirements()) is None


def test_annotations_that_can_be_read_and_are_too_deep_to_be_written_are_refused() -> None:
    body = base64.b64encode(b'{"kind": "x", "apiVersion": "1"}').decode()
    for depth in range(700, 1000, 3):  # how deep is too deep depends on who calls
        entry = f'{{"body": "{body}", "logIndex": {"[" * depth}{"]" * depth}, "logID": "00", "integratedTime": 1}}'
        log = f'{{"SignedEntryTimestamp": "", "Payload": {entry}}}'
        payload, annotations = old(**{LOG: log})
        signature_bundle(payload, annotations, LOGGED)


def test_an_envelope_of_many_parts_is_not_even_read() -> None:
    wide = b'{"payload": "", "x": [' + b"{}," * 100 + b"{}]}"
    assert attestation_bundle(wide, {}, WitnessRequirements()) is None
    assert attestation_bundle(b'{"payload": "", "x": [{},{}]}', {}, WitnessRequirements()) is not None
