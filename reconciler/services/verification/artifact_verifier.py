"""Whether the trust policies hold for an artifact: exactly one answer, by whom it is trusted or why it is refused.

Rules (trust.md): no policy that covers it is a refusal; of several, each must hold. In each any one authority suffices for the
signature, and each attestation that it asks for must be there, by one of its authorities.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from reconciler.domain.trust.vulnerability_scans import Scan, newest, read_scan, severity_violation
from reconciler.formats.in_toto import read_predicate
from reconciler.model.errors import (
    AccessDeniedError,
    IntegrityError,
    NotFoundError,
    ReconcilerError,
    UnavailableError,
    UntrustedError,
)
from reconciler.model.lock import AttestationEvidence, TrustEvidence
from reconciler.services.verification.signatures import (
    ArtifactSignatures,
    SignatureCandidate,
    SignatureVerifier,
    fetch_signatures,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.formats.oci_manifest import Manifest
    from reconciler.model.trust import Attestation, Severity, Signer, TrustPolicy
    from reconciler.services.verification.cached_blobs import Blobs
    from reconciler.services.verification.ports import MirroredArtifacts


@dataclass(frozen=True)
class VerifiedArtifact:
    """An artifact that is trusted: its manifest, and evidence for each policy that covers it, in the order of their names."""

    manifest: Manifest
    evidence: list[TrustEvidence]


class ArtifactVerifier(Protocol):
    """How an artifact is held against the policies: `verify_artifact` with a registry and a cosign."""

    def __call__(
        self, repository: str, digest: str, policies: TrustPolicies, before: Sequence[TrustEvidence] = ()
    ) -> VerifiedArtifact:
        """Return the artifact and why it is trusted, or raise Untrusted or another ReconcilerError."""


def verify_artifact(
    registry: MirroredArtifacts,
    blobs: Blobs,
    judge: SignatureVerifier,
    repository: str,
    digest: str,
    policies: TrustPolicies,
    before: Sequence[TrustEvidence] = (),
) -> VerifiedArtifact:
    """Hold an artifact against the policies that cover it, with what its registry and the mirrors of that hold.

    Args:
        registry: the registries and their mirrors.
        blobs: fetches content.
        judge: who judges signatures.
        repository: `host/path`, as the policies name it.
        digest: the artifact's.
        policies: all there are.
        before: the evidence until now, which is kept while it holds.

    Raises:
        UntrustedError: no policy covers it, or one does not hold; said only when every place answered.
        NotFoundError: no place has the artifact.
        Unavailable, Denied, Corrupt, Misconfigured: it cannot be told.
    """
    covering = sorted(policies.matching(repository), key=lambda p: p.metadata.name)
    if not covering:
        raise UntrustedError(f"no trust policy covers {repository}")
    faults: list[ReconcilerError] = []
    # A mirror may not have the newest scan: the named place is asked first, and what it says of a scan is final.
    newest_counts = any(wanted.max_severity is not None for policy in covering for wanted in policy.spec.attestations)
    known = {one.policy: one for one in before}
    places = registry.locations(repository)
    for place in reversed(places) if newest_counts else places:
        try:
            with registry.registry.shared_deadline():
                one = _Artifact(fetch_signatures(registry.registry, place, digest, blobs), judge, policies)
                evidence = [one.evidence(policy, known.get(policy.metadata.name)) for policy in covering]
                return VerifiedArtifact(one.found.subject, evidence)
        except (NotFoundError, UntrustedError, IntegrityError, UnavailableError, AccessDeniedError) as fault:
            faults.append(fault)
            if newest_counts and isinstance(fault, UntrustedError):
                break
    raise _most_informative(faults)


def _most_informative(faults: Sequence[ReconcilerError]) -> ReconcilerError:
    """What keeps us from an answer comes before a "no" that another place might have made a "yes"."""
    for kind in (UnavailableError, AccessDeniedError, IntegrityError, UntrustedError):
        found = next((fault for fault in reversed(faults) if isinstance(fault, kind)), None)
        if found is not None:
            return found
    return faults[-1]


@dataclass
class _Artifact:
    """What a place holds of an artifact, and what was judged of it: policies may share authorities."""

    found: ArtifactSignatures
    judge: SignatureVerifier
    policies: TrustPolicies
    _proofs: dict[Signer, str | None] = field(default_factory=dict)

    def evidence(self, policy: TrustPolicy, before: TrustEvidence | None) -> TrustEvidence:
        """Why a policy holds, as before where it still does; raises Untrusted, or Corrupt, when it does not."""
        signers = [self.policies.signer(authority) for authority in policy.spec.authorities]
        if before is not None:
            signers.sort(key=lambda signer: signer.name != before.authority)
        try:
            authority, signature = self._signature(signers, before.signature if before else "")
            attested = [self._attested(wanted, signers) for wanted in policy.spec.attestations]
        except UntrustedError as fault:
            raise UntrustedError(f"the policy {policy.metadata.name} is not met: {fault.message}", fault.hint) from None
        return TrustEvidence(
            policy=policy.metadata.name,
            policy_digest=self.policies.digest_of(policy),
            authority=authority,
            signature=signature,
            attestations=attested,
        )

    def _signature(self, signers: Sequence[Signer], known: str) -> tuple[str, str]:
        for signer in signers:
            if signer not in self._proofs:
                self._proofs[signer] = self.found.find_signature_by(self.judge, signer, known)
            if (proof := self._proofs[signer]) is not None:
                return signer.name, proof
        raise self.found.why_untrusted()

    def _attested(self, wanted: Attestation, signers: Sequence[Signer]) -> AttestationEvidence:
        holding = self._valid_attestations(wanted.predicate_type, signers)
        if wanted.max_severity is not None:
            found = _newest_scan(holding, wanted.predicate_type, wanted.max_severity)
        else:
            found = next(((name, one.manifest) for name, one in holding), None)
        if wanted.max_severity is not None and self.found.unread:
            raise UntrustedError(
                f"{self.found.artifact} has attestations that may be a newer scan and cannot be read ({self.found.unread})",
                "remove what is damaged or too large from the registry, and scan it again",
            )
        if found is not None:
            return AttestationEvidence(predicate_type=wanted.predicate_type, authority=found[0], signature=found[1])
        if self.found.damaged is not None:
            raise self.found.damaged
        names = ", ".join(signer.name for signer in signers)
        raise UntrustedError(
            f"{self.found.artifact} has no attestation of {wanted.predicate_type} by {names}",
            f"attest it: `cosign attest --type {wanted.predicate_type} --predicate FILE`",
        )

    def _valid_attestations(self, predicate_type: str, signers: Sequence[Signer]) -> Iterator[tuple[str, SignatureCandidate]]:
        """The attestations that hold, each with the authority that made it."""
        for one in self.found.attestations_of(predicate_type):
            for signer in signers:
                if one.is_valid(self.judge, self.found.digest, signer, predicate_type):
                    yield signer.name, one
                    break


def scan_of(one: SignatureCandidate, predicate_type: str) -> Scan:
    """The vulnerability scan in an attestation that holds; raises Untrusted when it cannot be read."""
    try:
        return read_scan(read_predicate(one.content, predicate_type, bundled=one.annotations is None))
    except IntegrityError as error:
        # It is not passed over: it might be the newest, and say the worst.
        raise UntrustedError(
            f"the vulnerability scan {one.manifest} cannot be used: {error}",
            "scan it again, and remove that one from the registry",
        ) from None


def _newest_scan(
    holding: Iterable[tuple[str, SignatureCandidate]], predicate_type: str, most: Severity
) -> tuple[str, str] | None:
    """The authority and the manifest of the newest scan; None when there is none. Raises Untrusted when it found too much."""
    scans = [(scan_of(one, predicate_type), name, one.manifest) for name, one in holding]
    latest = newest(scan for scan, _, _ in scans)
    if latest is None:
        return None
    if (words := severity_violation(latest, most)) is not None:
        raise UntrustedError(words, "publish a version without these vulnerabilities, or scan it again")
    return next((name, manifest) for scan, name, manifest in scans if scan is latest)
