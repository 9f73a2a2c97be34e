"""Re-checking a commit of `resolved` from nothing but itself and the trust policies: what is not as the lock says.

Whoever audits does not trust the reconciler. So everything that Flux reads is made again from the lock, and must be there byte by
byte: a file that only means the same could mean something else to Flux's older YAML. What the lock does not say (names for
labels, how often Flux looks, how a registry is spoken to) is taken from the tree itself; it decides nothing about what runs.
`requiredBy` is covered by no digest: it tells why a package is there, and not what runs.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.decide.helmrelease import mapping, text_field
from reconciler.decide.pin import entry_digest
from reconciler.decide.render import CLUSTERS_FOLDER, LOCK_FILE, RenderContext, Tree, render
from reconciler.model.base import API_VERSION, Metadata
from reconciler.model.environment import Environment, EnvironmentSpec, Placement
from reconciler.model.problem import Problem
from reconciler.model.trust import PREDICATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.decide.trust import TrustPolicies
    from reconciler.model.lock import EnvironmentLock, Package, TrustEvidence
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


_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_ARTIFACT = re.compile(rf"oci://([A-Za-z0-9.:\[\]-]*[.:][A-Za-z0-9.:\[\]-]*(?:/{_WORD})+)@(sha256:[0-9a-f]{{64}})")
_FITS = 90  # characters of a value in a message


def parse_artifact(package: Package) -> tuple[str, str] | None:
    """The repository (`host/path`) and the digest of a package's artifact; None when it names no such thing."""
    match = _ARTIFACT.fullmatch(package.artifact)
    return (match[1], match[2]) if match else None


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


def expected_tree(lock: EnvironmentLock, clusters: Iterable[str], read: Read, keys: Mapping[str, str]) -> Tree:
    """All files that a lock makes.

    Args:
        lock: what is locked.
        clusters: those that have a folder; one without Applications is told by nothing else.
        read: the tree's files, for what the lock does not say.
        keys: public keys (PEM) by authority, of the policies at hand.
    """
    objects = [(package, *found) for package in lock.packages for found in _objects(package, read)]
    releases = [release for _, _, release in objects]
    labels = [mapping(mapping(release.get("metadata")).get("labels")) for release in releases]
    specs = [mapping(release.get("spec")) for release in releases]
    by_host: dict[str, list[Mapping[str, Any]]] = {}
    for package, repository, _ in objects:
        by_host.setdefault(_host(package), []).append(mapping(repository.get("spec")))
    around = RenderContext(
        sovereign=_usual(text_field(one, "openova.io/sovereign") for one in labels),
        keys=keys,
        plain_http=frozenset(h for h, some in by_host.items() if _usual("y" if s.get("insecure") is True else "" for s in some)),
        pull_secrets={
            h: n for h, some in by_host.items() if (n := _usual(text_field(mapping(s.get("secretRef")), "name") for s in some))
        },
        interval=_usual(text_field(one, "interval") for one in specs),
        timeout=_usual(text_field(one, "timeout") for one in specs),
    )
    names = sorted({*clusters, *(cluster for package in lock.packages for cluster in package.placements)})
    # What stands in its place is not checked here: it goes nowhere but into what the tree is compared with.
    spec = EnvironmentSpec.model_construct(
        organization=_usual(text_field(one, "openova.io/organization") for one in labels),
        env_type="prod",
        placements=[Placement.model_construct(cluster=name, region="") for name in names],
        flux_namespace=lock.flux_namespace,
    )
    metadata = Metadata(name=lock.metadata.name)
    environment = Environment.model_construct(api_version=API_VERSION, kind="Environment", metadata=metadata, spec=spec)
    return {path: documents for path, documents in render(lock, environment, around).items() if path != LOCK_FILE}


def audit_tree(lock: EnvironmentLock, tree: Tree, files: Mapping[str, bytes], read: Read, write: Write) -> Iterator[Finding]:
    """How the files of a commit differ from what its lock makes.

    Args:
        lock: what is locked.
        tree: all that it makes (`expected_tree`).
        files: all that is there.
        read: reads them.
        write: writes documents as the reconciler does.
    """
    owners = {_file(cluster, package): package.application for package in lock.packages for cluster in package.placements}
    for path in sorted({*tree, *files} - {LOCK_FILE}):
        if path not in files:
            problem = Problem(code="TreeDiffers", message="is not there, and the lock makes it", file=path)
        elif path not in tree:
            problem = Problem(code="TreeDiffers", message="is there, and nothing in the lock makes it", file=path)
        elif files[path] != write(*tree[path]):
            problem = _difference(path, tree[path], read(path))
        else:
            continue
        yield owners.get(path, ""), problem


def _objects(package: Package, read: Read) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """A package's OCIRepository and HelmRelease on each cluster, where both are there."""
    for cluster in package.placements:
        documents = {text_field(mapping(one.data), "kind"): mapping(one.data) for one in read(_file(cluster, package))}
        if {"OCIRepository", "HelmRelease"} <= documents.keys():
            yield documents["OCIRepository"], documents["HelmRelease"]


def _file(cluster: str, package: Package) -> str:
    return f"{CLUSTERS_FOLDER}/{cluster}/{package.application}.yaml"


def _host(package: Package) -> str:
    return package.artifact.removeprefix("oci://").partition("/")[0]


def _usual(words: Iterable[str]) -> str:
    """The word that is there most often: one file that was changed must not put the blame on all the others."""
    return next((word for word, _ in Counter(words).most_common(1)), "")


def _difference(path: str, expected: Sequence[Mapping[str, Any]], found: Sequence[Source]) -> Problem:
    """Where a file first differs from the documents that it should hold."""
    hint = "do not change this branch by hand; a commit of another version of the reconciler is audited with that version"
    for source in found:
        if source.problems:
            return source.problems[0]
    for wanted, source in zip(expected, found, strict=False):
        way = _way(wanted, source.data)
        if way is not None:
            what = ".".join(map(str, (wanted.get("kind", ""), *way)))
            message = f"{what} is {_value(source.data, way)}; the lock makes it {_value(wanted, way)}"
            return source.problem("TreeDiffers", message, way, at_value=True, hint=hint)
    message = "says what the lock makes, but in other words, which Flux may read otherwise"
    if len(expected) != len(found):
        message = f"holds {len(found)} documents; the lock makes {len(expected)}"
    return Problem(code="TreeDiffers", message=message, file=path, hint=hint)


def _way(wanted: Any, found: Any) -> KeyPath | None:
    """The way to the first part that differs; None when none does."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in (*wanted, *(key for key in found if key not in wanted)):
            if key not in wanted or key not in found:
                return (key,)
            if (deeper := _way(wanted[key], found[key])) is not None:
                return (key, *deeper)
        return None
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        ways = ((i, _way(*pair)) for i, pair in enumerate(zip(wanted, found, strict=True)))
        return next(((i, *deeper) for i, deeper in ways if deeper is not None), None)
    return None if type(wanted) is type(found) and wanted == found else ()


def _value(data: Any, way: KeyPath) -> str:
    """What stands at the end of a way, as a message may show it."""
    for step in way:
        if isinstance(data, dict) and step not in data:
            return "not there"
        data = data[step]
    words = str(data)
    return words if len(words) <= _FITS else f"{words[: _FITS - 3]}..."
