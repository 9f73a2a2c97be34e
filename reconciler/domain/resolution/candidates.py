"""Finds the versions that can be chosen for an Application, in order of preference, and why the others are excluded.

Rules: the locked version comes first, so that no Application moves without a
request; then the newest. A version is excluded if it has no valid signature, if its `upgrades.blocks` covers the locked one, or
if it is older than the locked one and no document requests the downgrade. A locked version that lost its trust blocks the
resolution; nothing moves.

A catalog can list thousands of unsigned versions, and each is fetched over the network: after `MAX_REFUSED` of them the older
ones are not fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reconciler.domain.catalog import Catalog, ExcludedVersion, VerifiedBlueprint
from reconciler.domain.resolution.requirements import Candidate, DependencyReader, Requirement
from reconciler.domain.values.expressions import ExpressionError
from reconciler.domain.versions import is_older, is_version, newest_first, satisfies
from reconciler.model.artifact import catalog_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.lock import Package


MAX_REFUSED: Final = 32
"""Versions of one Blueprint that the catalog may refuse before older ones are ignored."""

_REFUSED = {"Untrusted", "InvalidBlueprint"}  # the codes of versions that the catalog had to fetch before it refused them


@dataclass(frozen=True)
class SearchConstraints:
    """Additional constraints of one search, to test whether a better solution exists.

    Attributes:
        exactly: the only version allowed, by Application.
        at_least: the oldest version allowed, by Application.
        above: the version that the chosen one must be newer than, by Application.
        without: excluded versions, each with its Application.
    """

    exactly: Mapping[str, str] = field(default_factory=dict)
    at_least: Mapping[str, str] = field(default_factory=dict)
    above: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[tuple[str, str]] = frozenset()

    def allows(self, application: str, version: str) -> bool:
        """Returns whether the search may choose a version."""
        exactly, at_least, above = (versions.get(application) for versions in (self.exactly, self.at_least, self.above))
        return (
            (exactly is None or version == exactly)
            and (at_least is None or not is_older(version, at_least))
            and (above is None or is_older(above, version))
            and (application, version) not in self.without
        )


UNCONSTRAINED: Final = SearchConstraints()


class CandidateFinder:
    """Finds the candidates for the Applications of a validated input.

    Args:
        validated: the validated documents of the Environment.
        preferred: the preferred packages by Application: those of the last lock, or the reviewed ones that replace them.
        catalog: the catalog of Blueprints.
        dependencies: reads the requirements of candidates.
        upgrade: Applications whose preferred version has no precedence, because an upgrade of them was requested.
        installed: the last lock's packages by Application, against which downgrades and `upgrades.blocks` are checked; None if
            these are the preferred ones.

    Attributes:
        needs: reads the requirements of candidates.
        prior: the well-formed ones of the preferred packages.
        installed: the well-formed ones of the installed packages.
    """

    def __init__(
        self,
        validated: ValidatedInput,
        preferred: Mapping[str, Package],
        catalog: Catalog,
        dependencies: DependencyReader,
        upgrade: Collection[str] = (),
        installed: Mapping[str, Package] | None = None,
    ) -> None:
        self.needs = dependencies
        self.prior = _well_formed(preferred)
        self.installed = self.prior if installed is None else _well_formed(installed)
        self._validated = validated
        self._catalog = catalog
        self._upgrade = upgrade
        self._in_range_cache: dict[tuple[str, str | None, str | None, frozenset[str]], tuple[tuple[str, str], ...]] = {}

    def of(self, requirements: Sequence[Requirement], within: SearchConstraints = UNCONSTRAINED) -> Iterator[Candidate]:
        """Returns the candidates that meet all requirements on an Application, best first. Each is fetched when consumed."""
        return (version for version in self.evaluate(requirements, within) if isinstance(version, Candidate))

    def evaluate(
        self, requirements: Sequence[Requirement], within: SearchConstraints = UNCONSTRAINED
    ) -> Iterator[Candidate | ExcludedVersion]:
        """Yields the candidates as `of` does, and between them the versions that are excluded."""
        closest = closest_requirement(requirements)
        catalogs = {requirement.catalog for requirement in requirements if requirement.catalog is not None}
        if any(r.blueprint != closest.blueprint or r.is_recursive for r in requirements) or len(catalogs) > 1:
            return
        required_catalog = next(iter(catalogs), None)
        locked = self._locked(closest, requirements)
        has_precedence = closest.application not in self._upgrade
        if locked is not None and has_precedence:
            candidate = self._locked_candidate(closest, locked)
            if within.allows(closest.application, locked.version):
                yield candidate
            if candidate.exclusion:
                return
        refused = 0
        ranges = frozenset(requirement.range for requirement in requirements)
        for catalog, version in self._in_range(closest.blueprint, required_catalog, locked, ranges):
            if not within.allows(closest.application, version):
                continue
            if locked is None or (catalog, version) != (catalog_of(locked), locked.version):
                evaluated = self._evaluated(closest, catalog, version)
                yield evaluated
                refused += isinstance(evaluated, ExcludedVersion) and evaluated.code in _REFUSED
                if refused == MAX_REFUSED:
                    return
            elif not has_precedence:
                candidate = self._locked_candidate(closest, locked)
                yield candidate.exclusion or candidate

    def listed(self, requirement: Requirement) -> Mapping[str, Sequence[str]]:
        """Returns the catalogs that have the required Blueprint, each with its versions, newest first."""
        catalogs = self._catalog.find(requirement.blueprint)
        return {catalog: newest_first(catalogs[catalog]) for catalog in catalogs if requirement.catalog in {None, catalog}}

    def versions(self, blueprint: str) -> Sequence[str]:
        """Returns all versions of a Blueprint in any catalog, newest first."""
        return newest_first({version for versions in self._catalog.find(blueprint).values() for version in versions})

    def exists(self, blueprint: str) -> bool:
        """Returns whether any catalog has a Blueprint."""
        return bool(self._catalog.find(blueprint))

    def upgrade_path(self, requirement: Requirement, blocked: Collection[str]) -> Iterator[str]:
        """Yields the intermediate versions through which the locked version can be upgraded to a blocked one.

        Args:
            requirement: the requirement on the Application.
            blocked: the versions whose `upgrades.blocks` covers the locked one.

        Yields:
            The versions, newest first; no pre-releases.
        """
        locked = self._installed_package(requirement)
        if locked is None:
            return
        refused = 0
        for catalog, version in self._listed(requirement.blueprint, requirement.catalog, None):
            if refused == MAX_REFUSED or not is_older(locked.version, version):
                return
            if version in blocked or not satisfies(version, "*"):
                continue
            intermediate = self._catalog.get(catalog, requirement.blueprint, version, None)
            if isinstance(intermediate, ExcludedVersion):
                refused += 1
            elif _blocking_range(intermediate, locked.version) is None and self._leads_to(blocked, catalog, requirement, version):
                yield version

    def _leads_to(self, blocked: Collection[str], catalog: str, requirement: Requirement, version: str) -> bool:
        """Returns whether a version can be upgraded to one of the blocked versions."""
        targets = (self._catalog.get(catalog, requirement.blueprint, b, None) for b in blocked if is_older(version, b))
        return any(isinstance(target, VerifiedBlueprint) and _blocking_range(target, version) is None for target in targets)

    def _locked(self, closest: Requirement, requirements: Sequence[Requirement]) -> Package | None:
        """Returns the preferred package of an Application, or else the installed one, if it meets all requirements."""
        required_catalogs = {requirement.catalog for requirement in requirements} - {None}
        for package in (self.prior.get(closest.application), self.installed.get(closest.application)):
            if package is None or package.blueprint != closest.blueprint or not required_catalogs <= {catalog_of(package)}:
                continue
            if all(satisfies(package.version, r.range) for r in requirements) and self._is_reachable(closest, package):
                return package
        return None

    def _is_reachable(self, closest: Requirement, package: Package) -> bool:
        """Returns whether the installed version can move to a package; also true if the catalog excludes the package."""
        installed = self._installed_package(closest)
        if installed is None or installed.version == package.version:
            return True
        if is_older(package.version, installed.version) and not self._is_downgrade_requested(closest, installed):
            return False
        entry = self._catalog.get(*_coordinates(package), package.digest)
        return isinstance(entry, ExcludedVersion) or _blocking_range(entry, installed.version) is None

    def _locked_candidate(self, closest: Requirement, locked: Package) -> Candidate:
        """Returns the locked version as a candidate; republished content of the same version if the locked digest is gone.

        An excluded version is a candidate too, so that it is refused by name: a loss of trust must not move what runs.
        """
        entry = self._catalog.get(*_coordinates(locked), locked.digest)
        if isinstance(entry, ExcludedVersion) and entry.code == "Gone":
            republished = self._catalog.get(*_coordinates(locked), None)
            entry = entry if isinstance(republished, ExcludedVersion) else republished
        checked = self._checked(closest, entry, None)
        return checked if isinstance(checked, Candidate) else _candidate(closest, locked.artifact, checked, locked.version)

    def _installed_package(self, closest: Requirement) -> Package | None:
        """Returns the last lock's package of an Application, if it is of the same Blueprint."""
        package = self.installed.get(closest.application)
        return package if package is not None and package.blueprint == closest.blueprint else None

    def _in_range(
        self, blueprint: str, required_catalog: str | None, locked: Package | None, ranges: frozenset[str]
    ) -> tuple[tuple[str, str], ...]:
        """Returns the versions of `_listed` that are in all ranges. Cached, because a search repeats the query often."""
        key = (blueprint, required_catalog, locked.artifact if locked else None, ranges)
        if key not in self._in_range_cache:
            listed = self._listed(blueprint, required_catalog, locked)
            self._in_range_cache[key] = tuple(
                (catalog, version) for catalog, version in listed if all(satisfies(version, range_) for range_ in ranges)
            )
        return self._in_range_cache[key]

    def _listed(self, blueprint: str, required_catalog: str | None, locked: Package | None) -> Iterator[tuple[str, str]]:
        """Yields each version with its catalog, newest first, including the locked one even if no catalog lists it any more."""
        catalogs = self._catalog.find(blueprint)
        selected = [catalog for catalog in catalogs if required_catalog in {None, catalog}]
        # A Blueprint in two catalogs is ambiguous until the Application selects one.
        listed = dict.fromkeys(catalogs[selected[0]], selected[0]) if len(selected) == 1 else {}
        if locked is not None:
            listed[locked.version] = catalog_of(locked)
        for version in newest_first(listed):
            yield listed[version], version

    def _evaluated(self, closest: Requirement, catalog: str, version: str) -> Candidate | ExcludedVersion:
        """Returns a version as a candidate, or why it is excluded. A downgrade is excluded before it is fetched."""
        installed = self._installed_package(closest)
        if (
            installed is not None
            and is_older(version, installed.version)
            and not self._is_downgrade_requested(closest, installed)
        ):
            reason = f"it is older than the locked {installed.version}, and no document requests a downgrade"
            return ExcludedVersion(version, "Downgrade", reason)
        return self._checked(closest, self._catalog.get(catalog, closest.blueprint, version, None), installed)

    def _is_downgrade_requested(self, closest: Requirement, installed: Package) -> bool:
        """Returns whether the range of the declared Application itself excludes the installed version.

        The range of a Blueprint's dependency is not a request: it may change with an upgrade of that Blueprint.
        """
        declared = self._validated.declared.get(closest.application)
        return declared is not None and not satisfies(installed.version, declared.application.spec.blueprint.version)

    def _checked(
        self, closest: Requirement, entry: VerifiedBlueprint | ExcludedVersion, installed: Package | None
    ) -> Candidate | ExcludedVersion:
        """Returns a catalog entry as a candidate, or why it is excluded: by the catalog, `upgrades.blocks` or an expression."""
        if isinstance(entry, ExcludedVersion):
            return entry
        blueprint = entry.blueprint
        if installed is not None and installed.version != blueprint.version:
            blocking = _blocking_range(entry, installed.version)
            if blocking is not None:
                reason = f"its upgrades.blocks forbids upgrades from {blocking}, and {installed.version} is locked"
                return ExcludedVersion(blueprint.version, "UpgradeBlocked", reason)
        candidate = _candidate(closest, entry.artifact, entry, blueprint.version)
        try:
            self.needs.of(candidate)
        except ExpressionError as error:
            return ExcludedVersion(blueprint.version, "InvalidExpression", str(error))
        return candidate


