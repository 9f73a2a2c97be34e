"""Which versions can be chosen for an Application, in which order, and why the others cannot.

Rules (documents.md, "Dependencies"; trust.md, law 5): the locked version first, so that nothing moves that nobody asked to move;
then the newest. No candidate is what may not be used (no signature holds), what `upgrades.blocks` keeps from being reached, and
what is older than the locked version, unless a person asks for that. A locked version that lost its trust blocks; nothing moves.

A catalog can list thousands of versions that nobody signed, and each is asked for over the network: after `MOST_REFUSED` of
them the older ones are not looked at.
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


MOST_REFUSED: Final = 32

_REFUSED = {"Untrusted", "InvalidBlueprint"}  # by the catalog, after it looked


@dataclass(frozen=True)
class SearchConstraints:
    """What one search may choose of, besides what every search may: to see whether a better answer exists.

    Attributes:
        exactly: the version that some Applications must have.
        at_least: the version that some must not be older than.
        above: the version that some must be newer than.
        without: versions that are left out, by Application.
    """

    exactly: Mapping[str, str] = field(default_factory=dict)
    at_least: Mapping[str, str] = field(default_factory=dict)
    above: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[tuple[str, str]] = frozenset()

    def allows(self, application: str, version: str) -> bool:
        """Whether it may choose a version."""
        exactly, least, above = (m.get(application) for m in (self.exactly, self.at_least, self.above))
        return (
            (exactly is None or version == exactly)
            and (least is None or not is_older(version, least))
            and (above is None or is_older(above, version))
            and (application, version) not in self.without
        )


UNCONSTRAINED: Final = SearchConstraints()


class CandidateFinder:
    """The candidates of a wish.

    Args:
        wish: what people want.
        prior: the packages that are to stay, by Application: the last lock's, or what people reviewed to take their place.
        catalog: what can be installed.
        needs: what choices need.
        free: Applications whose locked version is not preferred, since somebody asked to move them.
        installed: the last lock's packages, by which going back and `upgrades.blocks` are judged; None for the prior ones.
    """

    def __init__(
        self,
        wish: ValidatedInput,
        prior: Mapping[str, Package],
        catalog: Catalog,
        needs: DependencyReader,
        free: Collection[str] = (),
        installed: Mapping[str, Package] | None = None,
    ) -> None:
        self.needs = needs
        self.prior = _sound(prior)
        self.installed = self.prior if installed is None else _sound(installed)
        self._wish = wish
        self._catalog = catalog
        self._free = free
        self._fitting: dict[tuple[str, str | None, str | None, frozenset[str]], tuple[tuple[str, str], ...]] = {}

    def of(self, needs: Sequence[Requirement], search: SearchConstraints = UNCONSTRAINED) -> Iterator[Candidate]:
        """The choices that meet all of some Application's needs, the best first; each is looked at only when it is asked for."""
        return (one for one in self.evaluate(needs, search) if isinstance(one, Candidate))

    def evaluate(
        self, needs: Sequence[Requirement], search: SearchConstraints = UNCONSTRAINED
    ) -> Iterator[Candidate | ExcludedVersion]:
        """As `of`, and what was passed over on the way."""
        first = closest_requirement(needs)
        catalogs = {n.catalog for n in needs if n.catalog is not None}
        if any(n.blueprint != first.blueprint or n.is_recursive for n in needs) or len(catalogs) > 1:
            return
        wanted = next(iter(catalogs), None)
        locked = self._locked(first, needs)
        stays = first.application not in self._free
        if locked is not None and stays:
            here = self._of_lock(first, locked)
            if search.allows(first.application, locked.version):
                yield here
            if here.exclusion:
                return
        refused = 0
        for home, version in self._in_range(first.blueprint, wanted, locked, frozenset(n.range for n in needs)):
            if not search.allows(first.application, version):
                continue
            if locked is None or (home, version) != (catalog_of(locked), locked.version):
                one = self._tried(first, home, version)
                yield one
                refused += isinstance(one, ExcludedVersion) and one.code in _REFUSED
                if refused == MOST_REFUSED:
                    return
            elif not stays:
                here = self._of_lock(first, locked)
                yield here.exclusion or here

    def listed(self, need: Requirement) -> Mapping[str, Sequence[str]]:
        """The catalogs that have what is needed, and its versions there, newest first."""
        found = self._catalog.find(need.blueprint)
        return {home: newest_first(found[home]) for home in found if need.catalog in {None, home}}

    def versions(self, blueprint: str) -> Sequence[str]:
        """All versions of a Blueprint in any catalog, newest first."""
        return newest_first({version for found in self._catalog.find(blueprint).values() for version in found})

    def known(self, blueprint: str) -> bool:
        """Whether any catalog has a Blueprint."""
        return bool(self._catalog.find(blueprint))

    def upgrade_path(self, need: Requirement, blocked: Collection[str]) -> Iterator[str]:
        """The versions on the way to those that cannot be reached from the locked one, the newest first; no pre-releases."""
        past = self._locked_before(need)
        if past is None:
            return
        refused = 0
        for home, version in self._listed(need.blueprint, need.catalog, None):
            if refused == MOST_REFUSED or not is_older(past.version, version):
                return
            if version in blocked or not satisfies(version, "*"):
                continue
            here = self._catalog.get(home, need.blueprint, version, None)
            if isinstance(here, ExcludedVersion):
                refused += 1
            elif _blocking(here, past.version) is None and self._leads(home, need, version, blocked):
                yield version

    def _leads(self, home: str, need: Requirement, version: str, blocked: Collection[str]) -> bool:
        """Whether one can come from a version to one of those that cannot be reached from the locked one."""
        beyond = (self._catalog.get(home, need.blueprint, one, None) for one in blocked if is_older(version, one))
        return any(isinstance(one, VerifiedBlueprint) and _blocking(one, version) is None for one in beyond)

    def _locked(self, first: Requirement, needs: Sequence[Requirement]) -> Package | None:
        """What is to stay of an Application, if it still meets all needs: what was reviewed, or else what is installed."""
        wanted = {n.catalog for n in needs} - {None}
        for one in (self.prior.get(first.application), self.installed.get(first.application)):
            if one is None or one.blueprint != first.blueprint or not wanted <= {catalog_of(one)}:
                continue
            if all(satisfies(one.version, n.range) for n in needs) and self._is_reached(first, one):
                return one
        return None

    def _is_reached(self, first: Requirement, one: Package) -> bool:
        """Whether one can come to a package from what is installed, as far as the catalog tells."""
        past = self._locked_before(first)
        if past is None or past.version == one.version:
            return True
        if is_older(one.version, past.version) and not self._asked_to_go_back(first, past):
            return False
        found = self._catalog.get(*_where(one), one.digest)
        return isinstance(found, ExcludedVersion) or _blocking(found, past.version) is None

    def _of_lock(self, first: Requirement, locked: Package) -> Candidate:
        """The locked version, or the same one published anew when it is gone.

        One that may not be used any more is chosen to be refused by name: a loss must not move what runs (trust.md, law 5).
        """
        found = self._catalog.get(*_where(locked), locked.digest)
        if isinstance(found, ExcludedVersion) and found.code == "Gone":
            again = self._catalog.get(*_where(locked), None)
            found = found if isinstance(again, ExcludedVersion) else again
        checked = self._checked(first, found, None)
        return checked if isinstance(checked, Candidate) else _choice(first, locked.artifact, checked, locked.version)

    def _locked_before(self, first: Requirement) -> Package | None:
        """The last lock's package of an Application, if it was of the same Blueprint."""
        past = self.installed.get(first.application)
        return past if past is not None and past.blueprint == first.blueprint else None

    def _in_range(
        self, blueprint: str, wanted: str | None, locked: Package | None, ranges: frozenset[str]
    ) -> tuple[tuple[str, str], ...]:
        """Those of `_listed` that fit all ranges, looked for once: a search asks again and again."""
        key = (blueprint, wanted, locked.artifact if locked else None, ranges)
        if key not in self._fitting:
            listed = self._listed(blueprint, wanted, locked)
            self._fitting[key] = tuple(one for one in listed if all(satisfies(one[1], range_) for range_ in ranges))
        return self._fitting[key]

    def _listed(self, blueprint: str, wanted: str | None, locked: Package | None) -> Iterator[tuple[str, str]]:
        """Each version with its catalog, the newest first; what is locked is among them even where it is listed no more."""
        found = self._catalog.find(blueprint)
        homes = [home for home in found if wanted in {None, home}]
        # A name found in two catalogs is nobody's until the Application says which.
        listed = dict.fromkeys(found[homes[0]], homes[0]) if len(homes) == 1 else {}
        if locked is not None:
            listed[locked.version] = catalog_of(locked)
        for version in newest_first(listed):
            yield listed[version], version

    def _tried(self, first: Requirement, home: str, version: str) -> Candidate | ExcludedVersion:
        past = self._locked_before(first)
        if past is not None and is_older(version, past.version) and not self._asked_to_go_back(first, past):
            return ExcludedVersion(
                version, "Downgrade", f"it is older than the locked {past.version}, and nobody asked to go back"
            )
        return self._checked(first, self._catalog.get(home, first.blueprint, version, None), past)

    def _asked_to_go_back(self, first: Requirement, past: Package) -> bool:
        """Only a person's own range can ask for that: what a Blueprint needs may come with an upgrade of it."""
        declared = self._wish.declared.get(first.application)
        return declared is not None and not satisfies(past.version, declared.application.spec.blueprint.version)

    def _checked(
        self, first: Requirement, found: VerifiedBlueprint | ExcludedVersion, past: Package | None
    ) -> Candidate | ExcludedVersion:
        if isinstance(found, ExcludedVersion):
            return found
        blueprint = found.blueprint
        if past is not None and past.version != blueprint.version:
            blocking = _blocking(found, past.version)
            if blocking is not None:
                reason = f"its upgrades.blocks forbids to come from {blocking}, and {past.version} is locked"
                return ExcludedVersion(blueprint.version, "UpgradeBlocked", reason)
        choice = _choice(first, found.artifact, found, blueprint.version)
        try:
            self.needs.of(choice)
        except ExpressionError as error:
            return ExcludedVersion(blueprint.version, "InvalidExpression", str(error))
        return choice


