"""From a wish to one version of every Blueprint that it needs.

Rules: documents.md, "Dependencies"; see `needs` for who needs what, and `candidates` for what can be chosen and in which order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.domain.catalog import ExcludedVersion
from reconciler.domain.resolution.candidates import CandidateFinder
from reconciler.domain.resolution.conflict_report import ConflictReporter
from reconciler.domain.resolution.optimizer import has_backtracked, maximize_versions, minimize_changes
from reconciler.domain.resolution.outcomes import CyclicSolution, NoSolution, SearchLimitExceeded
from reconciler.domain.resolution.requirements import Candidate, DependencyReader, Requirement, root_requirement, unknown_binds
from reconciler.domain.resolution.search import solve
from reconciler.domain.versions import is_older, satisfies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from reconciler.domain.catalog import Catalog
    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.lock import Package
    from reconciler.model.problem import Problem


@dataclass(frozen=True)
class Resolution:
    """A consistent choice for every Application.

    Attributes:
        choices: what each Application is to be.
        needs: every demand on each Application, sorted.
        edges: each Application's direct dependencies by name, sorted.
        warnings: what is to be known of it, such as newer versions that were passed over.
    """

    choices: Mapping[str, Candidate]
    needs: Mapping[str, tuple[Requirement, ...]]
    edges: Mapping[str, tuple[str, ...]]
    warnings: tuple[Problem, ...] = ()


def resolve(
    wish: ValidatedInput,
    prior: Mapping[str, Package],
    catalog: Catalog,
    upgrade: Collection[str] = (),
    preferences: Mapping[str, Package] | None = None,
) -> tuple[Resolution | None, tuple[Problem, ...]]:
    """Choose a version of everything.

    Args:
        wish: what people want.
        prior: the last lock's packages by Application; empty at first.
        catalog: what can be installed. Its ReconcilerErrors pass through.
        upgrade: Applications that may leave their locked version, since somebody asked to move them within their ranges.
        preferences: the packages that stay where they can, since people reviewed them, by Application; None for the last lock's.

    Returns:
        The resolution, or None with the problems.
    """
    installed = CandidateFinder(wish, prior, catalog, DependencyReader(wish, prior), upgrade)
    candidates = (
        installed
        if preferences is None
        else CandidateFinder(wish, preferences, catalog, DependencyReader(wish, {**prior, **preferences}), upgrade, prior)
    )
    roots = [root_requirement(one) for _, one in sorted(wish.declared.items())]
    conflict = ConflictReporter(wish, candidates, catalog)
    hopeless = [problem for need in roots if (problem := conflict.unsatisfiable(need)) is not None]
    if hopeless:
        return None, tuple(hopeless)
    match outcome := solve(roots, candidates):
        case NoSolution() | SearchLimitExceeded() | CyclicSolution():
            return None, conflict.report(roots, outcome)
        case found:
            pass
    if lost := [choice for choice in found.values() if choice.exclusion]:
        return None, tuple(conflict.excluded_pin(choice) for choice in lost)
    found = minimize_changes(found, roots, candidates, upgrade)
    if has_backtracked(found, candidates, _requirements_by_application(found, roots, candidates)):
        found = maximize_versions(found, roots, candidates, upgrade)
    needs = _requirements_by_application(found, roots, candidates)
    edges = {name: tuple(sorted({n.application for n in candidates.needs.of(one)})) for name, one in found.items()}
    resolution = Resolution(found, needs, edges, tuple(_warnings(wish, found, needs, installed)))
    problems = tuple(_unknown_binds(wish, found))
    return (None, problems) if problems else (resolution, ())


def _requirements_by_application(
    found: Mapping[str, Candidate], roots: list[Requirement], candidates: CandidateFinder
) -> dict[str, tuple[Requirement, ...]]:
    needs: dict[str, list[Requirement]] = {name: [] for name in found}
    for need in (*roots, *(n for choice in found.values() for n in candidates.needs.of(choice))):
        needs[need.application].append(need)
    return {name: tuple(sorted(ns, key=lambda n: (n.requirer, n.written, n.range))) for name, ns in needs.items()}


def _warnings(
    wish: ValidatedInput,
    found: Mapping[str, Candidate],
    needs: Mapping[str, tuple[Requirement, ...]],
    candidates: CandidateFinder,
) -> Iterator[Problem]:
    """Newer versions in range that were passed over, and upgrades that leave the way their Blueprint names."""
    for name, choice in found.items():
        past = candidates.prior.get(name)
        moved = past is not None and past.blueprint == choice.blueprint and past.version != choice.version
        source = wish.declared[choice.chain[0]].source
        way = ("spec", "blueprint")
        if past is None or moved:
            over = [o for o in _newer(choice, needs[name], candidates) if o.code != "Downgrade"]
            for words in choice.verified.warnings:
                message = f"{choice.blueprint} {choice.version}: {words}"
                yield source.problem("OddBlueprint", message, way).model_copy(update={"severity": "warning"})
            for one in over:
                message = f"{choice.blueprint} {one.version} is passed over for {choice.version}: {one.reason}"
                yield source.problem("PassedOver", message, way).model_copy(update={"severity": "warning"})
        usual = choice.verified.blueprint.spec.upgrades.from_
        if past is not None and moved and usual and not any(satisfies(past.version, r) for r in usual):
            message = f"{name} goes from {past.version} to {choice.version}, which is made for upgrades from {', '.join(usual)}"
            yield source.problem("UnusualUpgrade", message, way).model_copy(update={"severity": "warning"})


def _newer(choice: Candidate, needs: tuple[Requirement, ...], candidates: CandidateFinder) -> Iterator[ExcludedVersion]:
    for one in candidates.evaluate(needs):
        if isinstance(one, ExcludedVersion) and is_older(choice.version, one.version):
            yield one
        elif isinstance(one, Candidate) and one.version == choice.version:
            return


def _unknown_binds(wish: ValidatedInput, found: Mapping[str, Candidate]) -> Iterator[Problem]:
    for one, key, verified in unknown_binds(wish, found):
        keys = sorted({dependency.bind_key for dependency in verified.blueprint.spec.depends})
        message = f"{verified.blueprint.name} has no dependency {key}; it has {', '.join(keys) or 'none'}"
        yield one.source.problem("UnknownDependency", message, ("spec", "bind", key))
