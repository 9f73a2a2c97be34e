"""Computes the desired tree of `resolved` from a commit of `main`, or the blocker at which that ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.domain.blocker import refused, unavailable
from reconciler.domain.locking.lock_builder import build_lock
from reconciler.domain.locking.reinstallation import unconfirmed_reinstalls
from reconciler.domain.locking.removals import suspended_removals, with_removals
from reconciler.domain.rendering.budget import MAX_STORED_BYTES, budget_problem, oversized_applications
from reconciler.domain.rendering.flux_objects import RenderContext, duplicate_objects, render
from reconciler.domain.resolution.resolver import resolve
from reconciler.domain.validation.environment import validate
from reconciler.formats.yaml import documents
from reconciler.model.errors import ReconcilerError
from reconciler.model.layout import ENVIRONMENT_FILE, LOCK_FILE, application_file
from reconciler.model.lock import packages_of
from reconciler.model.problem import Problem, has_errors, sort_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from reconciler.domain.blocker import Refused, Unavailable
    from reconciler.domain.catalog import Catalog
    from reconciler.domain.resolution.resolver import Resolution
    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.git import Snapshot
    from reconciler.model.lock import ClusterNamespace, EnvironmentLock, Package
    from reconciler.model.source import Source


_OVERSIZED: Final = (
    f"its values would take {{}} KiB in the API server, with the names of their fields; an API server stores at most "
    f"{MAX_STORED_BYTES >> 10} KiB of one HelmRelease's"
)
_OVERSIZED_HINT: Final = "move large texts out of config, into the chart or into ConfigMaps that it refers to"
_CONFLICT_HINT = "give it another name; two repositories of one Environment cannot share what they install"


@dataclass(frozen=True)
class DesiredState:
    """The desired state that follows from a commit of `main`.

    Attributes:
        lock: every package, pinned.
        files: the whole tree of `resolved`, by path.
        warnings: problems that do not refuse the commit.
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
    upgrade: Collection[str] = (),
    preferences: Mapping[str, Package] | None = None,
) -> DesiredState | Refused | Unavailable:
    """Computes the desired state of a commit of `main`: validate, resolve, lock, render, claim Namespaces.

    It never raises a ReconcilerError: an outside failure is returned as Unavailable.

    Args:
        snapshot: the files of the commit.
        identity: the name and Organization that the Environment must have.
        prior: the last good lock, of what is installed; None when nothing is.
        catalog: the Blueprints that can be installed.
        context: the settings for rendering.
        acquire_namespaces: claims the Namespaces that a lock needs, and returns those claimed by another Environment, with its
            name (`services.planning.namespace_claims`).
        upgrade: the Applications that were requested to move within their ranges.
        preferences: reviewed packages to prefer, by Application; None to prefer those of the last good lock.
    """
    sources = {file: documents.load_cached(text, file) for file, text in snapshot.files.items()}
    validated, problems = validate(sources)
    problems = sort_problems((*problems, *snapshot.problems, *(_identity_problems(validated, identity) if validated else ())))
    if validated is None or has_errors(problems):
        return refused("Valid", problems)
    try:
        resolution, conflicts = resolve(validated, packages_of(prior), catalog, upgrade, preferences)
    except ReconcilerError as error:
        return unavailable("Resolved", error)
    if resolution is None:
        return refused("Resolved", sort_problems(conflicts))
    lock, conflicts = build_lock(validated, resolution, context.locked)
    if lock is None:
        return refused("Resolved", sort_problems(conflicts))
    losses = tuple(_reinstall_problems(sources, validated, resolution, prior, lock))
    if losses := losses or tuple(_suspended_removals(validated, prior, lock)):
        return refused("Resolved", sort_problems(losses))
    lock = with_removals(prior, lock)
    if too_large := tuple(_size_problems(sources, validated, resolution, lock)):
        return refused("Resolved", sort_problems(too_large))
    tree = render(lock, context)
    duplicates = tuple(
        _problem(sources, validated, resolution, "Duplicate", application, message)
        for application, message in duplicate_objects(tree)
    )
    if duplicates:
        return refused("Resolved", sort_problems(duplicates))
    try:
        claimed = acquire_namespaces(lock)
    except ReconcilerError as error:
        return unavailable("Resolved", error)
    if claimed:
        return refused(
            "Resolved",
            sort_problems(
                _problem(
                    sources,
                    validated,
                    resolution,
                    "Taken",
                    namespace,
                    f"the Namespace {namespace} on {cluster} is held by {holder}",
                )
                for (cluster, namespace), holder in sorted(claimed.items())
            ),
        )
    files = {path: documents.dump(*contents) for path, contents in tree.items()}
    return DesiredState(lock, files, sort_problems((*problems, *resolution.warnings)))


