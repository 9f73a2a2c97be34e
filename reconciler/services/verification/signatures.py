"""Signatures and attestations that a registry has for a digest, not yet verified.

Each byte is fetched here, checked and bounded, so that *unsigned* differs from *unavailable*: a registry that does not respond
raises `UnavailableError` and never looks like a missing signature. cosign then verifies each candidate alone.

Whoever can push to a repository can add signatures to it. A candidate that is too large, compressed or of another kind is
therefore skipped, not refused: it must not hide a good signature. Two cases remain: more than 64 referrers, and a registry that
withholds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.formats.legacy_signatures import SIGNATURE
from reconciler.model.errors import IntegrityError, NotFoundError, UntrustedError
from reconciler.model.trust import PREDICATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.formats.oci_manifest import Descriptor, Manifest
    from reconciler.model.trust import Signer
    from reconciler.services.verification.cached_blobs import Blobs
    from reconciler.services.verification.ports import ArtifactRegistry

BUNDLE_LIMIT: Final = 1 << 20  # bytes; a signature's bundle has less than 10,000
ATTESTATION_LIMIT: Final = 16 << 20  # bytes; a large SBOM has several million
LEGACY_LIMIT: Final = 64  # layers of one old `.sig` or `.att` manifest

# An allowlist, so that compressed types are excluded: a megabyte can inflate to gigabytes in cosign.
_BUNDLE_TYPE = re.compile(r"application/vnd\.dev\.sigstore\.bundle(\.v0\.\d)?\+json(;version=0\.\d)?")
_BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
_LEGACY_TYPE = re.compile(r"application/vnd\.dev\.cosign\.simplesigning\.v1\+json")
_LEGACY_PREDICATE = "predicateType"
_LEGACY_ATTESTATION = re.compile(r"application/vnd\.dsse\.envelope\.v1\+json")


class SignatureVerifier(Protocol):
    """Verifies signatures; `adapters.cosign.runner.Cosign` in production."""

    def verify_bundle(self, bundle: bytes, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        """Whether a bundle is a signature of `digest` by this signer, or an attestation of another predicate type."""

    def verify_legacy(self, payload: bytes, annotations: Mapping[str, str], digest: str, signer: Signer) -> bool:
        """Whether an old signature over a payload is a signature of `digest` by this signer."""

    def verify_legacy_attestation(
        self, envelope: bytes, annotations: Mapping[str, str], digest: str, signer: Signer, predicate_type: str
    ) -> bool:
        """Whether an old attestation is an attestation of `digest` by this signer, of this predicate type."""


@dataclass(frozen=True)
class SignatureCandidate:
    """One signature or attestation, not yet verified.

    Attributes:
        manifest: digest of the manifest that contains it, by which a lock's evidence names it.
        content: a Sigstore bundle; or the payload of an old signature, or an old attestation's envelope.
        annotations: those of an old candidate's layer; None for a bundle.
    """

    manifest: str
    content: bytes
    annotations: Mapping[str, str] | None = None

    def is_valid(self, verifier: SignatureVerifier, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        """Whether it is a signer's signature of a digest, or an attestation of another predicate type."""
        if self.annotations is None:
            return verifier.verify_bundle(self.content, digest, signer, predicate_type)
        if predicate_type == PREDICATE:
            return verifier.verify_legacy(self.content, self.annotations, digest, signer)
        return verifier.verify_legacy_attestation(self.content, self.annotations, digest, signer, predicate_type)


@dataclass(frozen=True)
class _Claim:
    """A bundle with the predicate type that its manifest claims. The claim saves work and proves nothing."""

    manifest: str
    layer: Descriptor
    predicate_type: str | None


