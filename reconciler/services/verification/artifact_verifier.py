"""Verifies an artifact against the trust policies: returns by whom it is trusted, or raises why it is refused.

Rules: an artifact that no policy covers is refused; of several policies, each must be met. In each, any one authority
suffices for the signature, and each required attestation must exist, by one of its authorities.
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
    """A trusted artifact: its manifest, and the evidence for each policy that covers it, by the policies' names."""

    manifest: Manifest
    evidence: list[TrustEvidence]


class ArtifactVerifier(Protocol):
    """Verifies an artifact against the policies: `verify_artifact` with a registry and a cosign."""

    def __call__(
        self, repository: str, digest: str, policies: TrustPolicies, before: Sequence[TrustEvidence] = ()
    ) -> VerifiedArtifact:
        """Return the artifact and its evidence, or raise UntrustedError or another ReconcilerError."""


def verify_artifact(
    registry: MirroredArtifacts,
    blobs: Blobs,
    verifier: SignatureVerifier,
    repository: str,
    digest: str,
    policies: TrustPolicies,
    before: Sequence[TrustEvidence] = (),
) -> VerifiedArtifact:
    """Verify an artifact against the policies that cover it, with the signatures in its registry and in its mirrors.

    Args:
        registry: the registries and their mirrors.
        blobs: returns content.
        verifier: verifies signatures.
        repository: `host/path`, as the policies name it.
        digest: the artifact's digest.
        policies: all policies.
        before: the previous evidence, which is kept while it is valid.

    Raises:
        UntrustedError: no policy covers it, or one is not met; raised only when every location responded.
        NotFoundError: no location has the artifact.
        UnavailableError, AccessDeniedError, IntegrityError, ConfigurationError: it cannot be verified.
    """
    covering = sorted(policies.matching(repository), key=lambda policy: policy.metadata.name)
    if not covering:
        raise UntrustedError(f"no trust policy covers {repository}")
    faults: list[ReconcilerError] = []
    # A mirror may lack the newest scan: the named registry is read first, and its refusal because of a scan is final.
    newest_counts = any(attestation.max_severity is not None for policy in covering for attestation in policy.spec.attestations)
    previous = {artifact.policy: artifact for artifact in before}
    locations = registry.locations(repository)
    for location in reversed(locations) if newest_counts else locations:
        try:
            with registry.registry.shared_deadline():
                artifact = _Artifact(fetch_signatures(registry.registry, location, digest, blobs), verifier, policies)
                evidence = [artifact.evidence(policy, previous.get(policy.metadata.name)) for policy in covering]
                return VerifiedArtifact(artifact.signatures.subject, evidence)
        except (NotFoundError, UntrustedError, IntegrityError, UnavailableError, AccessDeniedError) as error:
            faults.append(error)
            if newest_counts and isinstance(error, UntrustedError):
                break
    raise _most_informative(faults)


def _most_informative(faults: Sequence[ReconcilerError]) -> ReconcilerError:
    """The error to raise: one that prevents an answer comes before a refusal that another location might not give."""
    for kind in (UnavailableError, AccessDeniedError, IntegrityError, UntrustedError):
        last = next((fault for fault in reversed(faults) if isinstance(fault, kind)), None)
        if last is not None:
            return last
    return faults[-1]


@dataclass
class _Artifact:
    """The signatures of an artifact at one location, with the verification results, since policies may share authorities."""

    signatures: ArtifactSignatures
    verifier: SignatureVerifier
    policies: TrustPolicies
    _proofs: dict[Signer, str | None] = field(default_factory=dict)

    def evidence(self, policy: TrustPolicy, before: TrustEvidence | None) -> TrustEvidence:
        """The evidence that a policy is met, as before where that is still valid.

        Raises:
            UntrustedError, IntegrityError: the policy is not met.
        """
        signers = [self.policies.signer(authority) for authority in policy.spec.authorities]
        if before is not None:
            signers.sort(key=lambda signer: signer.name != before.authority)
        try:
            authority, signature = self._signature(signers, before.signature if before else "")
            attestations = [self._attestation(required, signers) for required in policy.spec.attestations]
        except UntrustedError as error:
            raise UntrustedError(f"the policy {policy.metadata.name} is not met: {error.message}", error.hint) from None
        return TrustEvidence(
            policy=policy.metadata.name,
            policy_digest=self.policies.digest_of(policy),
            authority=authority,
            signature=signature,
            attestations=attestations,
        )

    def _signature(self, signers: Sequence[Signer], previous: str) -> tuple[str, str]:
        for signer in signers:
            if signer not in self._proofs:
                self._proofs[signer] = self.signatures.find_signature_by(self.verifier, signer, previous)
            if (proof := self._proofs[signer]) is not None:
                return signer.name, proof
        raise self.signatures.why_untrusted()

    def _attestation(self, required: Attestation, signers: Sequence[Signer]) -> AttestationEvidence:
        valid = self._valid_attestations(required.predicate_type, signers)
        if required.max_severity is not None:
            chosen = _newest_scan(valid, required.predicate_type, required.max_severity)
        else:
            chosen = next(((name, candidate.manifest) for name, candidate in valid), None)
        if required.max_severity is not None and self.signatures.unread:
            raise UntrustedError(
                f"{self.signatures.artifact} has attestations that may be a newer scan and cannot be read "
                f"({self.signatures.unread})",
                "remove the damaged or too large attestations from the registry, and scan it again",
            )
        if chosen is not None:
            return AttestationEvidence(predicate_type=required.predicate_type, authority=chosen[0], signature=chosen[1])
        if self.signatures.damaged is not None:
            raise self.signatures.damaged
        names = ", ".join(signer.name for signer in signers)
        raise UntrustedError(
            f"{self.signatures.artifact} has no attestation of {required.predicate_type} by {names}",
            f"attest it: `cosign attest --type {required.predicate_type} --predicate FILE`",
        )

    def _valid_attestations(self, predicate_type: str, signers: Sequence[Signer]) -> Iterator[tuple[str, SignatureCandidate]]:
        """The valid attestations, each with the authority that made it."""
        for candidate in self.signatures.attestations_of(predicate_type):
            for signer in signers:
                if candidate.is_valid(self.verifier, self.signatures.digest, signer, predicate_type):
                    yield signer.name, candidate
                    break


def scan_of(candidate: SignatureCandidate, predicate_type: str) -> Scan:
    """The vulnerability scan in a valid attestation.

    Raises:
        UntrustedError: the scan cannot be read.
    """
    try:
        return read_scan(read_predicate(candidate.content, predicate_type, bundled=candidate.annotations is None))
    except IntegrityError as error:
        # It is not skipped: it might be the newest scan, with the worst findings.
        raise UntrustedError(
            f"the vulnerability scan {candidate.manifest} cannot be used: {error}",
            "scan it again, and remove the unreadable scan from the registry",
        ) from None


def _newest_scan(
    valid: Iterable[tuple[str, SignatureCandidate]], predicate_type: str, max_severity: Severity
) -> tuple[str, str] | None:
    """The authority and the manifest of the newest scan; None when there is none.

    Raises:
        UntrustedError: the scan found more than the policy allows.
    """
    scans = [(scan_of(candidate, predicate_type), name, candidate.manifest) for name, candidate in valid]
    latest = newest(scan for scan, _, _ in scans)
    if latest is None:
        return None
    if (violation := severity_violation(latest, max_severity)) is not None:
        raise UntrustedError(violation, "publish a version without these vulnerabilities, or scan it again")
    return next((name, manifest) for scan, name, manifest in scans if scan is latest)
