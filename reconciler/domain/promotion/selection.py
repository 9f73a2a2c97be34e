"""What of one Environment can be pinned in another: what runs in the first, and is ready there.

Only versions move. Config, size and placement are each Environment's own, so an Application that the other does not declare is
told and not added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.domain.locking.dependency_graph import is_declared
from reconciler.domain.versions import satisfies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from reconciler.domain.validation.environment import DeclaredApplication
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.source import KeyPath, Location
    from reconciler.model.status import ApplicationStatus, EnvironmentStatus

VERSION_PATH: Final[KeyPath] = ("spec", "blueprint", "version")


@dataclass(frozen=True)
class PromotedPin:
    """One Application to be pinned.

    Attributes:
        package: as it is locked in the Environment that it comes from.
        declared: as people declared it in the other.
        running: the version that is locked in the other; empty when none is.
        since: when it became ready on the last of its clusters, as they say; empty when they do not.
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
        """The range that people wrote."""
        return self.declared.application.spec.blueprint.version

    @property
    def stands(self) -> bool:
        """Whether it is pinned already."""
        return self.before == self.package.version


@dataclass(frozen=True)
class SkippedApplication:
    """An Application that is not promoted, and why; `refused` when it was to be and may not."""

    application: str
    why: str
    refused: bool


@dataclass(frozen=True)
class PromotionSource:
    """What runs in the Environment that is promoted from.

    Attributes:
        name: the Environment's.
        lock: what is resolved.
        resolved: the commit that says so.
        status: what was observed; None when that is not known, or not any more.
    """

    name: str
    lock: EnvironmentLock
    resolved: str
    status: EnvironmentStatus | None


def select(
    source: PromotionSource, declared: Mapping[str, DeclaredApplication], running: EnvironmentLock | None, names: Collection[str]
) -> tuple[tuple[PromotedPin, ...], tuple[SkippedApplication, ...]]:
    """What can be pinned, and what cannot be; each sorted by name.

    Args:
        source: what is promoted from.
        declared: what people declared in the other Environment, by name.
        running: what is resolved there; None when nothing is.
        names: which Applications; empty for all that both have.
    """
    packages = {p.application: p for p in source.lock.packages}
    versions = {p.application: p.version for p in running.packages} if running else {}
    found: list[PromotedPin] = []
    left: list[SkippedApplication] = []
    for name in sorted(set(names) or packages.keys() & declared.keys()):
        package, one = packages.get(name), declared.get(name)
        why = _why_not(source, package, one)
        if package is None or one is None or why:
            left.append(SkippedApplication(name, why, refused=True))
        else:
            found.append(PromotedPin(package, one, versions.get(name, ""), _since(_told(source, name))))
    if not names:  # dependencies follow from Blueprints, nobody need declare them
        asked = {p.application for p in source.lock.packages if is_declared(p)}
        why = f"it is not declared there: its config may differ, so write its file by hand to bring it from {source.name}"
        left.extend(SkippedApplication(name, why, refused=False) for name in sorted(asked - declared.keys()))
    return tuple(found), tuple(left)


def replace_version(text: str, place: Location, before: str, version: str) -> str | None:
    """A file's text with another version in its place, and nothing else changed; None where it is not written plainly.

    Args:
        text: the file's.
        place: of the version.
        before: the version as it was read.
        version: the new one.
    """
    lines = text.split("\n")
    at = sum(len(line) + 1 for line in lines[: place.value_line - 1]) + place.value_column - 1
    for quote in ("", '"', "'"):
        old = f"{quote}{before}{quote}"
        if text.startswith(old, at):
            return f"{text[:at]}{quote}{version}{quote}{text[at + len(old) :]}"
    return None


def _why_not(source: PromotionSource, package: Package | None, declared: DeclaredApplication | None) -> str:
    """Why an Application cannot be pinned; empty when it can."""
    if package is None:
        return f"{source.name} has no such Application"
    if declared is None:
        return "it is not declared there: its config may differ, so write its file by hand"
    wish = declared.application.spec.blueprint
    if wish.name != package.blueprint:
        return f"it is of {package.blueprint} in {source.name}, and of {wish.name} there"
    if not satisfies(package.version, package.version):
        return f"its version {package.version} cannot be written as one"
    return _why_not_ready(source, package)


def _why_not_ready(source: PromotionSource, package: Package) -> str:
    if source.status is None:
        return f"nobody knows what runs in {source.name}: its status is missing, or was not confirmed for long"
    if source.status.resolved != source.resolved:
        return f"the status of {source.name} is not yet of what is resolved there"
    told = _told(source, package.application)
    if told is None or (told.version, told.digest) != (package.version, package.digest):
        return f"the status of {source.name} does not tell of {package.blueprint} {package.version}"
    if told.ready == "True" and told.placements:
        return ""
    bad = next((p for p in told.placements if p.ready != "True"), None)
    where = f": {bad.reason} on {bad.cluster}: {bad.message}" if bad else ""
    return f"it is {told.state} in {source.name}, not ready{where}"


def _told(source: PromotionSource, name: str) -> ApplicationStatus | None:
    applications: Iterable[ApplicationStatus] = source.status.applications if source.status else ()
    return next((one for one in applications if one.name == name), None)


def _since(told: ApplicationStatus | None) -> str:
    """The last of the times (RFC 3339 in UTC, which sort as text) at which it became ready on a cluster."""
    ready = [p.evidence.ready if p.evidence else None for p in told.placements] if told else []
    times = [one.last_transition_time if one else "" for one in ready]
    return max(times) if times and all(times) else ""
