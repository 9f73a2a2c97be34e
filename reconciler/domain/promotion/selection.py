"""Selects the versions that run in one Environment, are ready there, and can be pinned in another.

Only versions are promoted. Config, size and placement are each Environment's own, so an Application that the other does not
declare is reported and not added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.domain.locking.dependency_graph import is_declared
from reconciler.domain.versions import satisfies
from reconciler.model.blueprint import blueprint_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from reconciler.domain.validation.environment import DeclaredApplication
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.source import KeyPath, Location
    from reconciler.model.status import ApplicationStatus, EnvironmentStatus

VERSION_PATH: Final[KeyPath] = ("spec", "blueprint", "version")


@dataclass(frozen=True)
class PromotedPin:
    """An Application to be pinned.

    Attributes:
        package: the package locked in the source Environment.
        declared: the declared Application in the target Environment.
        running: the version locked in the target; empty when it has none.
        since: when it became ready on the last of its clusters, by their conditions; empty when these have no times.
    """

    package: Package
    declared: DeclaredApplication
    running: str
    since: str

    @property
    def name(self) -> str:
        """The Application's name."""
        return self.package.application

    @property
    def before(self) -> str:
        """The version range declared in the target."""
        return self.declared.application.spec.blueprint.version

    @property
    def is_unchanged(self) -> bool:
        """Whether it is pinned already."""
        return self.before == self.package.version


@dataclass(frozen=True)
class SkippedApplication:
    """An Application that is not promoted, and why; `refused` when it should have been, and cannot be."""

    application: str
    why: str
    refused: bool


@dataclass(frozen=True)
class PromotionSource:
    """The Environment that is promoted from.

    Attributes:
        name: the Environment's name.
        lock: its lock.
        resolved: the commit of `resolved` with the lock.
        status: its current status; None when it is missing or outdated.
    """

    name: str
    lock: EnvironmentLock
    resolved: str
    status: EnvironmentStatus | None


def select(
    source: PromotionSource, declared: Mapping[str, DeclaredApplication], running: EnvironmentLock | None, names: Collection[str]
) -> tuple[tuple[PromotedPin, ...], tuple[SkippedApplication, ...]]:
    """Returns the Applications to pin and those that are skipped, each sorted by name.

    Args:
        source: the Environment that is promoted from.
        declared: the declared Applications of the target Environment, by name.
        running: the lock of the target; None when it has none.
        names: the requested Applications; empty for all that both have.
    """
    packages = {p.application: p for p in source.lock.packages}
    versions = {p.application: p.version for p in running.packages} if running else {}
    pins: list[PromotedPin] = []
    skipped: list[SkippedApplication] = []
    for name in sorted(set(names) or packages.keys() & declared.keys()):
        package, declared_application = packages.get(name), declared.get(name)
        reason = _why_not(source, package, declared_application)
        if package is None or declared_application is None or reason:
            skipped.append(SkippedApplication(name, reason, refused=True))
        else:
            pins.append(
                PromotedPin(package, declared_application, versions.get(name, ""), _since(_application_status(source, name)))
            )
    if not names:  # dependencies follow from Blueprints, and need no declaration
        source_declared = {p.application for p in source.lock.packages if is_declared(p)}
        reason = f"it is not declared there: its config may differ, so write its file by hand to bring it from {source.name}"
        skipped.extend(SkippedApplication(name, reason, refused=False) for name in sorted(source_declared - declared.keys()))
    return tuple(pins), tuple(skipped)


def replace_version(text: str, place: Location, before: str, version: str) -> str | None:
    """Returns a file's text with only the version replaced; None where the version is not a plain or quoted scalar.

    Args:
        text: the file's text.
        place: the location of the version.
        before: the version as it was parsed.
        version: the new version.
    """
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: place.value_line - 1]) + place.value_column - 1
    for quote in ("", '"', "'"):
        old = f"{quote}{before}{quote}"
        if text.startswith(old, start):
            return f"{text[:start]}{quote}{version}{quote}{text[start + len(old) :]}"
    return None


def _why_not(source: PromotionSource, package: Package | None, declared: DeclaredApplication | None) -> str:
    """Returns why an Application cannot be pinned; empty when it can."""
    if package is None:
        return f"{source.name} has no such Application"
    if declared is None:
        return "it is not declared there: its config may differ, so write its file by hand"
    blueprint = blueprint_name(declared.application.spec.blueprint.name)
    if blueprint != package.blueprint:
        return f"it is of {package.blueprint} in {source.name}, and of {blueprint} there"
    if not satisfies(package.version, package.version):
        return f"its version {package.version} cannot be pinned: it is not a semantic version"
    return _why_not_ready(source, package)


def _why_not_ready(source: PromotionSource, package: Package) -> str:
    if source.status is None:
        return f"the state of {source.name} is unknown: its status is missing, or has not been confirmed lately"
    if source.status.resolved != source.resolved:
        return f"the status of {source.name} does not yet describe what is resolved there"
    observed = _application_status(source, package.application)
    if observed is None or (observed.version, observed.digest) != (package.version, package.digest):
        return f"the status of {source.name} does not contain {package.blueprint} {package.version}"
    if observed.ready == "True" and observed.placements:
        return ""
    unready = next((p for p in observed.placements if p.ready != "True"), None)
    details = f": {unready.reason} on {unready.cluster}: {unready.message}" if unready else ""
    return f"it is {observed.state} in {source.name}, not ready{details}"


def _application_status(source: PromotionSource, name: str) -> ApplicationStatus | None:
    applications: Iterable[ApplicationStatus] = source.status.applications if source.status else ()
    return next((application for application in applications if application.name == name), None)


def _since(application: ApplicationStatus | None) -> str:
    """Returns the last of the times (RFC 3339 in UTC, which sort as text) at which it became ready on a cluster."""
    ready = [p.evidence.ready if p.evidence else None for p in application.placements] if application else []
    times = [condition.last_transition_time if condition else "" for condition in ready]
    return max(times) if times and all(times) else ""
