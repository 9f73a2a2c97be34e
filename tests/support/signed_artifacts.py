"""An artifact in a registry in memory, with what vouches for it, as manifests and blobs."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from reconciler.formats.oci_manifest import MANIFEST_TYPE, digest_of_bytes
from reconciler.model.trust import PREDICATE
from tests.support.registry_server import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.trust import Signer

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
CLAIM = "dev.sigstore.bundle.predicateType"
SIGNED = {"dev.cosignproject.cosign/signature": "MEUC"}


def manifest(*layers: tuple[bytes, str], size: int | None = None, layer: dict[str, Any] | None = None, **extra: object) -> bytes:
    descriptors = [
        {"digest": digest_of_bytes(d), "size": len(d) if size is None else size, "mediaType": t, **(layer or {})}
        for d, t in layers
    ]
    config = {"mediaType": "x/config", "digest": digest_of_bytes(b"{}"), "size": 2}
    return json.dumps({"mediaType": MANIFEST_TYPE, "config": config, "layers": descriptors, **extra}).encode()


ARTIFACT = manifest((b"chart", "x/chart"))
DIGEST = digest_of_bytes(ARTIFACT)
FALLBACK = DIGEST.replace(":", "-")


class FakeArtifactStore:
    """What a registry holds: content by digest or tag; all other paths are not found."""

    def __init__(
        self, *referrers: bytes, blobs: tuple[bytes, ...] = (), sig: bytes | None = None, att: bytes | None = None
    ) -> None:
        index = {"manifests": [{"digest": digest_of_bytes(r), "size": len(r), "mediaType": MANIFEST_TYPE} for r in referrers]}
        self.replies = {f"manifests/{digest_of_bytes(m)}": Reply(body=m) for m in (ARTIFACT, *referrers)}
        self.replies |= {f"blobs/{digest_of_bytes(blob)}": Reply(body=blob) for blob in blobs}
        if referrers:
            self.replies[f"manifests/{FALLBACK}"] = Reply(body=json.dumps(index).encode())
        for suffix, old in (("sig", sig), ("att", att)):
            if old is not None:
                self.replies |= {
                    f"manifests/{FALLBACK}.{suffix}": Reply(body=old),
                    f"manifests/{digest_of_bytes(old)}": Reply(body=old),
                }

    def __call__(self, request: Request) -> Reply:
        return self.replies.get(request.path.removeprefix("/v2/shop/"), Reply(status=404))


class FakeSignatureVerifier:
    """In cosign's place: a signature holds when it says so itself (`bundle`); it keeps count of its judgements."""

    def __init__(self) -> None:
        self.judged = 0

    def verify_bundle(self, bundle: bytes, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        self.judged += 1
        told = json.loads(bundle)
        return (told["by"], told["digest"], told["type"]) == (signer.name, digest, predicate_type)

    def verify_legacy(self, payload: bytes, annotations: Mapping[str, str], digest: str, signer: Signer) -> bool:
        del annotations
        return self.verify_bundle(payload, digest, signer)

    def verify_legacy_attestation(
        self, envelope: bytes, annotations: Mapping[str, str], digest: str, signer: Signer, predicate_type: str
    ) -> bool:
        del annotations
        return self.verify_bundle(envelope, digest, signer, predicate_type)


def bundle(
    by: str, predicate_type: str = PREDICATE, predicate: Any = None, *, digest: str = DIGEST, bundled: bool = True
) -> bytes:
    """A signature or attestation that `Judge` knows."""
    statement = json.dumps({"predicateType": predicate_type, "predicate": predicate}).encode()
    envelope = {"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(statement).decode()}
    told = {"by": by, "digest": digest, "type": predicate_type}
    return json.dumps(told | ({"dsseEnvelope": envelope} if bundled else envelope)).encode()


def referrer(content: bytes, claimed: str | None = None) -> bytes:
    """The manifest of a bundle."""
    return manifest((content, BUNDLE), annotations={CLAIM: claimed} if claimed else {})
