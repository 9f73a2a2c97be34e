"""From a commit of `main` to what `resolved` should hold, or to where that ended: the decisions in their order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.decide.blocker import refused, unavailable
from reconciler.decide.pin import pin
from reconciler.decide.render import LOCK_FILE, Surroundings, doubles, render
from reconciler.decide.resolve import resolve
from reconciler.decide.reviewed import packages_of
from reconciler.decide.validate import APPLICATIONS_FOLDER, ENVIRONMENT_FILE, has_errors, in_order, validate
from reconciler.model.canonical import digest_of
from reconciler.model.faults import Fault
from reconciler.model.problem import Problem
from reconciler.world import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from reconciler.decide.blocker import Refused, Unavailable
    from reconciler.decide.catalog import Catalog
    from reconciler.decide.resolve import Resolution
    from reconciler.decide.validate import Wish
    from reconciler.loop.claims import Place
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.source import Source
    from reconciler.world.git import Snapshot

# What is read of a commit: nothing else in the repository is ours to look at.
WANTED = (ENVIRONMENT_FILE, f"{APPLICATIONS_FOLDER}/*.yaml")


_TAKEN_HINT = "give it another name; two repositories of one Environment cannot share what they install"


@dataclass(frozen=True)
class Identity:
    """Who an Environment must say it is: a repository cannot claim to be another's.

    Attributes:
        name: its name.
        organization: its Organization, where the repository's owner tells it; None where the configuration names it.
    """

    name: str
    organization: str | None = None


@dataclass(frozen=True)
class Desired:
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


def input_of(snapshot: Snapshot) -> str:
    """A digest over all that people wrote, by which a plan is known again once it is merged."""
    lines = (f"{hashlib.sha256(text).hexdigest()} {file}\n" for file, text in sorted(snapshot.files.items()))
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def diff_of(before: Snapshot, after: Snapshot) -> str:
    """A digest over what people change between two commits: which documents, from what to what, and nothing of the others.

    Comments, and how a document is written, make no difference.
    """
    lines = (f"{content_of(name, before)} {new} {name}\n" for name, new in changes_of(before, after).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32]


def changes_of(before: Snapshot, after: Snapshot) -> Mapping[str, str]:
    """The documents that people change between two commits, sorted, each with its new content (as `content_of` has it)."""
    names = sorted({*before.files, *after.files})
    return {name: content_of(name, after) for name in names if content_of(name, before) != content_of(name, after)}


def content_of(file: str, snapshot: Snapshot) -> str:
    """A digest over what a document says, whatever its comments and its form; `-` when it is not there."""
    if (text := snapshot.files.get(file)) is None:
        return "-"
    source = documents.recall(text, file)
    return hashlib.sha256(text).hexdigest() if source.problems else digest_of(source.data)


def desire(
    snapshot: Snapshot,
    identity: Identity,
    prior: EnvironmentLock | None,
    catalog: Catalog,
    around: Surroundings,
    take: Callable[[EnvironmentLock], Mapping[Place, str]],
    *,
    free: Collection[str] = (),
    kept: Mapping[str, Package] | None = None,
) -> Desired | Refused | Unavailable:
    """Compute what a commit of `main` comes to. Never raises a Fault: an outside failure comes back as Unavailable.

    Args:
        snapshot: what people wrote.
        identity: who the Environment must say it is.
        prior: the last good lock: what is installed.
        catalog: what can be installed.
        around: what rendering needs to know.
        take: asks for the Namespaces that a lock needs, and gives those that another Environment holds (`loop.claims`).
        free: Applications that somebody asked to move within their ranges.
        kept: the packages that stay where they can, since people reviewed them, by Application; None for the last good lock's.
    """
    sources = {file: documents.recall(text, file) for file, text in snapshot.files.items()}
    wish, problems = validate(sources)
    problems = in_order((*problems, *snapshot.problems, *(_identity(wish, identity) if wish else ())))
    if wish is None or has_errors(problems):
        return refused("Valid", problems)
    try:
        resolution, found = resolve(wish, packages_of(prior), catalog, free, kept)
    except Fault as fault:
        return unavailable("Resolved", fault)
    if resolution is None:
        return refused("Resolved", in_order(found))
    lock, found = pin(wish, resolution)
    if lock is None:
        return refused("Resolved", in_order(found))
    tree = render(lock, wish.environment, around)
    found = tuple(_problem(sources, wish, resolution, "Duplicate", one, words) for one, words in doubles(tree))
    if found:
        return refused("Resolved", in_order(found))
    try:
        taken = take(lock)
    except Fault as fault:
        return unavailable("Resolved", fault)
    if taken:
        told = [
            (place[1], f"the Namespace {place[1]} on {place[0]} is held by {other}") for place, other in sorted(taken.items())
        ]
        return refused("Resolved", in_order(_problem(sources, wish, resolution, "Taken", *one) for one in told))
    files = {path: documents.dump(*contents) for path, contents in tree.items()}
    return Desired(lock, files, in_order((*problems, *resolution.warnings)))


def _problem(
    sources: Mapping[str, Source], wish: Wish, resolution: Resolution, code: str, application: str, words: str
) -> Problem:
    """A problem with what an Application would be on a cluster, in the file from which it came."""
    choice = resolution.choices.get(application)
    if choice is None:  # the Namespace where Flux looks
        return sources[ENVIRONMENT_FILE].problem(code, words, ("spec", "fluxNamespace"), hint=_TAKEN_HINT)
    source = wish.declared[choice.chain[0]].source
    way = ("metadata", "name") if application in wish.declared else ("spec", "blueprint")
    return source.problem(code, words, way, at_value=application in wish.declared, hint=_TAKEN_HINT)


def _identity(wish: Wish, identity: Identity) -> Iterable[Problem]:
    environment = wish.environment
    if environment.metadata.name != identity.name:
        message = f"this repository is the Environment {identity.name}, but environment.yaml says {environment.metadata.name}"
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
    if identity.organization not in {None, environment.spec.organization}:
        message = f"this repository belongs to {identity.organization}, but environment.yaml says {environment.spec.organization}"
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
