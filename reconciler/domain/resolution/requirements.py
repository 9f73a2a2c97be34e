"""Who needs what: the demands that people and Blueprints make, and the choices that make further ones.

Rules (documents.md, "Dependencies"): a dependency without values is shared, one Application per Environment; with values it is
dedicated; `bind` overrides both. Its `when` and the `{{ }}` in its values are expressions over who needs it.
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
    """Someone's demand on an Application.

    Attributes:
        application: whose version is demanded.
        blueprint: the full name of the Blueprint it must be of.
        range: the versions that will do.
        requirer: the Application that demands it: itself when a person declared it.
        written: the file, or `bp-name@version` when a Blueprint says so.
        chain: the Applications from a declared one down to the requirer.
        catalog: the catalog it must come from, if that was said.
        values: the values that a dedicated dependency is to have.
        lineage: the Blueprints, from the first on, each of which has the next for itself alone, and the last this one.
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
        """Whether a person made it."""
        return self.requirer == self.application

    @property
    def is_recursive(self) -> bool:
        """Whether it would go on for ever: a Blueprint brings along its own, which brings along its own, and so on."""
        return self.blueprint in self.lineage


@dataclass(frozen=True, slots=True)
class Candidate:
    """One version of a Blueprint for one Application.

    Attributes:
        application: whose.
        artifact: which.
        found: the Blueprint; or why the locked one may not be used any more, which is chosen to be refused, not to be installed.
        version: its version.
        blueprint: its full name.
        chain: the Applications from a declared one down to this.
        lineage: the Blueprints for which it is dedicated.
        given: the values that the first who needs it gives it.
    """

    application: str
    artifact: str
    found: VerifiedBlueprint | ExcludedVersion = field(compare=False)
    version: str = field(compare=False)
    blueprint: str = field(compare=False)
    chain: tuple[str, ...] = field(compare=False)
    lineage: tuple[str, ...] = ()
    given: Mapping[str, Any] | None = field(default=None, hash=False)

    @property
    def exclusion(self) -> ExcludedVersion | None:
        """Why it may not be used any more; None when it may."""
        return self.found if isinstance(self.found, ExcludedVersion) else None

    @property
    def verified(self) -> VerifiedBlueprint:
        """The Blueprint. Raises ValueError when it is lost."""
        if isinstance(self.found, ExcludedVersion):
            raise ValueError(f"{self.blueprint} {self.version} may not be used")  # noqa: TRY004 - no type is at fault
        return self.found


def root_requirement(one: DeclaredApplication, *, range_: str | None = None) -> Requirement:
    """A person's demand; with another range than they wrote, to try whether that would help."""
    wanted = one.application.spec.blueprint
    return Requirement(
        application=one.name,
        blueprint=blueprint_name(wanted.name),
        range=range_ or wanted.version,
        requirer=one.name,
        written=one.source.file,
        chain=(one.name,),
        catalog=wanted.catalog,
    )


class DependencyReader:
    """The needs of choices, each computed once. Expressions see the wish's Environment.

    Args:
        wish: what people want.
        prior: the last lock's packages by Application: what a lost one needs is known from there alone.
        binds: further `bind`s by Application, laid over people's own, to try whether they would help.
    """

    def __init__(
        self, wish: ValidatedInput, prior: Mapping[str, Package], binds: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self._wish = wish
        self._prior = prior
        self._binds = binds or {}
        self._known: dict[tuple[Candidate, tuple[str, ...]], tuple[Requirement, ...]] = {}

    def of(self, choice: Candidate) -> tuple[Requirement, ...]:
        """What a choice needs in turn. Raises ExpressionError when one of its expressions has no answer."""
        key = (choice, choice.chain)
        if key not in self._known and choice.exclusion:
            self._known[key] = tuple(self._as_locked(choice))
        if key not in self._known:
            scope = self._scope(choice) if _has_expressions(choice) else {}
            depends = choice.verified.blueprint.spec.depends
            wanted = [d for d in depends if d.when is None or expressions.evaluate_condition(d.when, scope)]
            self._known[key] = tuple(self._need(choice, d, scope) for d in wanted)
        return self._known[key]

    def _as_locked(self, choice: Candidate) -> Iterator[Requirement]:
        for name in self._prior[choice.application].depends_on:
            if name in self._prior:
                blueprint = self._prior[name].blueprint
                yield Requirement(name, blueprint, "*", choice.application, f"{choice.blueprint}@{choice.version}", choice.chain)

    def _scope(self, choice: Candidate) -> Mapping[str, Any]:
        declared = self._wish.declared.get(choice.application)
        values = merge_values(choice.verified.blueprint, declared, [choice.given] if choice.given else [])
        return expressions.scope(
            values,
            application=choice.application,
            blueprint=choice.blueprint,
            version=choice.version,
            environment=self._wish.environment,
        )

    def _need(self, choice: Candidate, dependency: Dependency, scope: Mapping[str, Any]) -> Requirement:
        target = self._target(choice.application, dependency)
        dedicated = target not in self._wish.declared and dependency.values is not None
        values = dependency.values
        return Requirement(
            application=target,
            blueprint=dependency.name,
            range=dependency.version,
            requirer=choice.application,
            written=f"{choice.blueprint}@{choice.version}",
            chain=choice.chain,
            values=interpolate(values, scope) if values is not None and scope else values,
            lineage=(*choice.lineage, choice.blueprint) if dedicated else (),
        )

    def _target(self, application: str, dependency: Dependency) -> str:
        declared = self._wish.declared.get(application)
        bound = dict(declared.application.spec.bind) if declared else {}
        bound |= self._binds.get(application, {})
        if dependency.bind_key in bound:
            return bound[dependency.bind_key]
        short = short_name(dependency.name)
        return short if dependency.values is None else f"{application}-{short}"


def unknown_binds(
    wish: ValidatedInput, found: Mapping[str, Candidate]
) -> Iterator[tuple[DeclaredApplication, str, VerifiedBlueprint]]:
    """Each key of people's `bind`s that the version chosen for their Application has no dependency of, with that version."""
    for name, one in sorted(wish.declared.items()):
        verified = found[name].verified
        keys = {dependency.bind_key for dependency in verified.blueprint.spec.depends}
        yield from ((one, key, verified) for key in one.application.spec.bind if key not in keys)


def _has_expressions(choice: Candidate) -> bool:
    return any(d.when is not None or "{{" in str(d.values) for d in choice.verified.blueprint.spec.depends)
