"""Evidence: what a registry holds to vouch for a digest, signatures and attestations, not yet judged.

It is fetched here, each byte checked and bounded, so that *unsigned* is told from *unavailable*: a registry that does not
answer raises `Unavailable` and never looks like a missing signature. cosign then judges each piece alone.

Whoever can push to a repository can add signatures to it. What is too large, compressed or of another kind is therefore
passed over, not refused: rubbish must not hide a good signature. Two things are beyond that: more than 64 referrers,
and a registry that withholds them.
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

BUNDLE_LIMIT: Final = 1 << 20  # bytes; a signature's bundle has less than ten kilobytes
ATTESTATION_LIMIT: Final = 16 << 20  # bytes; a large SBOM has megabytes
LEGACY_LIMIT: Final = 64  # layers of one old `.sig` or `.att` manifest

# Listed, so that compressed ones are not among them: a megabyte can inflate to gigabytes in cosign.
_BUNDLE_TYPE = re.compile(r"application/vnd\.dev\.sigstore\.bundle(\.v0\.\d)?\+json(;version=0\.\d)?")
_BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
_LEGACY_TYPE = re.compile(r"application/vnd\.dev\.cosign\.simplesigning\.v1\+json")
_LEGACY_PREDICATE = "predicateType"
_LEGACY_ATTESTATION = re.compile(r"application/vnd\.dsse\.envelope\.v1\+json")


class SignatureVerifier(Protocol):
    """Who says whether a signature holds (`adapters.cosign.runner.Cosign`)."""

    def verify_bundle(self, bundle: bytes, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        """Whether a bundle is a signature of `digest` by this signer, or an attestation of another predicate type."""

    def verify_legacy(self, payload: bytes, annotations: Mapping[str, str], digest: str, signer: Signer) -> bool:
        """Whether an old signature over a payload is one of `digest` by this signer."""

    def verify_legacy_attestation(
        self, envelope: bytes, annotations: Mapping[str, str], digest: str, signer: Signer, predicate_type: str
    ) -> bool:
        """Whether an old attestation is one of `digest` by this signer, of this predicate type."""


@dataclass(frozen=True)
class SignatureCandidate:
    """One signature or attestation, not yet judged.

    Attributes:
        manifest: digest of the manifest that holds it: what a lock's evidence names.
        content: a Sigstore bundle; or the payload of an old signature, or an old attestation's envelope.
        annotations: those of an old one's layer; None for a bundle.
    """

    manifest: str
    content: bytes
    annotations: Mapping[str, str] | None = None

    def is_valid(self, judge: SignatureVerifier, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        """Whether it is a signer's signature of a digest, or an attestation of another predicate type."""
        if self.annotations is None:
            return judge.verify_bundle(self.content, digest, signer, predicate_type)
        if predicate_type == PREDICATE:
            return judge.verify_legacy(self.content, self.annotations, digest, signer)
        return judge.verify_legacy_attestation(self.content, self.annotations, digest, signer, predicate_type)


@dataclass(frozen=True)
class _Claim:
    """A bundle that is there, of which its manifest says which predicate it holds: a word that saves work and proves nothing."""

    manifest: str
    layer: Descriptor
    predicate_type: str | None


