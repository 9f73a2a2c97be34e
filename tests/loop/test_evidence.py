"""Collecting signatures from a registry that tells of them in every way. cosign's judgement is in tests/live."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.loop.evidence import BUNDLE_LIMIT, collect
from reconciler.model.faults import Corrupt, Missing, Unavailable, Untrusted
from reconciler.world.manifest import MANIFEST_TYPE
from reconciler.world.registry import Registry
from tests.world.hostile_registry import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNED = {"dev.cosignproject.cosign/signature": "MEUC"}


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def manifest(*layers: tuple[bytes, str], size: int | None = None, layer: dict[str, Any] | None = None, **extra: object) -> bytes:
    descriptors = [
        {"digest": sha256(d), "size": len(d) if size is None else size, "mediaType": t, **(layer or {})} for d, t in layers
    ]
    config = {"mediaType": "x/config", "digest": sha256(b"{}"), "size": 2}
    return json.dumps({"mediaType": MANIFEST_TYPE, "config": config, "layers": descriptors, **extra}).encode()


ARTIFACT = manifest((b"chart", "x/chart"))
DIGEST = sha256(ARTIFACT)
FALLBACK = DIGEST.replace(":", "-")


class Store:
    """What a registry holds: content by digest or tag; all other paths are not found."""

    def __init__(self, *referrers: bytes, blobs: tuple[bytes, ...] = (), sig: bytes | None = None) -> None:
        index = {"manifests": [{"digest": sha256(r), "size": len(r), "mediaType": MANIFEST_TYPE} for r in referrers]}
        self.replies = {f"manifests/{sha256(m)}": Reply(body=m) for m in (ARTIFACT, *referrers)}
        self.replies |= {f"blobs/{sha256(blob)}": Reply(body=blob) for blob in blobs}
        if referrers:
            self.replies[f"manifests/{FALLBACK}"] = Reply(body=json.dumps(index).encode())
        if sig is not None:
            self.replies |= {f"manifests/{FALLBACK}.sig": Reply(body=sig), f"manifests/{sha256(sig)}": Reply(body=sig)}

    def __call__(self, request: Request) -> Reply:
        return self.replies.get(request.path.removeprefix("/v2/shop/"), Reply(status=404))


def collecting(script: Callable[[Request], Reply]) -> Any:
    with HostileRegistry(script) as server:
        return collect(Registry(plain_http=[server.host], attempts=1, timeout=1), f"{server.host}/shop", DIGEST)


def test_bundles_and_old_signatures_are_candidates() -> None:
    bundle, sig = manifest((b"bundle", BUNDLE)), manifest((b"payload", SIMPLE), layer={"annotations": SIGNED})
    found = collecting(Store(bundle, blobs=(b"bundle", b"payload"), sig=sig))
    assert [(c.manifest, c.content, c.legacy) for c in found.candidates] == [
        (sha256(bundle), b"bundle", None),
        (sha256(sig), b"payload", "MEUC"),
    ]
    assert str(found.refusal()).count("signed, but by no accepted key (signatures: 2)") == 1


def test_unsigned_says_unsigned() -> None:
    found = collecting(Store())
    assert (found.candidates, found.attestations, found.passed_over) == ([], 0, 0)
    assert isinstance(found.refusal(), Untrusted)
    assert "has no signature" in found.refusal().message


def test_an_artifact_that_is_not_there_is_missing_not_unsigned() -> None:
    with pytest.raises(Missing):
        collecting(lambda _: Reply(status=404))


@pytest.mark.parametrize(
    "failing", [f"manifests/{DIGEST}", f"manifests/{FALLBACK}", f"manifests/{FALLBACK}.sig", "referrer", "blob"]
)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_is_not_answered_is_unavailable_not_unsigned(failing: str, status: int) -> None:
    bundle = manifest((b"bundle", BUNDLE))
    store = Store(bundle, blobs=(b"bundle",))
    path = {"referrer": f"manifests/{sha256(bundle)}", "blob": f"blobs/{sha256(b'bundle')}"}.get(failing, failing)
    store.replies[path] = Reply(status=status, headers={"Retry-After": "60"})
    with pytest.raises(Unavailable):
        collecting(store)


def test_only_attestations_says_so() -> None:
    sbom = manifest((b"sbom", BUNDLE), annotations={"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document"})
    found = collecting(Store(sbom, blobs=(b"sbom",)))
    assert (found.candidates, found.attestations) == ([], 1)
    assert "only attestations" in found.refusal().message


@pytest.mark.parametrize(
    "rubbish",
    [
        manifest((b"bomb", BUNDLE + "+gzip")),
        manifest((b"bomb", "application/vnd.oci.image.layer.v1.tar+gzip")),
        manifest((b"large", BUNDLE), size=BUNDLE_LIMIT + 1),
        manifest((b"one", BUNDLE), (b"two", BUNDLE)),
        manifest(),
        manifest((b"gone", BUNDLE)),
    ],
    ids=["compressed", "layer", "large", "two", "none", "gone"],
)
def test_rubbish_does_not_hide_a_good_signature(rubbish: bytes) -> None:
    bundle = manifest((b"bundle", BUNDLE))
    found = collecting(Store(rubbish, bundle, blobs=(b"bundle", b"bomb")))
    assert [c.content for c in found.candidates] == [b"bundle"]
    assert found.passed_over == 1
    assert "1 not usable" in found.refusal().message


@pytest.mark.parametrize("damage", ["manifest", "blob"])
def test_a_damaged_signature_hides_no_other_and_alone_is_corrupt_not_untrusted(damage: str) -> None:
    bundle, other = manifest((b"bundle", BUNDLE)), manifest((b"other", BUNDLE))
    store = Store(bundle, other, blobs=(b"bundle", b"other"))
    store.replies[f"manifests/{sha256(bundle)}" if damage == "manifest" else f"blobs/{sha256(b'bundle')}"] = Reply(body=b"BUNDLE")
    found = collecting(store)
    assert [c.content for c in found.candidates] == [b"other"]
    assert isinstance(found.refusal(), Corrupt)