@dataclass
class ArtifactSignatures:
    """All signatures and attestations that the registry has for one artifact.

    Attributes:
        registry: the registry.
        blobs: returns content from it.
        repository: `host/path`.
        subject: the artifact's manifest.
        candidates: signatures to verify, fetched as far as they were needed.
        attestations: the number of referrers that claim to be attestations, which are not signatures.
        skipped: the number of skipped candidates: too large, compressed, of an unknown format, or listed but gone.
        damaged: the error of the last candidate whose content did not match its digest.
        unread: the number of attestations of the last requested type that could not be read.
    """

    registry: ArtifactRegistry = field(repr=False)
    blobs: Blobs = field(repr=False)
    repository: str
    subject: Manifest
    candidates: list[SignatureCandidate] = field(default_factory=list)
    attestations: int = 0
    skipped: int = 0
    damaged: IntegrityError | None = None
    unread: int = 0
    _claims: list[_Claim] = field(default_factory=list)
    _filled_old: bool = False

    @property
    def digest(self) -> str:
        """The artifact's digest."""
        return self.subject.digest

    @property
    def artifact(self) -> str:
        """`host/path@sha256:...`."""
        return f"{self.repository}@{self.digest}"

    def find_signature_by(self, verifier: SignatureVerifier, signer: Signer, known: str = "") -> str | None:
        """Return the digest of the manifest whose signature is by `signer`, or None when there is none.

        Independent of the registry's order: the previously named manifest, `known`, comes first, then bundles, then old
        signatures, each by the least digest, so that valid evidence does not change. Raises ReconcilerErrors as
        `fetch_signatures` does: old signatures are fetched when they are needed.
        """
        return next(
            (candidate.manifest for candidate in self._ordered(known) if candidate.is_valid(verifier, self.digest, signer)), None
        )

    def attestations_of(self, predicate_type: str) -> Iterator[SignatureCandidate]:
        """The attestations that may be of a predicate type; each is fetched when the iteration reaches it.

        Raises ReconcilerErrors as `fetch_signatures` does.
        """
        self.unread = 0
        for claim in sorted(self._claims, key=lambda claim: claim.manifest):
            if claim.predicate_type in {None, predicate_type} and (content := self._content(claim.layer)) is not None:
                yield SignatureCandidate(claim.manifest, content)
        for manifest, layer in self._legacy("att", _LEGACY_ATTESTATION):
            claimed = layer.annotations.get(_LEGACY_PREDICATE, predicate_type)
            if claimed == predicate_type and (content := self._content(layer)) is not None:
                yield SignatureCandidate(manifest, content, layer.annotations)

    def why_untrusted(self) -> UntrustedError | IntegrityError:
        """The reason why there is no proof, after `find_signature_by` returned None for every accepted signer.

        UntrustedError, or IntegrityError when a candidate could not be read: it might have been the proof.
        """
        if self.damaged is not None:
            return self.damaged
        ignored = f"; {self.skipped} not usable: too large, compressed, unknown or gone" if self.skipped else ""
        if self.candidates:
            return UntrustedError(
                f"{self.artifact} is signed, but by no accepted key (signatures: {len(self.candidates)}{ignored})",
                "have an authority of the trust policy sign it, or let the Sovereign add its signer's key there",
            )
        hint = "sign it with `cosign sign`, or publish it with `reconciler publish --key`"
        if self.attestations:
            return UntrustedError(
                f"{self.artifact} has only attestations, which do not count as signatures ({self.attestations}{ignored})", hint
            )
        return UntrustedError(f"{self.artifact} has no signature{ignored}", hint)

    def fill(self) -> None:
        """Fetch the bundles."""
        for referrer in self.registry.referrers(self.repository, self.digest):
            self._try(partial(self._add_bundle, referrer.digest))

    def _ordered(self, known: str) -> Iterator[SignatureCandidate]:
        """The signatures in the order in which they are verified."""
        if known and all(candidate.manifest != known for candidate in self.candidates):
            self._fill_old()
        ordered = sorted(
            self.candidates,
            key=lambda candidate: (candidate.manifest != known, candidate.annotations is not None, candidate.manifest),
        )
        yield from ordered
        if not self._filled_old:
            self._fill_old()
            yield from sorted(self.candidates[len(ordered) :], key=lambda candidate: candidate.manifest)

    def _fill_old(self) -> None:
        """Fetch the signatures under the old `.sig` tag, once."""
        if not self._filled_old:
            self._try(self._add_legacy)
            self._filled_old = True

    def _add_bundle(self, referrer: str) -> None:
        """Add one referrer, if it is one uncompressed bundle of acceptable size.

        The predicate type that its manifest may claim is unsigned; it only saves work and improves messages. A bundle that counts
        as a signature here is verified by its signed content.
        """
        manifest = self.registry.manifest(self.repository, referrer)
        if len(manifest.layers) != 1 or not _BUNDLE_TYPE.fullmatch(manifest.layers[0].media_type):
            self.skipped += 1
            return
        claimed, layer = manifest.annotations.get(_BUNDLE_PREDICATE), manifest.layers[0]
        if claimed != PREDICATE:
            self._claims.append(_Claim(referrer, layer, claimed))
        if claimed not in {None, PREDICATE}:
            self.attestations += 1
        elif layer.size > BUNDLE_LIMIT:
            self.skipped += 1
        else:
            content = self.blobs(self.repository, layer, limit=BUNDLE_LIMIT)
            self.candidates.append(SignatureCandidate(referrer, content))

    def _add_legacy(self) -> None:
        """Add the signatures under the tag `sha256-<hex>.sig`."""
        for manifest, layer in self._legacy("sig", _LEGACY_TYPE):
            if SIGNATURE not in layer.annotations or layer.size > BUNDLE_LIMIT:
                self.skipped += 1
                continue
            content = self.blobs(self.repository, layer, limit=BUNDLE_LIMIT)
            self.candidates.append(SignatureCandidate(manifest, content, layer.annotations))

    def _try(self, step: Callable[[], None]) -> None:
        """Run one step; a missing or damaged candidate must not hide the others."""
        try:
            step()
        except NotFoundError:  # a fallback tag may list deleted manifests
            self.skipped += 1
        except IntegrityError as error:
            self.damaged = error

    def _content(self, layer: Descriptor) -> bytes | None:
        """An attestation's content; None, and counted as unread, when it cannot be fetched: it may be the decisive one."""
        if layer.size <= ATTESTATION_LIMIT:
            try:
                return self.blobs(self.repository, layer, limit=ATTESTATION_LIMIT)
            except NotFoundError:
                pass
            except IntegrityError as error:
                self.damaged = error
        self.unread += 1
        return None

    def _legacy(self, suffix: str, media_type: re.Pattern[str]) -> list[tuple[str, Descriptor]]:
        """The usable layers under an old tag, each with the manifest's digest."""
        try:
            tagged = self.registry.resolve(self.repository, f"{self.digest.replace(':', '-')}.{suffix}")
        except NotFoundError:
            return []
        layers = self.registry.manifest(self.repository, tagged).layers
        usable = [layer for layer in layers[:LEGACY_LIMIT] if media_type.fullmatch(layer.media_type)]
        if suffix == "sig":
            self.skipped += len(layers) - len(usable)
        return [(tagged, layer) for layer in usable]