def _size_problems(
    sources: Mapping[str, Source], validated: ValidatedInput, resolution: Resolution, lock: EnvironmentLock
) -> Iterator[Problem]:
    """Yields the problems of a lock of which more would be rendered than can be written, stored and applied."""
    if too_many := budget_problem(lock):
        hint = "use fewer placements, split the Environment, or move large texts out of config"
        yield sources[ENVIRONMENT_FILE].problem("TooMany", too_many, ("spec", "placements"), hint=hint)
        return
    for application, size in oversized_applications(lock).items():
        message = _OVERSIZED.format(size >> 10)
        yield _problem(sources, validated, resolution, "TooLarge", application, message, hint=_OVERSIZED_HINT)


def _problem(
    sources: Mapping[str, Source],
    validated: ValidatedInput,
    resolution: Resolution,
    code: str,
    application: str,
    message: str,
    *,
    hint: str = _CONFLICT_HINT,
) -> Problem:
    """Returns a problem with an Application's objects on a cluster, located in the document that declares it."""
    choice = resolution.choices.get(application)
    if choice is None:  # the Namespace of Flux's own objects
        return sources[ENVIRONMENT_FILE].problem(code, message, ("spec", "fluxNamespace"), hint=_CONFLICT_HINT)
    source = validated.declared[choice.chain[0]].source
    path = ("metadata", "name") if application in validated.declared else ("spec", "blueprint")
    return source.problem(code, message, path, at_value=application in validated.declared, hint=hint)


def _reinstall_problems(
    sources: Mapping[str, Source],
    validated: ValidatedInput,
    resolution: Resolution,
    prior: EnvironmentLock | None,
    lock: EnvironmentLock,
) -> Iterable[Problem]:
    for application, message, hint in unconfirmed_reinstalls(prior, lock, validated.environment.spec.reinstall):
        if prior is not None and prior.flux_namespace != lock.flux_namespace:
            path = ("spec", "fluxNamespace")
            yield sources[ENVIRONMENT_FILE].problem("Reinstall", message, path, at_value=True, hint=hint)
        else:
            source = validated.declared[resolution.choices[application].chain[0]].source
            yield source.problem("Reinstall", message, ("spec", "blueprint"), hint=hint)


def _suspended_removals(validated: ValidatedInput, prior: EnvironmentLock | None, lock: EnvironmentLock) -> Iterable[Problem]:
    for application, message, hint in suspended_removals(prior, lock):
        declared = validated.declared.get(application)
        if declared is None:
            yield Problem(code="SuspendedRemoval", message=message, hint=hint, file=application_file(application))
        else:
            yield declared.source.problem("SuspendedRemoval", message, ("spec", "placement"), hint=hint)


def _identity_problems(validated: ValidatedInput, identity: EnvironmentIdentity) -> Iterable[Problem]:
    environment = validated.environment
    if environment.metadata.name != identity.name:
        message = f"this repository is the Environment {identity.name}, but environment.yaml names {environment.metadata.name}"
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
    if identity.organization not in {None, environment.spec.organization}:
        message = (
            f"this repository belongs to {identity.organization}, but environment.yaml names {environment.spec.organization}"
        )
        yield Problem(code="NameMismatch", message=message, file=ENVIRONMENT_FILE, line=1, column=1)
