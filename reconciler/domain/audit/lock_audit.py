"""Compares the lock of a commit of `resolved` with itself and with the trust policies at hand.

An auditor does not trust the reconciler. Everything that Flux reads is therefore rendered again from the lock, and must be
identical byte by byte: a file with only the same meaning could mean something else to Flux's older YAML. Values that the lock
does not contain (how registries are reached) are read from the tree itself; they do not decide what runs. No digest covers
`requiredBy`: it explains why a package is installed, and does not decide what runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.artifact import parse_artifact
from reconciler.model.lock import entry_digest
from reconciler.model.trust import PREDICATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.model.lock import EnvironmentLock, Package, TrustEvidence
    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source
    from reconciler.model.trust import Severity, Signer, TrustPolicy

    Read = Callable[[str], Sequence[Source]]  # returns the documents of a file of the tree; empty when the file does not exist

    Write = Callable[..., bytes]  # serialises documents as the reconciler does

    Finding = tuple[str, Problem]  # an Application's name, or an empty string, and its problem


@dataclass(frozen=True)
class AuditFinding:
    """A defect of a package with its path inside the package; a Problem once the package's location in the lock is known."""

    code: str
    message: str
    path: KeyPath


@dataclass(frozen=True)
class LockedSignature:
    """One signature or attestation that a lock names.

    Attributes:
        signer: the signer that must have made it.
        manifest: the digest of the manifest that contains it.
        predicate_type: cosign's predicate type for signatures, or the attestation's.
        path: the path of its digest in its package.
        max_severity: the maximal severity that a vulnerability scan may report; None for all others.
    """

    signer: Signer
    manifest: str
    predicate_type: str
    path: KeyPath
    max_severity: Severity | None = None


def proofs(package: Package, policies: TrustPolicies) -> Iterator[LockedSignature]:
    """Yields the signatures of a package that cosign must verify, with the signers from the policies at hand.

    Evidence of an unknown policy or authority cannot be verified; `audit_lock` reports it.
    """
    for number, evidence in enumerate(package.evidence):
        policy = policies.named(evidence.policy)
        signers = {a.name: policies.signer(a) for a in policy.spec.authorities} if policy else {}
        path: KeyPath = ("evidence", number)
        if evidence.authority in signers:
            yield LockedSignature(signers[evidence.authority], evidence.signature, PREDICATE, (*path, "signature"))
        limits = {a.predicate_type: a.max_severity for a in policy.spec.attestations} if policy else {}
        for index, attestation in enumerate(evidence.attestations):
            if attestation.authority in signers:
                attestation_path = (*path, "attestations", index, "signature")
                limit = limits.get(attestation.predicate_type)
                yield LockedSignature(
                    signers[attestation.authority], attestation.signature, attestation.predicate_type, attestation_path, limit
                )


def audit_lock(source: Source, lock: EnvironmentLock, policies: TrustPolicies) -> Iterator[Finding]:
    """Yields the contradictions of a lock with itself and with the policies at hand; signatures are verified elsewhere.

    Args:
        source: the lock's file, for locations.
        lock: the parsed lock.
        policies: the policies at hand.
    """
    seen = set[str]()
    for index, package in enumerate(lock.packages):
        if package.application in seen:
            path: KeyPath = ("packages", index, "application")
            yield package.application, source.problem("Duplicate", f"{package.application} is locked twice", path)
        seen.add(package.application)
        for finding in (*_package_findings(lock, package), *_policy_findings(package, policies)):
            yield package.application, finding_problem(finding, source, index)


def finding_problem(finding: AuditFinding, source: Source, index: int) -> Problem:
    """Returns a finding as a problem in the lock's file, of which the package is the `index`th."""
    return source.problem(finding.code, finding.message, ("packages", index, *finding.path), at_value=True)


def _package_findings(lock: EnvironmentLock, package: Package) -> Iterator[AuditFinding]:
    reference = parse_artifact(package)
    if reference is None:
        yield AuditFinding(
            "ArtifactDiffers", "this is not an artifact reference: oci://host/path@sha256:<64 digits>", ("artifact",)
        )
    elif reference[0].rpartition("/")[2] != package.blueprint:
        yield AuditFinding("ArtifactDiffers", f"this is not an artifact of {package.blueprint}", ("artifact",))
    digest = entry_digest(lock, package)
    if digest != package.entry:
        yield AuditFinding("EntryDiffers", f"the digest of what decides what happens to it is {digest}", ("entry",))


def _policy_findings(package: Package, policies: TrustPolicies) -> Iterator[AuditFinding]:
    reference = parse_artifact(package)
    if reference is None:
        return
    covering = {p.metadata.name: p for p in policies.matching(reference[0])}
    if not covering:
        yield AuditFinding("Untrusted", f"no trust policy at hand covers {reference[0]}", ("artifact",))
        return
    for number, evidence in enumerate(package.evidence):
        policy = covering.get(evidence.policy)
        if policy is None:
            message = f"no trust policy {evidence.policy} at hand covers {reference[0]}"
            yield AuditFinding("PolicyChanged", message, ("evidence", number, "policy"))
        else:
            yield from _evidence_findings(evidence, policy, policies, ("evidence", number))
    for name in sorted(covering.keys() - {evidence.policy for evidence in package.evidence}):
        yield AuditFinding(
            "Untrusted", f"{name} covers the artifact too, and the lock contains no evidence for it", ("evidence",)
        )


def _evidence_findings(
    evidence: TrustEvidence, policy: TrustPolicy, policies: TrustPolicies, path: KeyPath
) -> Iterator[AuditFinding]:
    name, authorities = policy.metadata.name, {a.name for a in policy.spec.authorities}
    if policies.digest_of(policy) != evidence.policy_digest:
        yield AuditFinding(
            "PolicyChanged", f"this was locked under a {name} that differs from the one at hand", (*path, "policyDigest")
        )
    if evidence.authority not in authorities:
        yield AuditFinding("Untrusted", f"{evidence.authority} is not an authority of {name}", (*path, "authority"))
    for index, attestation in enumerate(evidence.attestations):
        if attestation.authority not in authorities:
            message = f"{attestation.authority} is not an authority of {name}"
            yield AuditFinding("Untrusted", message, (*path, "attestations", index, "authority"))
    attested = {attestation.predicate_type for attestation in evidence.attestations}
    for required in policy.spec.attestations:
        if required.predicate_type not in attested:
            yield AuditFinding(
                "Untrusted", f"{name} requires an attestation of {required.predicate_type}, and the lock names none", path
            )