def _well_formed(packages: Mapping[str, Package]) -> Mapping[str, Package]:
    """Returns the packages of a lock that a catalog can find. A damaged lock only loses its precedence."""
    return {
        name: package
        for name, package in packages.items()
        if catalog_of(package) and package.digest.startswith("sha256:") and is_version(package.version)
    }


def closest_requirement(requirements: Sequence[Requirement]) -> Requirement:
    """Returns the requirement closest to a declared Application; problems of the required one are reported there."""
    return requirements[0] if len(requirements) == 1 else min(requirements, key=lambda r: (len(r.chain), r.chain))


def _candidate(closest: Requirement, artifact: str, entry: VerifiedBlueprint | ExcludedVersion, version: str) -> Candidate:
    """Returns the candidate for the Application that a requirement is on."""
    return Candidate(
        application=closest.application,
        artifact=artifact,
        catalog_entry=entry,
        version=version,
        blueprint=closest.blueprint,
        chain=closest.chain if closest.declared else (*closest.chain, closest.application),
        lineage=closest.lineage,
        dependency_values=closest.values,
    )


def _blocking_range(blueprint: VerifiedBlueprint, version: str) -> str | None:
    """Returns the range of a Blueprint's `upgrades.blocks` that forbids an upgrade from a version; None if it is allowed."""
    return next((range_ for range_ in blueprint.blueprint.spec.upgrades.blocks if satisfies(version, range_)), None)


def _coordinates(package: Package) -> tuple[str, str, str]:
    """Returns the catalog, Blueprint and version by which a catalog finds a package."""
    return catalog_of(package), package.blueprint, package.version
