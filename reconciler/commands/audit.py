"""Audits a commit of `resolved` for people who do not trust the reconciler: it uses nothing that the reconciler remembers.

It reads the tree, the trust policies, and for each package the evidence that its lock names by digest: the artifact's manifest,
and for each signature and attestation its manifest and content. Their location does not matter, since a digest determines the
content; nothing is searched, and no tag is resolved. A registry has the evidence, and so has a folder that an earlier audit
filled: then no registry is queried. cosign alone verifies signatures.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from reconciler.domain.audit.lock_audit import AuditFinding, LockedSignature, audit_lock, finding_problem, proofs
from reconciler.domain.audit.tree_audit import audit_tree, expected_tree
from reconciler.domain.trust.vulnerability_scans import severity_violation
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import MAX_OWN_PARTS, dump, load, load_all
from reconciler.model.artifact import parse_artifact
from reconciler.model.errors import ConfigurationError, IntegrityError, NotFoundError, ReconcilerError, UntrustedError
from reconciler.model.git import Snapshot, SnapshotLimits
from reconciler.model.layout import CLUSTERS_FOLDER, LOCK_FILE, RESOLVED
from reconciler.model.lock import ChartPin, EnvironmentLock, Package
from reconciler.model.problem import Problem
from reconciler.model.trust import PREDICATE
from reconciler.services.verification.artifact_verifier import scan_of
from reconciler.services.verification.signatures import SignatureVerifier, as_candidate, eligible_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.model.source import Source
    from reconciler.services.repository.ports import GitRepository
    from reconciler.services.verification.evidence_store import EvidenceStore

LIMITS = SnapshotLimits(file=32 << 20, total=256 << 20, entries=100_000)  # for 1,000 Applications on tens of clusters


@dataclass(frozen=True)
class PackageAudit:
    """The audit of one package.

    Attributes:
        package: the locked package.
        problems: all its problems, also on its clusters.
        bundles: digests of the valid signatures and attestations, by those of their manifests.
        verified: whether its evidence could be checked; False after a failure of the store or of cosign.
    """

    package: Package
    problems: tuple[Problem, ...]
    bundles: Mapping[str, str]
    verified: bool


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        environment: the Environment's name in the lock; empty when the lock cannot be read.
        commit: the commit of `resolved`; empty for a folder of files.
        rows: all packages.
        problems: the problems of no package.
        fault: the error that ended the verification early.
    """

    environment: str
    commit: str
    rows: tuple[PackageAudit, ...]
    problems: tuple[Problem, ...]
    fault: ReconcilerError | None = None

    @property
    def gaps(self) -> tuple[Problem, ...]:
        """All problems, each once."""
        return tuple(dict.fromkeys((*self.problems, *(problem for row in self.rows for problem in row.problems))))


@dataclass(frozen=True)
class _EvidenceAudit:
    """The findings about a package's evidence, and the digests of valid content, by those of their manifests."""

    gaps: tuple[AuditFinding, ...] = ()
    bundles: Mapping[str, str] = field(default_factory=dict)


