"""Auditing a commit of `resolved`: made for people who do not trust us, so it needs nothing of what we remember.

What is read is the tree, the trust policies, and for each package the evidence that follows from its lock by digest: the
artifact's manifest, and for each signature and attestation its manifest and its content. Where they come from does not matter,
since a digest tells what they must be; nothing is looked up, and no tag is asked. A registry has them, and so has a folder that
an earlier audit filled: then no registry is asked. cosign alone judges signatures.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
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
    """One package, audited.

    Attributes:
        package: as it is locked.
        problems: all that is wrong with it, on its clusters too.
        bundles: digests of the signatures and attestations themselves, when they hold, by those of their manifests.
        verified: whether the signature could be looked at; False after a fault of the store or of cosign.
    """

    package: Package
    problems: tuple[Problem, ...]
    bundles: Mapping[str, str]
    verified: bool


@dataclass(frozen=True)
class AuditReport:
    """What an audit came to.

    Attributes:
        environment: its name, as the lock says; empty when the lock cannot be read.
        commit: of `resolved`; empty for a folder of files.
        rows: every package.
        problems: what is wrong beside the packages.
        fault: what kept the audit from its end.
    """

    environment: str
    commit: str
    rows: tuple[PackageAudit, ...]
    problems: tuple[Problem, ...]
    fault: ReconcilerError | None = None

    @property
    def gaps(self) -> tuple[Problem, ...]:
        """All that is wrong, each once."""
        return tuple(dict.fromkeys((*self.problems, *(problem for row in self.rows for problem in row.problems))))


@dataclass(frozen=True)
class _Judgement:
    """What is wrong with a package's evidence, and the digests of what holds, by those of their manifests."""

    gaps: tuple[AuditFinding, ...] = ()
    bundles: Mapping[str, str] = field(default_factory=dict)


def snapshot_of_resolved(folder: Path) -> Snapshot:
    """The files of a checked-out `resolved` as they lie there, but git's own; links are not followed. Raises Misconfigured."""
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for file in _walk(folder):
        path = file.relative_to(folder).as_posix()
        if file.is_symlink() or not file.is_file():
            code, what = ("Symlink", "a symbolic link") if file.is_symlink() else ("UnexpectedFile", "no plain file")
            problems.append(Problem(code=code, message=f"is {what}; only plain files belong here", file=path))
        elif file.stat().st_size > LIMITS.file:
            problems.append(Problem(code="TooLarge", message=f"has more than {LIMITS.file} bytes", file=path))
        else:
            try:
                files[path] = file.read_bytes()
            except OSError as error:
                raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    return Snapshot("", files, tuple(problems))


def snapshot_of_branch(repository: GitRepository) -> Snapshot:
    """The files at the head of `resolved`. Raises Missing when there is no such branch, or another ReconcilerError."""
    head = repository.heads().get(RESOLVED)
    if head is None:
        hint = "where nothing is resolved yet there is nothing to audit; in a clone, run `git checkout resolved` first"
        raise NotFoundError(f"the repository has no branch {RESOLVED}", hint)
    repository.fetch({RESOLVED: head})
    return repository.read(head, limits=LIMITS)


def audit(snapshot: Snapshot, policies: TrustPolicies, store: EvidenceStore, cosign: SignatureVerifier) -> AuditReport:
    """Check a commit of `resolved` against itself, the policies, and the evidence that its lock names.

    Never raises a ReconcilerError: what keeps it from its end is told with what was found until then.
    """
    text = snapshot.files.get(LOCK_FILE)
    if text is None:
        problem = Problem(code="Unreadable", message="is not there, or no plain file", file=LOCK_FILE)
        return AuditReport("", snapshot.commit, (), (problem, *snapshot.problems))
    source = load(text, LOCK_FILE, max_bytes=LIMITS.file, max_parts=MAX_OWN_PARTS)
    lock, found = parse_document(source, EnvironmentLock)
    if lock is None:
        return AuditReport("", snapshot.commit, (), (*found, *snapshot.problems))
    problems: dict[str, list[Problem]] = {}
    for application, problem in (*audit_lock(source, lock, policies), *_of_tree(snapshot, lock, policies)):
        problems.setdefault(application, []).append(problem)
    rows, fault = _rows(source, lock, policies, functools.cache(functools.partial(_judge, store, cosign)))
    return AuditReport(
        environment=lock.metadata.name,
        commit=snapshot.commit,
        rows=tuple(_with(row, problems.get(row.package.application, ())) for row in rows),
        problems=(*problems.get("", ()), *snapshot.problems),
        fault=fault,
    )


