"""Auditing a commit of `resolved`: made for people who do not trust us, so it needs nothing of what we remember.

What is read is the tree, the trust policies, and for each package three pieces of evidence that follow from its lock by digest:
the artifact's manifest, the signature's manifest, and the signature in it. Where they come from does not matter, since a digest
tells what they must be; nothing is looked up, and no tag is asked. A registry has them, and so has a folder that an earlier audit
filled: then no registry is asked. cosign alone judges the signature.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from reconciler.decide.audit import Gap, key_of, of_lock, of_tree, place_of, problem_of, tree_of
from reconciler.decide.render import CLUSTERS_FOLDER, LOCK_FILE
from reconciler.decide.shape import shape
from reconciler.loop.branches import RESOLVED
from reconciler.loop.evidence import BUNDLE_LIMIT, LEGACY_LIMIT, LEGACY_SIGNATURE
from reconciler.model.faults import Corrupt, Fault, Misconfigured, Missing
from reconciler.model.lock import ChartPin, EnvironmentLock, Evidence, Package
from reconciler.model.problem import Problem
from reconciler.world.documents import MAX_OWN_PARTS, dump, load, load_all
from reconciler.world.git import Limits, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.decide.trust import Policies
    from reconciler.loop.kept import Store
    from reconciler.model.source import Source
    from reconciler.world.git import Repository

LIMITS = Limits(file=32 << 20, total=256 << 20, entries=100_000)  # for 1,000 Applications on tens of clusters


class Judge(Protocol):
    """What of cosign is needed (`world.cosign.Cosign`)."""

    def verify_bundle(self, bundle: bytes, digest: str, public_key: str) -> bool:
        """Whether a bundle is a signature of `digest` by this key."""

    def verify_legacy(self, payload: bytes, signature: str, digest: str, public_key: str) -> bool:
        """Whether an old signature over a payload is one of `digest` by this key."""


@dataclass(frozen=True)
class Row:
    """One package, audited.

    Attributes:
        package: as it is locked.
        problems: all that is wrong with it, on its clusters too.
        bundle: digest of the signature itself, when it holds.
        judged: whether the signature could be looked at; False after a fault of the store or of cosign.
    """

    package: Package
    problems: tuple[Problem, ...]
    bundle: str | None
    judged: bool


@dataclass(frozen=True)
class Audit:
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
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    fault: Fault | None = None

    @property
    def gaps(self) -> tuple[Problem, ...]:
        """All that is wrong, each once."""
        return tuple(dict.fromkeys((*self.problems, *(problem for row in self.rows for problem in row.problems))))


@dataclass(frozen=True)
class _Judgement:
    """What is wrong with a package's evidence, and the digest of the signature that holds."""

    gaps: tuple[Gap, ...] = ()
    bundle: str | None = None


def in_folder(folder: Path) -> Snapshot:
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
                raise Misconfigured(f"{file} cannot be read: {error.strerror}") from None
    return Snapshot("", files, tuple(problems))


def in_repository(repository: Repository) -> Snapshot:
    """The files at the head of `resolved`. Raises Missing when there is no such branch, or another Fault."""
    head = repository.heads().get(RESOLVED)
    if head is None:
        hint = "where nothing is resolved yet there is nothing to audit; in a clone, run `git checkout resolved` first"
        raise Missing(f"the repository has no branch {RESOLVED}", hint)
    repository.fetch({RESOLVED: head})
    return repository.read(head, limits=LIMITS)


def audit(snapshot: Snapshot, policies: Policies, store: Store, cosign: Judge) -> Audit:
    """Check a commit of `resolved` against itself, the policies, and the evidence that its lock names.

    Never raises a Fault: what keeps it from its end is told with what was found until then.
    """
    text = snapshot.files.get(LOCK_FILE)
    if text is None:
        problem = Problem(code="Unreadable", message="is not there, or no plain file", file=LOCK_FILE)
        return Audit("", snapshot.commit, (), (problem, *snapshot.problems))
    source = load(text, LOCK_FILE, max_bytes=LIMITS.file, max_parts=MAX_OWN_PARTS)
    lock, found = shape(source, EnvironmentLock)
    if lock is None:
        return Audit("", snapshot.commit, (), (*found, *snapshot.problems))
    problems: dict[str, list[Problem]] = {}
    for application, problem in (*of_lock(source, lock, policies), *_of_tree(snapshot, lock, policies)):
        problems.setdefault(application, []).append(problem)
    rows, fault = _rows(source, lock, policies, functools.cache(functools.partial(_judge, store, cosign)))
    return Audit(
        environment=lock.metadata.name,
        commit=snapshot.commit,
        rows=tuple(_with(row, problems.get(row.package.application, ())) for row in rows),
        problems=(*problems.get("", ()), *snapshot.problems),
        fault=fault,
    )