def _sound(packages: Mapping[str, Package]) -> Mapping[str, Package]:
    """Those of a lock that can be looked for: a damaged lock costs only its preference."""
    return {name: p for name, p in packages.items() if catalog_of(p) and p.digest.startswith("sha256:") and is_version(p.version)}


def closest_requirement(needs: Sequence[Requirement]) -> Requirement:
    """The need that is nearest to a declared Application: by it the Application is told of."""
    return needs[0] if len(needs) == 1 else min(needs, key=lambda n: (len(n.chain), n.chain))


def _choice(first: Requirement, artifact: str, found: VerifiedBlueprint | ExcludedVersion, version: str) -> Candidate:
    return Candidate(
        application=first.application,
        artifact=artifact,
        found=found,
        version=version,
        blueprint=first.blueprint,
        chain=first.chain if first.declared else (*first.chain, first.application),
        lineage=first.lineage,
        given=first.values,
    )


def _blocking(found: VerifiedBlueprint, version: str) -> str | None:
    """The range by which a Blueprint's `upgrades.blocks` forbids to come to it from a version."""
    return next((r for r in found.blueprint.spec.upgrades.blocks if satisfies(version, r)), None)


def _where(package: Package) -> tuple[str, str, str]:
    return catalog_of(package), package.blueprint, package.version