@dataclass
class ArtifactSignatures:
    """All that the registry holds to vouch for one artifact.

    Attributes:
        registry: where it is.
        blobs: fetches content of it.
        repository: `host/path`.
        subject: the artifact's manifest.
        candidates: signatures to judge, as far as they were needed.
        attestations: how many referrers say that they are attestations, which are no signatures.
        passed_over: how many were too large, compressed, of an unknown format, or listed but gone.
        damaged: what was wrong with the last one whose content was not what its digest promised.
        unread: how many attestations of the type that was last asked for could not be read.
    """

    registry: ArtifactRegistry = field(repr=False)
    blobs: Blobs = field(repr=False)
    repository: str
    subject: Manifest
    candidates: list[SignatureCandidate] = field(default_factory=list)
    attestations: int = 0
    passed_over: int = 0
    damaged: IntegrityError | None = None
    unread: int = 0
    _claims: list[_Claim] = field(default_factory=list)
    _filled_old: bool = False

    @property
    def digest(self) -> str:
        """The artifact's."""
        return self.subject.digest

    @property
    def artifact(self) -> str:
        """`host/path@sha256:...`."""
        return f"{self.repository}@{self.digest}"

    def find_signature_by(self, judge: SignatureVerifier, signer: Signer, known: str = "") -> str | None:
        """Return the digest of the manifest whose signature is by `signer`, or None when none is.

        Whatever the registry's order, the one that was named before, `known`, comes first, then bundles, then old ones, each by
        the least digest: what holds need not change. Raises ReconcilerErrors as `fetch_signatures` does: old ones are fetched
        when they are needed.
        """
        return next((one.manifest for one in self._ordered(known) if one.is_valid(judge, self.digest, signer)), None)

    def attestations_of(self, predicate_type: str) -> Iterator[SignatureCandidate]:
        """The attestations that may be of a predicate type; each is fetched only when it is asked for.

        Raises ReconcilerErrors as `fetch_signatures` does.
        """
        self.unread = 0
        for claim in sorted(self._claims, key=lambda one: one.manifest):
            if claim.predicate_type in {None, predicate_type} and (content := self._content(claim.layer)) is not None:
                yield SignatureCandidate(claim.manifest, content)
        for manifest, layer in self._legacy("att", _LEGACY_ATTESTATION):
            claimed = layer.annotations.get(_LEGACY_PREDICATE, predicate_type)
            if claimed == predicate_type and (content := self._content(layer)) is not None:
                yield SignatureCandidate(manifest, content, layer.annotations)

    def why_untrusted(self) -> UntrustedError | IntegrityError:
        """Say why nothing here proves anything, after `find_signature_by` found nothing for any accepted signer.

        Untrusted, or Corrupt when one could not be read: it might have been the one.
        """
        if self.damaged is not None:
            return self.damaged
        ignored = f"; {self.passed_over} not usable: too large, compressed, unknown or gone" if self.passed_over else ""
        if self.candidates:
            return UntrustedError(
                f"{self.artifact} is signed, but by no accepted key (signatures: {len(self.candidates)}{ignored})",
                "have an authority of the trust policy sign it, or let the Sovereign add its signer's key there",
            )
        hint = "sign it with `cosign sign`, or publish it with `reconciler publish --key`"
        if self.attestations:
            return UntrustedError(
                f"{self.artifact} has no signature, only attestations, which are none ({self.attestations}{ignored})", hint
            )
        return UntrustedError(f"{self.artifact} has no signature{ignored}", hint)

    def fill(self) -> None:
        """Fetch the bundles."""
        for referrer in self.registry.referrers(self.repository, self.digest):
            self._try(partial(self._add_bundle, referrer.digest))

    def _ordered(self, known: str) -> Iterator[SignatureCandidate]:
        """The signatures in the order in which they are judged."""
        if known and all(one.manifest != known for one in self.candidates):
            self._fill_old()
        ordered = sorted(self.candidates, key=lambda one: (one.manifest != known, one.annotations is not None, one.manifest))
        yield from ordered
        if not self._filled_old:
            self._fill_old()
            yield from sorted(self.candidates[len(ordered) :], key=lambda one: one.manifest)

    def _fill_old(self) -> None:
        """Fetch those under the old `.sig` tag, once."""
        if not self._filled_old:
            self._try(self._add_legacy)
            self._filled_old = True

    def _add_bundle(self, referrer: str) -> None:
        """Add one referrer, if it is one plain bundle of acceptable size.

        The predicate type that its manifest may name is unsigned and only saves work and words: a bundle that passes for a
        signature here is judged by what is signed in it.
        """
        manifest = self.registry.manifest(self.repository, referrer)
        if len(manifest.layers) != 1 or not _BUNDLE_TYPE.fullmatch(manifest.layers[0].media_type):
            self.passed_over += 1
            return
        claimed, layer = manifest.annotations.get(_BUNDLE_PREDICATE), manifest.layers[0]
        if claimed != PREDICATE:
            self._claims.append(_Claim(referrer, layer, claimed))
        if claimed not in {None, PREDICATE}:
            self.attestations += 1
        elif layer.size > BUNDLE_LIMIT:
            self.passed_over += 1
        else:
            content = self.blobs(self.repository, layer, limit=BUNDLE_LIMIT)
            self.candidates.append(SignatureCandidate(referrer, content))

    def _add_legacy(self) -> None:
        """Add the signatures under the tag `sha256-<hex>.sig`."""
        for manifest, layer in self._legacy("sig", _LEGACY_TYPE):
            if SIGNATURE not in layer.annotations or layer.size > BUNDLE_LIMIT:
                self.passed_over += 1
                continue
            content = self.blobs(self.repository, layer, limit=BUNDLE_LIMIT)
            self.candidates.append(SignatureCandidate(manifest, content, layer.annotations))

    def _try(self, step: Callable[[], None]) -> None:
        """Do one step; what is gone or damaged must not hide the others."""
        try:
            step()
        except NotFoundError:  # a fallback tag may list what was deleted
            self.passed_over += 1
        except IntegrityError as error:
            self.damaged = error

    def _content(self, layer: Descriptor) -> bytes | None:
        """An attestation's content; None, and counted, when it cannot be had: it may say what matters most."""
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
        """The usable layers under an old tag, each with the digest of the manifest."""
        try:
            tagged = self.registry.resolve(self.repository, f"{self.digest.replace(':', '-')}.{suffix}")
        except NotFoundError:
            return []
        layers = self.registry.manifest(self.repository, tagged).layers
        usable = [layer for layer in layers[:LEGACY_LIMIT] if media_type.fullmatch(layer.media_type)]
        if suffix == "sig":
            self.passed_over += len(layers) - len(usable)
        return [(tagged, layer) for layer in usable]


def fetch_signatures(registry: ArtifactRegistry, repository: str, digest: str, blobs: Blobs | None = None) -> ArtifactSignatures:
    """Fetch the signatures of an artifact.

    Args:
        registry: where they are.
        repository: `host/path`.
        digest: the artifact's.
        blobs: fetches the content that manifests name; the registry itself when there is no other way.

    Raises:
        NotFoundError: there is no such artifact.
        Unavailable, Denied, Corrupt: what a registry may do (`adapters.registry.client`).
    """
    subject = registry.manifest(repository, digest)  # an artifact that is not there is not an unsigned one
    found = ArtifactSignatures(registry, blobs or registry.blob, repository, subject)
    found.fill()
    return found


def eligible_layers(manifest: Manifest, predicate_type: str) -> Iterator[Descriptor]:
    """The layers of a manifest that a lock names which may hold what it is named for.

    What a layer says of its type is not asked, since cosign judges its content, within limits of its own.
    """
    limit = BUNDLE_LIMIT if predicate_type == PREDICATE else ATTESTATION_LIMIT
    return (layer for layer in manifest.layers[:LEGACY_LIMIT] if layer.size <= limit)


def as_candidate(manifest: str, layer: Descriptor, content: bytes) -> SignatureCandidate:
    """A layer's content as the signature or attestation that it is."""
    old = SIGNATURE in layer.annotations or _LEGACY_ATTESTATION.fullmatch(layer.media_type)
    return SignatureCandidate(manifest, content, layer.annotations if old else None)
