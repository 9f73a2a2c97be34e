"""Resolves the declared Applications to one version of every required Blueprint.

The requirements come from `requirements`, the possible versions and their order from
`candidates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from reconciler.domain.catalog import CatalogOfDecision, ExcludedVersion
from reconciler.domain.resolution.candidates import CandidateFinder
from reconciler.domain.resolution.conflict_report import ConflictReporter
from reconciler.domain.resolution.optimizer import has_backtracked, maximize_versions, minimize_changes
from reconciler.domain.resolution.outcomes import CyclicSolution, NoSolution, SearchLimitExceeded
from reconciler.domain.resolution.requirements import Candidate, DependencyReader, Requirement, root_requirement, unknown_binds
from reconciler.domain.resolution.search import solve
from reconciler.domain.validation.environment import MAX_PROBLEMS
from reconciler.domain.versions import is_older, satisfies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from reconciler.domain.catalog import Catalog
    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.lock import Package
    from reconciler.model.problem import Problem


@dataclass(frozen=True)
class Resolution:
    """A consistent choice of one candidate for every Application.

    Attributes:
        choices: the chosen candidate of each Application.
        needs: all requirements on each Application, sorted.
        edges: the names of each Application's direct dependencies, sorted.
        warnings: warnings about the choices, such as newer versions that are excluded.
    """

    choices: Mapping[str, Candidate]
    needs: Mapping[str, tuple[Requirement, ...]]
    edges: Mapping[str, tuple[str, ...]]
    warnings: tuple[Problem, ...] = ()


def resolve(
    validated: ValidatedInput,
    locked: Mapping[str, Package],
    catalog: Catalog,
    upgrade: Collection[str] = (),
    preferences: Mapping[str, Package] | None = None,
) -> tuple[Resolution | None, tuple[Problem, ...]]:
    """Chooses a version of every Application.

    Args:
        validated: the validated documents of the Environment.
        locked: the last lock's packages by Application; empty before the first lock.
        catalog: the catalog of Blueprints. Its ReconcilerErrors are not caught.
        upgrade: Applications that may leave their locked version, because an upgrade within their ranges was requested.
        preferences: the packages that take precedence because they were reviewed, by Application; None for the locked ones.

    Returns:
        The resolution; or None, with the problems.
    """
    catalog = CatalogOfDecision(catalog)
    installed = CandidateFinder(validated, locked, catalog, DependencyReader(validated, locked), upgrade)
    candidates = (
        installed
        if preferences is None
        else CandidateFinder(
            validated, preferences, catalog, DependencyReader(validated, {**locked, **preferences}), upgrade, locked
        )
    )
    roots = [root_requirement(declared) for _, declared in sorted(validated.declared.items())]
    reporter = ConflictReporter(validated, candidates, catalog)
    unsatisfiable = (problem for root in roots if (problem := reporter.unsatisfiable(root)) is not None)
    if problems := tuple(islice(unsatisfiable, MAX_PROBLEMS)):
        return None, problems
    match outcome := solve(roots, candidates):
        case NoSolution() | SearchLimitExceeded() | CyclicSolution():
            return None, reporter.report(roots, outcome)
        case solution:
            pass
    if excluded := [candidate for candidate in solution.values() if candidate.exclusion]:
        return None, tuple(reporter.excluded_lock(candidate) for candidate in excluded)
    solution = minimize_changes(solution, roots, candidates, upgrade)
    if has_backtracked(solution, candidates, _requirements_by_application(solution, roots, candidates)):
        solution = maximize_versions(solution, roots, candidates, upgrade)
    requirements = _requirements_by_application(solution, roots, candidates)
    edges = {
        name: tuple(sorted({requirement.application for requirement in candidates.needs.of(candidate)}))
        for name, candidate in solution.items()
    }
    warnings = tuple(_warnings(validated, solution, requirements, installed))
    resolution = Resolution(solution, requirements, edges, warnings)
    problems = tuple(_unknown_binds(validated, solution))
    return (None, problems) if problems else (resolution, ())


def _requirements_by_application(
    solution: Mapping[str, Candidate], roots: list[Requirement], candidates: CandidateFinder
) -> dict[str, tuple[Requirement, ...]]:
    """Returns the requirements that the roots and the chosen candidates state on each Application, sorted."""
    by_application: dict[str, list[Requirement]] = {name: [] for name in solution}
    for requirement in (*roots, *(r for candidate in solution.values() for r in candidates.needs.of(candidate))):
        by_application[requirement.application].append(requirement)
    return {
        name: tuple(sorted(requirements, key=lambda r: (r.requirer, r.written, r.range)))
        for name, requirements in by_application.items()
    }


def _warnings(
    validated: ValidatedInput,
    solution: Mapping[str, Candidate],
    requirements: Mapping[str, tuple[Requirement, ...]],
    candidates: CandidateFinder,
) -> Iterator[Problem]:
    """Yields warnings of Blueprints, of newer versions that are excluded, and of upgrades that `upgrades.from` does not list."""
    for name, candidate in solution.items():
        locked = candidates.prior.get(name)
        moved = locked is not None and locked.blueprint == candidate.blueprint and locked.version != candidate.version
        source = validated.declared[candidate.chain[0]].source
        path = ("spec", "blueprint")
        if locked is None or moved:
            newer = _newer_excluded(candidate, requirements[name], candidates)
            excluded = [version for version in newer if version.code != "Downgrade"]
            for warning in candidate.verified.warnings:
                message = f"{candidate.blueprint} {candidate.version}: {warning}"
                yield source.problem("OddBlueprint", message, path).model_copy(update={"severity": "warning"})
            for version in excluded:
                message = f"{candidate.blueprint} {version.version} is passed over for {candidate.version}: {version.reason}"
                yield source.problem("PassedOver", message, path).model_copy(update={"severity": "warning"})
        supported = candidate.verified.blueprint.spec.upgrades.from_
        if locked is not None and moved and supported and not any(satisfies(locked.version, r) for r in supported):
            ranges = ", ".join(supported)
            message = f"{name} moves from {locked.version} to {candidate.version}, which supports upgrades from {ranges}"
            yield source.problem("UnusualUpgrade", message, path).model_copy(update={"severity": "warning"})


def _newer_excluded(
    candidate: Candidate, requirements: tuple[Requirement, ...], candidates: CandidateFinder
) -> Iterator[ExcludedVersion]:
    """Yields the excluded versions that are newer than a chosen candidate and in all ranges."""
    for version in candidates.evaluate(requirements):
        if isinstance(version, ExcludedVersion) and is_older(candidate.version, version.version):
            yield version
        elif isinstance(version, Candidate) and version.version == candidate.version:
            return


def _unknown_binds(validated: ValidatedInput, solution: Mapping[str, Candidate]) -> Iterator[Problem]:
    """Yields the problem of each `bind` whose key is not a dependency of the chosen version."""
    for declared, key, verified in unknown_binds(validated, solution):
        keys = sorted({dependency.bind_key for dependency in verified.blueprint.spec.depends})
        message = f"{verified.blueprint.name} has no dependency {key}; it has {', '.join(keys) or 'none'}"
        yield declared.source.problem("UnknownDependency", message, ("spec", "bind", key))