def fetch_signatures(registry: ArtifactRegistry, repository: str, digest: str, blobs: Blobs | None = None) -> ArtifactSignatures:
    """Fetch the signatures of an artifact.

    Args:
        registry: the registry.
        repository: `host/path`.
        digest: the artifact's digest.
        blobs: returns the content that manifests name; the registry itself by default.

    Raises:
        NotFoundError: there is no such artifact.
        UnavailableError, AccessDeniedError, IntegrityError: as the registry raises them (`adapters.registry.client`).
    """
    subject = registry.manifest(repository, digest)  # a missing artifact is not an unsigned one
    signatures = ArtifactSignatures(registry, blobs or registry.blob, repository, subject)
    signatures.fill()
    return signatures


def eligible_layers(manifest: Manifest, predicate_type: str) -> Iterator[Descriptor]:
    """The layers of a manifest named by a lock that may contain the evidence.

    The media type of a layer is not checked, since cosign verifies its content, within limits of its own.
    """
    limit = BUNDLE_LIMIT if predicate_type == PREDICATE else ATTESTATION_LIMIT
    return (layer for layer in manifest.layers[:LEGACY_LIMIT] if layer.size <= limit)


def as_candidate(manifest: str, layer: Descriptor, content: bytes) -> SignatureCandidate:
    """A layer's content as a signature or attestation, in the format that the layer indicates."""
    is_old = SIGNATURE in layer.annotations or _LEGACY_ATTESTATION.fullmatch(layer.media_type)
    return SignatureCandidate(manifest, content, layer.annotations if is_old else None)