def snapshot_of_resolved(folder: Path) -> Snapshot:
    """The files of a checked-out `resolved`, without git's own; symbolic links are not followed.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for file in _walk(folder):
        path = file.relative_to(folder).as_posix()
        if file.is_symlink() or not file.is_file():
            code, description = ("Symlink", "a symbolic link") if file.is_symlink() else ("UnexpectedFile", "not a plain file")
            problems.append(Problem(code=code, message=f"is {description}; only plain files belong here", file=path))
        elif file.stat().st_size > LIMITS.file:
            problems.append(Problem(code="TooLarge", message=f"has more than {LIMITS.file} bytes", file=path))
        else:
            try:
                files[path] = file.read_bytes()
            except OSError as error:
                raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    return Snapshot("", files, tuple(problems))


def snapshot_of_branch(repository: GitRepository, *, signed: bool = False) -> Snapshot:
    """The files at the head of `resolved`; with a problem if it must be signed by the reconciler, and is not.

    Raises:
        NotFoundError: there is no such branch.
        ReconcilerError: the repository could not be read.
    """
    head = repository.heads().get(RESOLVED)
    if head is None:
        hint = "nothing is resolved yet; or, in a clone, run `git checkout resolved` first"
        raise NotFoundError(f"the repository has no branch {RESOLVED}", hint)
    repository.fetch({RESOLVED: head})
    snapshot = repository.read(head, limits=LIMITS)
    if not signed or repository.is_own_commit(repository.commit_of(head)):
        return snapshot
    message = f"{head} of {RESOLVED} has no valid signature of an accepted key"
    problem = Problem(code="ForeignCommit", message=message, file=LOCK_FILE)
    return replace(snapshot, problems=(*snapshot.problems, problem))


def audit(snapshot: Snapshot, policies: TrustPolicies, store: EvidenceStore, cosign: SignatureVerifier) -> AuditReport:
    """Check a commit of `resolved` against itself, the policies, and the evidence that its lock names.

    Never raises a ReconcilerError: one that ends the verification early is reported with the findings until then.
    """
    content = snapshot.files.get(LOCK_FILE)
    if content is None:
        problem = Problem(code="Unreadable", message="does not exist, or is not a plain file", file=LOCK_FILE)
        return AuditReport("", snapshot.commit, (), (problem, *snapshot.problems))
    source = load(content, LOCK_FILE, max_bytes=LIMITS.file, max_parts=MAX_OWN_PARTS)
    lock, lock_problems = parse_document(source, EnvironmentLock)
    if lock is None:
        return AuditReport("", snapshot.commit, (), (*lock_problems, *snapshot.problems))
    problems: dict[str, list[Problem]] = {}
    for application, problem in (*audit_lock(source, lock, policies), *_of_tree(snapshot, lock, policies)):
        problems.setdefault(application, []).append(problem)
    rows, fault = _rows(source, lock, policies, functools.cache(functools.partial(_audit_evidence, store, cosign)))
    return AuditReport(
        environment=lock.metadata.name,
        commit=snapshot.commit,
        rows=tuple(_with(row, problems.get(row.package.application, ())) for row in rows),
        problems=(*problems.get("", ()), *snapshot.problems),
        fault=fault,
    )


def _of_tree(snapshot: Snapshot, lock: EnvironmentLock, policies: TrustPolicies) -> Iterator[tuple[str, Problem]]:
    """The problems of the tree by Application: differences from the tree that the lock gives."""

    @functools.cache
    def read(path: str) -> tuple[Source, ...]:
        return load_all(snapshot.files[path], path) if path in snapshot.files else ()

    paths = (path.split("/") for path in snapshot.files)
    clusters = {parts[1] for parts in paths if parts[0] == CLUSTERS_FOLDER and parts[2:] == ["kustomization.yaml"]}
    return audit_tree(lock, expected_tree(lock, clusters, read, policies.keys), snapshot.files, read, dump)


def _rows(
    source: Source,
    lock: EnvironmentLock,
    policies: TrustPolicies,
    audit_evidence: Callable[[tuple[str, str], ChartPin, tuple[LockedSignature, ...]], _EvidenceAudit],
) -> tuple[list[PackageAudit], ReconcilerError | None]:
    """A row for each package, with the findings about its evidence; after an error no further evidence is requested."""
    rows: list[PackageAudit] = []
    fault = None
    for index, package in enumerate(lock.packages):
        location, signatures = parse_artifact(package), tuple(proofs(package, policies))
        evidence = None
        if location is not None and signatures and fault is None:
            try:
                evidence = audit_evidence(location, package.chart, signatures)
            except ReconcilerError as error:
                fault = error
        reported = evidence or _EvidenceAudit()
        problems = tuple(finding_problem(gap, source, index) for gap in reported.gaps)
        # Without an artifact or an authority there is no evidence to verify; `audit_lock` reports that.
        rows.append(
            PackageAudit(package, problems, reported.bundles, verified=evidence is not None or location is None or not signatures)
        )
    return rows, fault


def _with(row: PackageAudit, problems: Sequence[Problem]) -> PackageAudit:
    return PackageAudit(row.package, (*problems, *row.problems), row.bundles, row.verified)


def _audit_evidence(
    store: EvidenceStore,
    cosign: SignatureVerifier,
    location: tuple[str, str],
    chart: ChartPin,
    signatures: tuple[LockedSignature, ...],
) -> _EvidenceAudit:
    """Verify the evidence of one package.

    Raises ReconcilerErrors other than NotFoundError, IntegrityError and UntrustedError, which are findings.
    """
    repository, digest = location
    gaps: list[AuditFinding] = []
    bundles: dict[str, str] = {}
    try:
        layers = {(layer.digest, layer.media_type) for layer in store.manifest(repository, digest).layers}
        if (chart.digest, chart.media_type) not in layers:
            gaps.append(AuditFinding("ArtifactDiffers", "the artifact has no such chart", ("chart", "digest")))
    except (NotFoundError, IntegrityError) as error:
        gaps.append(AuditFinding("ArtifactDiffers", error.message, ("artifact",)))
    for proof in signatures:
        try:
            bundle = _valid_content(store, cosign, location, proof)
            if bundle is not None:
                bundles[proof.manifest] = bundle
            else:
                what = "signature" if proof.predicate_type == PREDICATE else f"attestation of {proof.predicate_type}"
                gaps.append(
                    AuditFinding(
                        "Untrusted", f"it does not contain a valid {what} of {digest} by {proof.signer.name}", proof.path
                    )
                )
        except (NotFoundError, IntegrityError) as error:
            gaps.append(AuditFinding("SignatureGone", f"the signature cannot be read: {error.message}", proof.path))
        except UntrustedError as error:
            gaps.append(AuditFinding("Untrusted", error.message, proof.path))
    return _EvidenceAudit(tuple(gaps), bundles)


def _valid_content(
    store: EvidenceStore, cosign: SignatureVerifier, location: tuple[str, str], proof: LockedSignature
) -> str | None:
    """The digest of the content that is valid as the evidence named by a lock; None when there is none.

    Raises:
        UntrustedError: a valid vulnerability scan found more than the policy allows.
    """
    repository, digest = location
    for layer in eligible_layers(store.manifest(repository, proof.manifest), proof.predicate_type):
        candidate = as_candidate(proof.manifest, layer, store.blob(repository, layer, limit=layer.size))
        if candidate.is_valid(cosign, digest, proof.signer, proof.predicate_type):
            violation = (
                severity_violation(scan_of(candidate, proof.predicate_type), proof.max_severity)
                if proof.max_severity is not None
                else None
            )
            if violation is not None:
                raise UntrustedError(violation)
            return layer.digest
    return None


def _walk(folder: Path) -> Iterator[Path]:
    """All entries below a folder that are not folders, in order."""

    def stop(error: OSError) -> NoReturn:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from None

    for top, folders, files in os.walk(folder, onerror=stop):
        parent = Path(top)
        yield from (parent / name for name in sorted(files) if (parent, name) != (folder, ".git"))
        yield from (parent / name for name in sorted(folders) if (parent / name).is_symlink())
        folders[:] = sorted(name for name in folders if (parent, name) != (folder, ".git"))
