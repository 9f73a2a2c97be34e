"""Evidence: which signature in the registry proves that an authority signed a digest.

The signatures are fetched here, each byte checked and bounded, so that *unsigned* is told from *unavailable*: a registry
that does not answer raises `Unavailable` and never looks like a missing signature. cosign then judges each one alone.

Whoever can push to a repository can add signatures to it. What is too large, compressed or of another kind is therefore
passed over, not refused: rubbish must not hide a good signature. Two things are beyond that: more than 64 referrers,
and a registry that withholds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from reconciler.model.faults import Corrupt, Missing, Untrusted
from reconciler.world.cosign import PREDICATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.world.cosign import Cosign
    from reconciler.world.manifest import Descriptor
    from reconciler.world.registry import Registry

BUNDLE_LIMIT = 1 << 20  # bytes; a signature's bundle has less than one kilobyte, a large SBOM's has megabytes
LEGACY_LIMIT = 64  # signatures in one old `.sig` manifest

# Listed, so that compressed ones are not among them: a megabyte can inflate to gigabytes in cosign.
_BUNDLE_TYPE = re.compile(r"application/vnd\.dev\.sigstore\.bundle(\.v0\.\d)?\+json(;version=0\.\d)?")
_BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
_LEGACY_TYPE = re.compile(r"application/vnd\.dev\.cosign\.simplesigning\.v1\+json")
LEGACY_SIGNATURE = "dev.cosignproject.cosign/signature"


@dataclass(frozen=True)
class Signature:
    """One candidate, not yet judged.

    Attributes:
        manifest: digest of the manifest that holds it: what a lock's evidence names.
        content: a Sigstore bundle, or the payload of an old signature.
        legacy: the old signature over the payload, base64; None for a bundle.
    """

    manifest: str
    content: bytes
    legacy: str | None = None


@dataclass
class Signatures:
    """All that the registry holds to vouch for one artifact.

    Attributes:
        repository: `host/path`.
        digest: the artifact's.
        candidates: signatures to judge.
        attestations: how many referrers say that they are attestations, which are no signatures.
        passed_over: how many were too large, compressed, of an unknown format, or listed but gone.
        damaged: what was wrong with the last one whose content was not what its digest promised.
    """

    repository: str
    digest: str
    candidates: list[Signature] = field(default_factory=list)
    attestations: int = 0
    passed_over: int = 0
    damaged: Corrupt | None = None

    def prove(self, cosign: Cosign, public_key: str) -> str | None:
        """Return the digest of the manifest whose signature is by `public_key` (PEM), or None when none is."""
        for candidate in self.candidates:
            if _holds(cosign, candidate, self.digest, public_key):
                return candidate.manifest
        return None

    def refusal(self) -> Untrusted | Corrupt:
        """Say why nothing here proves anything, after `prove` found nothing for any accepted key.

        Untrusted, or Corrupt when one could not be read: it might have been the one.
        """
        if self.damaged is not None:
            return self.damaged
        artifact = f"{self.repository}@{self.digest}"
        ignored = f"; {self.passed_over} not usable: too large, compressed, unknown or gone" if self.passed_over else ""
        if self.candidates:
            return Untrusted(
                f"{artifact} is signed, but by no accepted key (signatures: {len(self.candidates)}{ignored})",
                "have an authority of the trust policy sign it, or let the Sovereign add its signer's key there",
            )
        hint = "sign it with `cosign sign`, or publish it with `reconciler publish --key`"
        if self.attestations:
            return Untrusted(
                f"{artifact} has no signature, only attestations, which are none ({self.attestations}{ignored})", hint
            )
        return Untrusted(f"{artifact} has no signature{ignored}", hint)


def collect(registry: Registry, repository: str, digest: str) -> Signatures:
    """Fetch the signatures of an artifact, new bundles first, then those under the old `.sig` tag.

    Raises:
        Missing: there is no such artifact.
        Unavailable, Denied, Corrupt: what a registry may do (`world.registry`).
    """
    registry.manifest(repository, digest)  # an artifact that is not there is not an unsigned one
    found = Signatures(repository, digest)
    for referrer in registry.referrers(repository, digest):
        _add(found, partial(_add_bundle, found, registry, referrer.digest))
    _add(found, partial(_add_legacy, found, registry))
    return found


def evidence(registry: Registry, cosign: Cosign, repository: str, digest: str, public_key: str) -> str:
    """Return the digest of the manifest that holds a signature of `digest` by `public_key` (PEM).

    Raises:
        Untrusted: there is none; the message tells unsigned, only attested, and signed by another apart.
        Missing, Unavailable, Denied, Corrupt: the registry; also Unavailable and Misconfigured: cosign.
    """
    signatures = collect(registry, repository, digest)
    proof = signatures.prove(cosign, public_key)
    if proof is None:
        raise signatures.refusal()
    return proof


def _holds(cosign: Cosign, candidate: Signature, digest: str, public_key: str) -> bool:
    if candidate.legacy is None:
        return cosign.verify_bundle(candidate.content, digest, public_key)
    return cosign.verify_legacy(candidate.content, candidate.legacy, digest, public_key)


def _add(found: Signatures, step: Callable[[], None]) -> None:
    """Do one step; one that is gone or damaged must not hide the others."""
    try:
        step()
    except Missing:  # a fallback tag may list what was deleted
        found.passed_over += 1
    except Corrupt as error:
        found.damaged = error


def _add_bundle(found: Signatures, registry: Registry, referrer: str) -> None:
    """Add one referrer, if it is one plain bundle of acceptable size.

    The predicate type that its manifest may name is unsigned and only saves work and words: a bundle that passes for a
    signature here is judged by what is signed in it.
    """
    manifest = registry.manifest(found.repository, referrer)
    if len(manifest.layers) != 1 or not _is_usable(manifest.layers[0], _BUNDLE_TYPE):
        found.passed_over += 1
    elif manifest.annotations.get(_BUNDLE_PREDICATE, PREDICATE) != PREDICATE:
        found.attestations += 1
    else:
        content = registry.blob(found.repository, manifest.layers[0], limit=BUNDLE_LIMIT)
        found.candidates.append(Signature(referrer, content))


def _add_legacy(found: Signatures, registry: Registry) -> None:
    """Add the signatures under the tag `sha256-<hex>.sig`."""
    try:
        tagged = registry.resolve(found.repository, f"{found.digest.replace(':', '-')}.sig")
    except Missing:
        return
    layers = registry.manifest(found.repository, tagged).layers
    usable = [layer for layer in layers if LEGACY_SIGNATURE in layer.annotations and _is_usable(layer, _LEGACY_TYPE)]
    for layer in usable[:LEGACY_LIMIT]:
        content = registry.blob(found.repository, layer, limit=BUNDLE_LIMIT)
        found.candidates.append(Signature(tagged, content, layer.annotations[LEGACY_SIGNATURE]))
    found.passed_over += len(layers) - len(usable[:LEGACY_LIMIT])


def _is_usable(layer: Descriptor, media_type: re.Pattern[str]) -> bool:
    return layer.size <= BUNDLE_LIMIT and media_type.fullmatch(layer.media_type) is not None
