"""Converts cosign's old signatures and attestations (`.sig` and `.att` tags) to Sigstore bundles, so that all are verified alike.

Nothing is verified here and nothing is added: a certificate, a log's promise and a time stamp are copied from the annotations
beside the content, each to its field of a bundle, where cosign checks it.

Sources: cosign's signature specification (annotations), Sigstore's protobuf specifications (bundle 0.1, which unlike 0.3 accepts
a log's promise without a proof of inclusion).
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
_LOG_ENTRY: Final = "dev.sigstore.cosign/bundle"
_TIME: Final = "dev.sigstore.cosign/rfc3161timestamp"
_MAX_PARTS: Final = 100  # objects and lists of an envelope: its payload is text, so that a few suffice; many would take memory
_TYPE: Final = "application/vnd.dev.sigstore.bundle+json;version=0.1"
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")


def signature_bundle(payload: bytes, annotations: Mapping[str, str], requirements: WitnessRequirements) -> bytes | None:
    """Returns the bundle of a signature over a payload; None when a required witness is missing or malformed."""
    digest = base64.b64encode(hashlib.sha256(payload).digest()).decode()
    signature = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
        "signature": annotations.get(SIGNATURE, ""),
    }
    return _bundle({"messageSignature": signature}, annotations, requirements)


def attestation_bundle(envelope: bytes, annotations: Mapping[str, str], requirements: WitnessRequirements) -> bytes | None:
    """Returns the bundle of a DSSE envelope; None when it is malformed, or a required witness is missing or malformed."""
    if envelope.count(b"{") + envelope.count(b"[") > _MAX_PARTS:
        return None
    try:
        return _bundle({"dsseEnvelope": json.loads(envelope, object_pairs_hook=reject_duplicate_keys)}, annotations, requirements)
    except (ValueError, RecursionError):
        return None


def _bundle(content: Mapping[str, Any], annotations: Mapping[str, str], requirements: WitnessRequirements) -> bytes | None:
    """Builds a bundle with the required witnesses only: cosign refuses an unknown kind of log entry even if none is required."""
    try:
        material = _certificate(annotations[_CERTIFICATE]) if requirements.certificate else {"publicKey": {"hint": ""}}
        if requirements.log:
            material |= _log(json.loads(annotations[_LOG_ENTRY], object_pairs_hook=reject_duplicate_keys))
        if requirements.time:
            material |= _time(json.loads(annotations[_TIME], object_pairs_hook=reject_duplicate_keys))
        # a value that could be decoded may still be too deep to be encoded
        return json.dumps({"mediaType": _TYPE, "verificationMaterial": material, **content}).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _certificate(text: str) -> dict[str, Any]:
    match = _PEM.fullmatch(text)
    if match is None:
        raise ValueError("not a certificate")
    return {"x509CertificateChain": {"certificates": [{"rawBytes": "".join(match[1].split())}]}}


def _log(promise: Any) -> dict[str, Any]:
    entry = promise["Payload"]
    kind = json.loads(base64.b64decode(entry["body"], validate=True), object_pairs_hook=reject_duplicate_keys)
    log_entry = {
        "logIndex": entry["logIndex"],
        "logId": {"keyId": base64.b64encode(bytes.fromhex(entry["logID"])).decode()},
        "kindVersion": {"kind": kind["kind"], "version": kind["apiVersion"]},
        "integratedTime": entry["integratedTime"],
        "inclusionPromise": {"signedEntryTimestamp": promise["SignedEntryTimestamp"]},
        "canonicalizedBody": entry["body"],
    }
    return {"tlogEntries": [log_entry]}


def _time(time_stamp: Any) -> dict[str, Any]:
    return {"timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": time_stamp["SignedRFC3161Timestamp"]}]}}
