"""From a commit of `main` to what `resolved` should hold, or to where that ended: the decisions in their order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.domain.blocker import refused, unavailable
from reconciler.domain.locking.lock_builder import build_lock
from reconciler.domain.rendering.flux_objects import RenderContext, duplicate_objects, render
from reconciler.domain.resolution.resolver import resolve
from reconciler.domain.validation.environment import validate
from reconciler.formats.yaml import documents
from reconciler.model.errors import ReconcilerError
from reconciler.model.layout import ENVIRONMENT_FILE, LOCK_FILE
from reconciler.model.lock import packages_of
from reconciler.model.problem import Problem, has_errors, sort_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from reconciler.domain.blocker import Refused, Unavailable
    from reconciler.domain.catalog import Catalog
    from reconciler.domain.resolution.resolver import Resolution
    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.git import Snapshot
    from reconciler.model.lock import ClusterNamespace, EnvironmentLock, Package
    from reconciler.model.source import Source


_TAKEN_HINT = "give it another name; two repositories of one Environment cannot share what they install"


@dataclass(frozen=True)
class DesiredState:
    """What a commit of `main` comes to.

    Attributes:
        lock: every package, pinned.
        files: the whole tree of `resolved`, by path.
        warnings: problems that do not refuse it.
    """

    lock: EnvironmentLock
    files: Mapping[str, bytes]
    warnings: tuple[Problem, ...] = ()

    @property
    def digest(self) -> str:
        """The lock file's digest."""
        return "sha256:" + hashlib.sha256(self.files[LOCK_FILE]).hexdigest()


def compute_desired_state(
    snapshot: Snapshot,
    identity: EnvironmentIdentity,
    prior: EnvironmentLock | None,
    catalog: Catalog,
    context: RenderContext,
    acquire_namespaces: Callable[[EnvironmentLock], Mapping[ClusterNamespace, str]],
    *,
    free: Collection[str] = (),
    kept: Mapping[str, Package] | None = None,
) -> DesiredState | Refused | Unavailable:
    """Compute what a commit of `main` comes to. Never raises a ReconcilerError: an outside failure comes back as Unavailable.

    Args:
        snapshot: what people wrote.
        identity: who the Environment must say it is.
        prior: the last good lock: what is installed.
        catalog: what can be installed.
        context: what rendering needs to know.
        acquire_namespaces: asks for the Namespaces that a lock needs, and gives those that another Environment holds
            (`services.planning.namespace_claims`).
        free: Applications that somebody asked to move within their ranges.
        kept: the packages that stay where they can, since people reviewed them, by Application; None for the last good lock's.
    """
    sources = {file: documents.load_cached(text, file) for file, text in snapshot.files.items()}
    wish, problems = validate(sources)
    problems = sort_problems((*problems, *snapshot.problems, *(_identity(wish, identity) if wish else ())))
    if wish is None or has_errors(problems):
        return refused("Valid", problems)
    try:
        resolution, found = resolve(wish, packages_of(prior), catalog, free, kept)
    except ReconcilerError as fault:
        return unavailable("Resolved", fault)
    if resolution is None:
        return refused("Resolved", sort_problems(found))
    lock, found = build_lock(wish, resolution)
    if lock is None:
        return refused("Resolved", sort_problems(found))
    tree = render(lock, wish.environment, context)
    found = tuple(_problem(sources, wish, resolution, "Duplicate", one, words) for one, words in duplicate_objects(tree))
    if found:
        return refused("Resolved", sort_problems(found))
    try:
        taken = acquire_namespaces(lock)
    except ReconcilerError as fault:
        return unavailable("Resolved", fault)
    if taken:
        told = [
            (place[1], f"the Namespace {place[1]} on {place[0]} is held by {other}") for place, other in sorted(taken.items())
        ]
        return refused("Resolved", sort_problems(_problem(sources, wish, resolution, "Taken", *one) for one in told))
    files = {path: documents.dump(*contents) for path, contents in tree.items()}
    return DesiredState(lock, files, sort_problems((*problems, *resolution.warnings)))


def _problem(
    sources: Mapping[str, Source], wish: ValidatedInput, resolution: Resolution, code: str, application: str, words: str
) -> Problem:
    """A problem with what an Application would be on a cluster, in the file from which it came."""
    choice = resolution.choices.get(application)
    if choice is None:  # the Namespace where Flux looks
        return sources[ENVIRONMENT_FILE].problem(code, words, ("spec", "fluxNamespace"), hint=_TAKEN_HINT)
    source = wish.declared[choice.chain[0]].source
    way = ("metadata", "name") if application in wish.declared else ("spec", "blueprint")
    return source.problem(code, words, way, at_value=application in wish.declared, hint=_TAKEN_HINT)


def _identity(wish: ValidatedInput, identity: EnvironmentIdentity) -> Iterable[Problem]:
    environment = wish.environment
    if environment.metadata.name != identity.name:
        message = f"this repository is the Environment {identity.name}, but environment.yaml says {environment.metadata.name}"
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
    if identity.organization not in {None, environment.spec.organization}:
        message = f"this repository belongs to {identity.organization}, but environment.yaml says {environment.spec.organization}"
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