def _of_tree(snapshot: Snapshot, lock: EnvironmentLock, policies: TrustPolicies) -> Iterator[tuple[str, Problem]]:
    @functools.cache
    def read(path: str) -> tuple[Source, ...]:
        return load_all(snapshot.files[path], path) if path in snapshot.files else ()

    ways = (path.split("/") for path in snapshot.files)
    clusters = {way[1] for way in ways if way[0] == CLUSTERS_FOLDER and way[2:] == ["kustomization.yaml"]}
    return audit_tree(lock, expected_tree(lock, clusters, read, policies.keys), snapshot.files, read, dump)


def _rows(
    source: Source,
    lock: EnvironmentLock,
    policies: TrustPolicies,
    judge: Callable[[tuple[str, str], ChartPin, tuple[LockedSignature, ...]], _Judgement],
) -> tuple[list[PackageAudit], ReconcilerError | None]:
    """A row for each package, with what is wrong with its evidence alone; nobody is asked any more after a fault."""
    rows: list[PackageAudit] = []
    fault = None
    for index, package in enumerate(lock.packages):
        place, named = parse_artifact(package), tuple(proofs(package, policies))
        judgement = None
        if place is not None and named and fault is None:
            try:
                judgement = judge(place, package.chart, named)
            except ReconcilerError as error:
                fault = error
        told = judgement or _Judgement()
        found = tuple(finding_problem(gap, source, index) for gap in told.gaps)
        # without an artifact or an authority there is nothing to judge, and that is told elsewhere
        rows.append(PackageAudit(package, found, told.bundles, verified=judgement is not None or place is None or not named))
    return rows, fault


def _with(row: PackageAudit, problems: Sequence[Problem]) -> PackageAudit:
    return PackageAudit(row.package, (*problems, *row.problems), row.bundles, row.verified)


def _judge(
    store: EvidenceStore, cosign: SignatureVerifier, place: tuple[str, str], chart: ChartPin, named: tuple[LockedSignature, ...]
) -> _Judgement:
    """Look at all the evidence of one package. Raises ReconcilerErrors other than Missing, Corrupt and Untrusted."""
    repository, digest = place
    gaps: list[AuditFinding] = []
    bundles: dict[str, str] = {}
    try:
        layers = {(layer.digest, layer.media_type) for layer in store.manifest(repository, digest).layers}
        if (chart.digest, chart.media_type) not in layers:
            gaps.append(AuditFinding("ArtifactDiffers", "the artifact has no such chart", ("chart", "digest")))
    except (NotFoundError, IntegrityError) as error:
        gaps.append(AuditFinding("ArtifactDiffers", error.message, ("artifact",)))
    for proof in named:
        try:
            bundle = _holding(store, cosign, place, proof)
            if bundle is not None:
                bundles[proof.manifest] = bundle
            else:
                what = "signature" if proof.predicate_type == PREDICATE else f"attestation of {proof.predicate_type}"
                gaps.append(AuditFinding("Untrusted", f"this is no {what} of {digest} by {proof.signer.name}", proof.way))
        except (NotFoundError, IntegrityError) as error:
            gaps.append(AuditFinding("SignatureGone", f"the signature cannot be had: {error.message}", proof.way))
        except UntrustedError as error:
            gaps.append(AuditFinding("Untrusted", error.message, proof.way))
    return _Judgement(tuple(gaps), bundles)


def _holding(store: EvidenceStore, cosign: SignatureVerifier, place: tuple[str, str], proof: LockedSignature) -> str | None:
    """The digest of the content in a manifest that is what a lock names it for; None when nothing is.

    Raises Untrusted for a vulnerability scan that holds and found too much.
    """
    repository, digest = place
    for layer in eligible_layers(store.manifest(repository, proof.manifest), proof.predicate_type):
        one = as_candidate(proof.manifest, layer, store.blob(repository, layer, limit=layer.size))
        if one.is_valid(cosign, digest, proof.signer, proof.predicate_type):
            words = severity_violation(scan_of(one, proof.predicate_type), proof.most) if proof.most is not None else None
            if words is not None:
                raise UntrustedError(words)
            return layer.digest
    return None


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is no folder itself, in order."""

    def stop(error: OSError) -> NoReturn:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from None

    for top, folders, files in os.walk(folder, onerror=stop):
        here = Path(top)
        yield from (here / name for name in sorted(files) if (here, name) != (folder, ".git"))
        yield from (here / name for name in sorted(folders) if (here / name).is_symlink())
        folders[:] = sorted(name for name in folders if (here, name) != (folder, ".git"))
