"""The requirements that documents and Blueprints state on Applications, and the candidates that meet them.

Rules: a dependency without values is shared, one Application per Environment; with values it is
dedicated; `bind` overrides both. Its `when` and the `{{ }}` in its values are expressions over the Application that requires it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.domain.values import expressions
from reconciler.domain.values.application_values import merge_values
from reconciler.domain.values.interpolation import interpolate
from reconciler.model.blueprint import Dependency, blueprint_name, short_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.domain.validation.environment import DeclaredApplication, ValidatedInput
    from reconciler.model.lock import Package


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement on the version of an Application.

    Attributes:
        application: the required Application.
        blueprint: the full name of the Blueprint that it must be of.
        range: the range that its version must be in.
        requirer: the Application that requires it: itself if a document declares it.
        written: the source of the requirement: the file of the declaration, or `bp-name@version` of the requirer's Blueprint.
        chain: the Applications from a declared one down to the requirer.
        catalog: the catalog that it must come from; None for any.
        values: the values for a dedicated dependency.
        lineage: the chain of dedicated dependencies, as Blueprints: each has the next as its own, and the last has this one.
    """

    application: str
    blueprint: str
    range: str
    requirer: str
    written: str
    chain: tuple[str, ...] = field(compare=False)
    catalog: str | None = None
    values: Mapping[str, Any] | None = field(default=None, compare=False)
    lineage: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        """Whether a document states the requirement, rather than a Blueprint."""
        return self.requirer == self.application

    @property
    def is_recursive(self) -> bool:
        """Whether a Blueprint has itself as a dedicated dependency, directly or through others, which would never end."""
        return self.blueprint in self.lineage


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version of a Blueprint for an Application.

    Attributes:
        application: the Application's name.
        artifact: the reference of the artifact, with its digest.
        catalog_entry: the verified Blueprint; or why the locked version is excluded. An excluded candidate is chosen only to
            report it, and never installed.
        version: the version.
        blueprint: the full name of the Blueprint.
        chain: the Applications from a declared one down to this one.
        lineage: the chain of dedicated dependencies that leads to this one, as Blueprints.
        dependency_values: the values from the requirement that is closest to a declared Application.
    """

    application: str
    artifact: str
    catalog_entry: VerifiedBlueprint | ExcludedVersion = field(compare=False)
    version: str = field(compare=False)
    blueprint: str = field(compare=False)
    chain: tuple[str, ...] = field(compare=False)
    lineage: tuple[str, ...] = ()
    dependency_values: Mapping[str, Any] | None = field(default=None, hash=False)

    @property
    def exclusion(self) -> ExcludedVersion | None:
        """Why the version is excluded; None if it is usable."""
        return self.catalog_entry if isinstance(self.catalog_entry, ExcludedVersion) else None

    @property
    def verified(self) -> VerifiedBlueprint:
        """The verified Blueprint. Raises ValueError if the version is excluded."""
        if isinstance(self.catalog_entry, ExcludedVersion):
            raise ValueError(f"{self.blueprint} {self.version} is excluded")  # noqa: TRY004 - no type is at fault
        return self.catalog_entry


def root_requirement(declared: DeclaredApplication, *, range_: str | None = None) -> Requirement:
    """Returns the requirement of a declared Application; with another range than its document's, to test a possible fix."""
    blueprint = declared.application.spec.blueprint
    return Requirement(
        application=declared.name,
        blueprint=blueprint_name(blueprint.name),
        range=range_ or blueprint.version,
        requirer=declared.name,
        written=declared.source.file,
        chain=(declared.name,),
        catalog=blueprint.catalog,
    )


