"""cosign's old signatures and attestations (`.sig` and `.att` tags) as Sigstore bundles, so that all are judged in one way.

Nothing is judged here, and nothing is added that was not there: a certificate, a log's promise and a time stamp are carried over
from the annotations beside the content, each to its place in a bundle, where cosign checks it.

Sources: cosign's signature specification (annotations), Sigstore's protobuf specifications (bundle 0.1, which unlike 0.3 takes a
log's promise without a proof of inclusion).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from reconciler.formats.in_toto import reject_duplicate_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.formats.trusted_root import WitnessRequirements

SIGNATURE: Final = "dev.cosignproject.cosign/signature"
_CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
_LOG: Final = "dev.sigstore.cosign/bundle"
_TIME: Final = "dev.sigstore.cosign/rfc3161timestamp"
_PARTS: Final = 100  # of an envelope: its payload is text, so that a few suffice, and many would take memory before any check
_TYPE: Final = "application/vnd.dev.sigstore.bundle+json;version=0.1"
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")


def signature_bundle(payload: bytes, annotations: Mapping[str, str], demands: WitnessRequirements) -> bytes | None:
    """The bundle of a signature over a payload; None when what is demanded is not there, or cannot be read."""
    digest = base64.b64encode(hashlib.sha256(payload).digest()).decode()
    signature = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
        "signature": annotations.get(SIGNATURE, ""),
    }
    return _bundle({"messageSignature": signature}, annotations, demands)


def attestation_bundle(envelope: bytes, annotations: Mapping[str, str], demands: WitnessRequirements) -> bytes | None:
    """The bundle of a DSSE envelope; None when it cannot be read, or what is demanded is not there or cannot be read."""
    if envelope.count(b"{") + envelope.count(b"[") > _PARTS:
        return None
    try:
        return _bundle({"dsseEnvelope": json.loads(envelope, object_pairs_hook=reject_duplicate_keys)}, annotations, demands)
    except (ValueError, RecursionError):
        return None


def _bundle(content: Mapping[str, Any], annotations: Mapping[str, str], demands: WitnessRequirements) -> bytes | None:
    """What is not demanded stays behind: cosign would refuse a log's entry of a kind that it does not know, asked for or not."""
    try:
        material = _certificate(annotations[_CERTIFICATE]) if demands.certificate else {"publicKey": {"hint": ""}}
        if demands.log:
            material |= _log(json.loads(annotations[_LOG], object_pairs_hook=reject_duplicate_keys))
        if demands.time:
            material |= _time(json.loads(annotations[_TIME], object_pairs_hook=reject_duplicate_keys))
        # what could be read may still be too deep to be written
        return json.dumps({"mediaType": _TYPE, "verificationMaterial": material, **content}).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _certificate(text: str) -> dict[str, Any]:
    match = _PEM.fullmatch(text)
    if match is None:
        raise ValueError("no certificate")
    return {"x509CertificateChain": {"certificates": [{"rawBytes": "".join(match[1].split())}]}}


def _log(promised: Any) -> dict[str, Any]:
    entry = promised["Payload"]
    kind = json.loads(base64.b64decode(entry["body"], validate=True), object_pairs_hook=reject_duplicate_keys)
    told = {
        "logIndex": entry["logIndex"],
        "logId": {"keyId": base64.b64encode(bytes.fromhex(entry["logID"])).decode()},
        "kindVersion": {"kind": kind["kind"], "version": kind["apiVersion"]},
        "integratedTime": entry["integratedTime"],
        "inclusionPromise": {"signedEntryTimestamp": promised["SignedEntryTimestamp"]},
        "canonicalizedBody": entry["body"],
    }
    return {"tlogEntries": [told]}


def _time(stamped: Any) -> dict[str, Any]:
    return {"timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": stamped["SignedRFC3161Timestamp"]}]}}
