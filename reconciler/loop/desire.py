"""From a commit of `main` to what `resolved` should hold, or to where that ended: the decisions in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.decide.pin import pin
from reconciler.decide.render import Surroundings, render
from reconciler.decide.report import Hitch
from reconciler.decide.resolve import resolve
from reconciler.decide.validate import APPLICATIONS_FOLDER, ENVIRONMENT_FILE, has_errors, in_order, validate
from reconciler.model.faults import Fault
from reconciler.model.problem import Problem
from reconciler.world import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.decide.catalog import Catalog
    from reconciler.decide.report import Stage
    from reconciler.decide.validate import Wish
    from reconciler.model.lock import EnvironmentLock
    from reconciler.world.git import Snapshot

# What is read of a commit: nothing else in the repository is ours to look at.
WANTED = (ENVIRONMENT_FILE, f"{APPLICATIONS_FOLDER}/*.yaml")


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


def desire(
    snapshot: Snapshot, identity: Identity, prior: EnvironmentLock | None, catalog: Catalog, around: Surroundings
) -> Desired | Hitch:
    """Decide on a commit. Never raises a Fault: what cannot be told now comes back as a Hitch that refuses nothing."""
    sources = {file: documents.load(text, file) for file, text in snapshot.files.items()}
    wish, problems = validate(sources)
    problems = in_order((*problems, *snapshot.problems, *(_identity(wish, identity) if wish else ())))
    if wish is None or has_errors(problems):
        return refusal("Valid", problems)
    try:
        resolution, found = resolve(wish, {p.application: p for p in prior.packages} if prior else {}, catalog)
    except Fault as fault:
        return outside("Resolved", fault)
    if resolution is None:
        return refusal("Resolved", in_order(found))
    lock, found = pin(wish, resolution)
    if lock is None:
        return refusal("Resolved", in_order(found))
    tree = render(lock, wish.environment, around)
    return Desired(lock, {path: documents.dump(*contents) for path, contents in tree.items()}, problems)


def refusal(stage: Stage, problems: tuple[Problem, ...]) -> Hitch:
    """A Hitch for a commit that is at fault itself."""
    errors = [p for p in problems if p.severity == "error"]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Hitch(stage, refused=True, reason=errors[0].code, message=f"{errors[0]}{more}", problems=tuple(errors))


def outside(stage: Stage, fault: Fault) -> Hitch:
    """A Hitch for something outside the commit, after which it is tried again."""
    return Hitch(stage, refused=False, reason=kind_of(fault), message=str(fault))


def kind_of(fault: Fault) -> str:
    """The word for a Fault's kind: one of those in `model.faults`, whatever a module calls its own finer ones."""
    return next(kind.__name__ for kind in type(fault).__mro__ if Fault in kind.__bases__ or kind is Fault)


def _identity(wish: Wish, identity: Identity) -> Iterable[Problem]:
    environment = wish.environment
    if environment.metadata.name != identity.name:
        message = f"this repository is the Environment {identity.name}, but environment.yaml says {environment.metadata.name}"
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
    if identity.organization not in {None, environment.spec.organization}:
        message = f"this repository belongs to {identity.organization}, but environment.yaml says {environment.spec.organization}"
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