def _of_tree(snapshot: Snapshot, lock: EnvironmentLock, policies: Policies) -> Iterator[tuple[str, Problem]]:
    @functools.cache
    def read(path: str) -> tuple[Source, ...]:
        return load_all(snapshot.files[path], path) if path in snapshot.files else ()

    ways = (path.split("/") for path in snapshot.files)
    clusters = {way[1] for way in ways if way[0] == CLUSTERS_FOLDER and way[2:] == ["kustomization.yaml"]}
    return of_tree(lock, tree_of(lock, clusters, read, policies.keys), snapshot.files, read, dump)


def _rows(
    source: Source,
    lock: EnvironmentLock,
    policies: Policies,
    judge: Callable[[tuple[str, str], ChartPin, Evidence, str], _Judgement],
) -> tuple[list[Row], Fault | None]:
    """A row for each package, with what is wrong with its evidence alone; nobody is asked any more after a fault."""
    rows: list[Row] = []
    fault = None
    for index, package in enumerate(lock.packages):
        place, key = place_of(package), key_of(package, policies)
        judgement = None
        if place is not None and key is not None and fault is None:
            try:
                judgement = judge(place, package.chart, package.evidence, key)
            except Fault as error:
                fault = error
        told = judgement or _Judgement()
        found = tuple(problem_of(gap, source, index) for gap in told.gaps)
        # without an artifact or a key there is nothing to judge, and that is told elsewhere
        rows.append(Row(package, found, told.bundle, judged=judgement is not None or place is None or key is None))
    return rows, fault


def _with(row: Row, problems: Sequence[Problem]) -> Row:
    return Row(row.package, (*problems, *row.problems), row.bundle, row.judged)


def _judge(store: Store, cosign: Judge, place: tuple[str, str], chart: ChartPin, evidence: Evidence, key: str) -> _Judgement:
    """Look at the three pieces of evidence of one package. Raises Faults other than Missing and Corrupt."""
    repository, digest = place
    gaps: list[Gap] = []
    try:
        layers = {(layer.digest, layer.media_type) for layer in store.manifest(repository, digest).layers}
        if (chart.digest, chart.media_type) not in layers:
            gaps.append(Gap("ArtifactDiffers", "the artifact has no such chart", ("chart", "digest")))
    except (Missing, Corrupt) as error:
        gaps.append(Gap("ArtifactDiffers", error.message, ("artifact",)))
    bundle, at = None, ("evidence", "signature")
    try:
        bundle = _holding(store, cosign, place, evidence.signature, key)
        if bundle is None:
            message = f"this is no signature of {digest} by the key of {evidence.authority}"
            gaps.append(Gap("Untrusted", message, at))
    except (Missing, Corrupt) as error:
        gaps.append(Gap("SignatureGone", f"the signature cannot be had: {error.message}", at))
    return _Judgement(tuple(gaps), bundle)


def _holding(store: Store, cosign: Judge, place: tuple[str, str], signature: str, key: str) -> str | None:
    """The digest of the content in a signature's manifest that is a signature by this key; None when nothing is.

    What a layer says of its type is not asked: cosign judges its content, within limits of its own.
    """
    repository, digest = place
    usable = [layer for layer in store.manifest(repository, signature).layers if layer.size <= BUNDLE_LIMIT]
    for layer in usable[:LEGACY_LIMIT]:
        content = store.blob(repository, layer, limit=BUNDLE_LIMIT)
        legacy = layer.annotations.get(LEGACY_SIGNATURE)
        if legacy is None:
            holds = cosign.verify_bundle(content, digest, key)
        else:
            holds = cosign.verify_legacy(content, legacy, digest, key)
        if holds:
            return layer.digest
    return None


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is no folder itself, in order."""

    def stop(error: OSError) -> NoReturn:
        raise Misconfigured(f"{error.filename} cannot be read: {error.strerror}") from None

    for top, folders, files in os.walk(folder, onerror=stop):
        here = Path(top)
        yield from (here / name for name in sorted(files) if (here, name) != (folder, ".git"))
        yield from (here / name for name in sorted(folders) if (here / name).is_symlink())
        folders[:] = sorted(name for name in folders if (here, name) != (folder, ".git"))
