"""Re-checking a commit of `resolved` from nothing but itself and the trust policies: what is not as the lock says.

Whoever audits does not trust the reconciler. So everything that Flux reads is made again from the lock, and must be there byte by
byte: a file that only means the same could mean something else to Flux's older YAML. What the lock does not say (names for
labels, how often Flux looks, how a registry is spoken to) is taken from the tree itself; it decides nothing about what runs.
`requiredBy` is covered by no digest: it tells why a package is there, and not what runs.
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

    Read = Callable[[str], Sequence[Source]]  # the documents of a file of the tree; none when there is no such file

    Write = Callable[..., bytes]  # documents as the reconciler writes them

    Finding = tuple[str, Problem]  # an Application's name, or an empty one, and what is wrong


@dataclass(frozen=True)
class AuditFinding:
    """What is wrong with a package, and where in it; a Problem, once it is known where that stands in the lock."""

    code: str
    message: str
    way: KeyPath


@dataclass(frozen=True)
class LockedSignature:
    """One signature or attestation that a lock names.

    Attributes:
        signer: who must have made it.
        manifest: digest of the manifest that holds it.
        predicate_type: cosign's for signatures, or the attestation's.
        way: where in its package it is named.
        most: the worst that a vulnerability scan may have found; None for all others.
    """

    signer: Signer
    manifest: str
    predicate_type: str
    way: KeyPath
    most: Severity | None = None


def proofs(package: Package, policies: TrustPolicies) -> Iterator[LockedSignature]:
    """All that cosign has to judge of a package: what its evidence names, by the authorities as the policies at hand have them.

    What names a policy or an authority that is not there is told by `audit_lock`, and cannot be judged.
    """
    for number, evidence in enumerate(package.evidence):
        policy = policies.named(evidence.policy)
        signers = {a.name: policies.signer(a) for a in policy.spec.authorities} if policy else {}
        way: KeyPath = ("evidence", number)
        if evidence.authority in signers:
            yield LockedSignature(signers[evidence.authority], evidence.signature, PREDICATE, (*way, "signature"))
        most = {a.predicate_type: a.max_severity for a in policy.spec.attestations} if policy else {}
        for index, one in enumerate(evidence.attestations):
            if one.authority in signers:
                where = (*way, "attestations", index, "signature")
                limit = most.get(one.predicate_type)
                yield LockedSignature(signers[one.authority], one.signature, one.predicate_type, where, limit)


def audit_lock(source: Source, lock: EnvironmentLock, policies: TrustPolicies) -> Iterator[Finding]:
    """What of a lock does not fit itself or the policies at hand; signatures are judged elsewhere.

    Args:
        source: the lock's file, for places.
        lock: the same, read.
        policies: those to hold it against.
    """
    seen = set[str]()
    for index, package in enumerate(lock.packages):
        if package.application in seen:
            way: KeyPath = ("packages", index, "application")
            yield package.application, source.problem("Duplicate", f"{package.application} is locked twice", way)
        seen.add(package.application)
        for gap in (*_of_package(package), *_of_policies(package, policies)):
            yield package.application, finding_problem(gap, source, index)


def finding_problem(gap: AuditFinding, source: Source, index: int) -> Problem:
    """A gap in a package as a problem in the lock's file, of which it is the `index`th."""
    return source.problem(gap.code, gap.message, ("packages", index, *gap.way), at_value=True)


def _of_package(package: Package) -> Iterator[AuditFinding]:
    place = parse_artifact(package)
    if place is None:
        yield AuditFinding("ArtifactDiffers", "this is no artifact: oci://host/path@sha256:<64 digits>", ("artifact",))
    elif place[0].rpartition("/")[2] != package.blueprint:
        yield AuditFinding("ArtifactDiffers", f"this is no artifact of {package.blueprint}", ("artifact",))
    entry = entry_digest(package.model_dump())
    if entry != package.entry:
        yield AuditFinding("EntryDiffers", f"the artifact, values, dependsOn, placements and suspend come to {entry}", ("entry",))


def _of_policies(package: Package, policies: TrustPolicies) -> Iterator[AuditFinding]:
    place = parse_artifact(package)
    if place is None:
        return
    covering = {p.metadata.name: p for p in policies.matching(place[0])}
    if not covering:
        yield AuditFinding("Untrusted", f"no trust policy at hand covers {place[0]}", ("artifact",))
        return
    for number, evidence in enumerate(package.evidence):
        policy = covering.get(evidence.policy)
        if policy is None:
            message = f"no trust policy {evidence.policy} at hand covers {place[0]}"
            yield AuditFinding("PolicyChanged", message, ("evidence", number, "policy"))
        else:
            yield from _of_evidence(evidence, policy, policies, ("evidence", number))
    for name in sorted(covering.keys() - {evidence.policy for evidence in package.evidence}):
        yield AuditFinding("Untrusted", f"{name} covers the artifact too, and the lock holds no evidence for it", ("evidence",))


def _of_evidence(evidence: TrustEvidence, policy: TrustPolicy, policies: TrustPolicies, way: KeyPath) -> Iterator[AuditFinding]:
    name, authorities = policy.metadata.name, {a.name for a in policy.spec.authorities}
    if policies.digest_of(policy) != evidence.policy_digest:
        yield AuditFinding("PolicyChanged", f"this was locked under another {name} than the one at hand", (*way, "policyDigest"))
    if evidence.authority not in authorities:
        yield AuditFinding("Untrusted", f"{evidence.authority} is no authority of {name}", (*way, "authority"))
    for index, one in enumerate(evidence.attestations):
        if one.authority not in authorities:
            message = f"{one.authority} is no authority of {name}"
            yield AuditFinding("Untrusted", message, (*way, "attestations", index, "authority"))
    attested = {one.predicate_type for one in evidence.attestations}
    for wanted in policy.spec.attestations:
        if wanted.predicate_type not in attested:
            yield AuditFinding(
                "Untrusted", f"{name} wants {wanted.predicate_type} attested, and the lock names no such attestation", way
            )
