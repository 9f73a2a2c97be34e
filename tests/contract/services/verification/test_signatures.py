"""Collecting signatures from a registry that tells of them in every way. cosign's judgement is in tests/live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from reconciler.adapters.registry.client import Registry
from reconciler.formats.oci_manifest import digest_of_bytes
from reconciler.model.errors import IntegrityError, NotFoundError, UnavailableError, UntrustedError
from reconciler.model.trust import Signer
from reconciler.services.verification.signatures import BUNDLE_LIMIT, fetch_signatures
from tests.support.registry_server import HostileRegistry, Reply, Request
from tests.support.signed_artifacts import BUNDLE, DIGEST, FALLBACK, SIGNED, SIMPLE, FakeArtifactStore, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.services.verification.signatures import SignatureVerifier


def collecting(script: Callable[[Request], Reply]) -> Any:
    with HostileRegistry(script) as server:
        found = fetch_signatures(Registry(plain_http=[server.host], attempts=1, timeout=1), f"{server.host}/shop", DIGEST)
        assert found.find_signature_by(cast("SignatureVerifier", Nobody()), Signer("anyone", key="")) is None
        return found


class Nobody:
    """In cosign's place: holds nothing for a signature, so that all there are must be looked at."""

    def verify_bundle(self, *_: object) -> bool:
        return False

    def verify_legacy(self, *_: object) -> bool:
        return False


def test_bundles_and_old_signatures_are_candidates() -> None:
    bundle, sig = manifest((b"bundle", BUNDLE)), manifest((b"payload", SIMPLE), layer={"annotations": SIGNED})
    found = collecting(FakeArtifactStore(bundle, blobs=(b"bundle", b"payload"), sig=sig))
    assert [(c.manifest, c.content, c.annotations) for c in found.candidates] == [
        (digest_of_bytes(bundle), b"bundle", None),
        (digest_of_bytes(sig), b"payload", SIGNED),
    ]
    assert str(found.why_untrusted()).count("signed, but by no accepted key (signatures: 2)") == 1


def test_unsigned_says_unsigned() -> None:
    found = collecting(FakeArtifactStore())
    assert (found.candidates, found.attestations, found.skipped) == ([], 0, 0)
    assert isinstance(found.why_untrusted(), UntrustedError)
    assert "has no signature" in found.why_untrusted().message


def test_an_artifact_that_is_not_there_is_missing_not_unsigned() -> None:
    with pytest.raises(NotFoundError):
        collecting(lambda _: Reply(status=404))


@pytest.mark.parametrize(
    "failing", [f"manifests/{DIGEST}", f"manifests/{FALLBACK}", f"manifests/{FALLBACK}.sig", "referrer", "blob"]
)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_is_not_answered_is_unavailable_not_unsigned(failing: str, status: int) -> None:
    bundle = manifest((b"bundle", BUNDLE))
    store = FakeArtifactStore(bundle, blobs=(b"bundle",))
    path = {"referrer": f"manifests/{digest_of_bytes(bundle)}", "blob": f"blobs/{digest_of_bytes(b'bundle')}"}.get(
        failing, failing
    )
    store.replies[path] = Reply(status=status, headers={"Retry-After": "60"})
    with pytest.raises(UnavailableError):
        collecting(store)


def test_only_attestations_says_so() -> None:
    sbom = manifest((b"sbom", BUNDLE), annotations={"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document"})
    found = collecting(FakeArtifactStore(sbom, blobs=(b"sbom",)))
    assert (found.candidates, found.attestations) == ([], 1)
    assert "only attestations" in found.why_untrusted().message


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
    found = collecting(FakeArtifactStore(rubbish, bundle, blobs=(b"bundle", b"bomb")))
    assert [c.content for c in found.candidates] == [b"bundle"]
    assert found.skipped == 1
    assert "1 not usable" in found.why_untrusted().message


@pytest.mark.parametrize("damage", ["manifest", "blob"])
def test_a_damaged_signature_hides_no_other_and_alone_is_corrupt_not_untrusted(damage: str) -> None:
    bundle, other = manifest((b"bundle", BUNDLE)), manifest((b"other", BUNDLE))
    store = FakeArtifactStore(bundle, other, blobs=(b"bundle", b"other"))
    store.replies[f"manifests/{digest_of_bytes(bundle)}" if damage == "manifest" else f"blobs/{digest_of_bytes(b'bundle')}"] = (
        Reply(body=b"BUNDLE")
    )
    found = collecting(store)
    assert [c.content for c in found.candidates] == [b"other"]
    assert isinstance(found.why_untrusted(), IntegrityError)