class DependencyReader:
    """Reads the requirements of candidates, and caches them. Expressions see the Environment of the validated input.

    Args:
        validated: the validated documents of the Environment.
        locked: locked packages by Application: the only source of an excluded candidate's dependencies.
        binds: additional `bind`s by Application, which override those of the documents, to test a possible fix.
    """

    def __init__(
        self, validated: ValidatedInput, locked: Mapping[str, Package], binds: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self._validated = validated
        self._locked = locked
        self._binds = binds or {}
        self._cache: dict[tuple[Candidate, tuple[str, ...]], tuple[Requirement, ...]] = {}

    def of(self, candidate: Candidate) -> tuple[Requirement, ...]:
        """Returns the requirements of a candidate. Raises ExpressionError when one of its expressions cannot be evaluated."""
        key = (candidate, candidate.chain)
        if key not in self._cache and candidate.exclusion:
            self._cache[key] = tuple(self._locked_requirements(candidate))
        if key not in self._cache:
            scope = self._scope(candidate) if _has_expressions(candidate) else {}
            depends = candidate.verified.blueprint.spec.depends
            active = [d for d in depends if d.when is None or expressions.evaluate_condition(d.when, scope)]
            self._cache[key] = tuple(self._requirement(candidate, dependency, scope) for dependency in active)
        return self._cache[key]

    def _locked_requirements(self, candidate: Candidate) -> Iterator[Requirement]:
        """Yields the requirements of an excluded candidate from the lock: in any version, since the lock has no ranges."""
        for name in self._locked[candidate.application].depends_on:
            if name in self._locked:
                blueprint = self._locked[name].blueprint
                written = f"{candidate.blueprint}@{candidate.version}"
                yield Requirement(name, blueprint, "*", candidate.application, written, candidate.chain)

    def _scope(self, candidate: Candidate) -> Mapping[str, Any]:
        """Returns the variables that the expressions of a candidate's Blueprint see."""
        declared = self._validated.declared.get(candidate.application)
        dependency_values = [candidate.dependency_values] if candidate.dependency_values else []
        values = merge_values(candidate.verified.blueprint, declared, dependency_values)
        return expressions.scope(
            values,
            application=candidate.application,
            blueprint=candidate.blueprint,
            version=candidate.version,
            environment=self._validated.environment,
        )

    def _requirement(self, candidate: Candidate, dependency: Dependency, scope: Mapping[str, Any]) -> Requirement:
        """Returns the requirement of a candidate that one of its Blueprint's dependencies states."""
        target = self._target(candidate.application, dependency)
        dedicated = target not in self._validated.declared and dependency.values is not None
        values = dependency.values
        return Requirement(
            application=target,
            blueprint=dependency.name,
            range=dependency.version,
            requirer=candidate.application,
            written=f"{candidate.blueprint}@{candidate.version}",
            chain=candidate.chain,
            values=interpolate(values, scope) if values is not None and scope else values,
            lineage=(*candidate.lineage, candidate.blueprint) if dedicated else (),
        )

    def _target(self, application: str, dependency: Dependency) -> str:
        """Returns the Application that meets a dependency: the bound one, or else the shared or dedicated one."""
        declared = self._validated.declared.get(application)
        binds = dict(declared.application.spec.bind) if declared else {}
        binds |= self._binds.get(application, {})
        if dependency.bind_key in binds:
            return binds[dependency.bind_key]
        short = short_name(dependency.name)
        return short if dependency.values is None else f"{application}-{short}"


def unknown_binds(
    validated: ValidatedInput, candidates: Mapping[str, Candidate]
) -> Iterator[tuple[DeclaredApplication, str, VerifiedBlueprint]]:
    """Yields each key of a declared Application's `bind` that is not a dependency of its chosen version, with that version.

    Args:
        validated: the validated documents of the Environment.
        candidates: the chosen candidate of every Application.
    """
    for name, declared in sorted(validated.declared.items()):
        verified = candidates[name].verified
        keys = {dependency.bind_key for dependency in verified.blueprint.spec.depends}
        yield from ((declared, key, verified) for key in declared.application.spec.bind if key not in keys)


def _has_expressions(candidate: Candidate) -> bool:
    """Returns whether any dependency of a candidate has expressions; the scope is expensive, and made only for these."""
    return any(d.when is not None or "{{" in str(d.values) for d in candidate.verified.blueprint.spec.depends)
