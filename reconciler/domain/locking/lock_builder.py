"""Builds the lock from a resolution: determines values and placements, and binds every package to the digest of its content."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from reconciler.domain.blueprints.chart_values import values_violations
from reconciler.domain.locking.placement import MODES
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.validation.environment import is_reserved
from reconciler.domain.values.application_values import application_values, as_problem
from reconciler.model.base import MAX_NAME
from reconciler.model.lock import UNSEALED, EnvironmentLock, LockMetadata, Package, Requirer, sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.resolution.requirements import Candidate
    from reconciler.domain.resolution.resolver import Resolution
    from reconciler.domain.validation.environment import DeclaredApplication, ValidatedInput
    from reconciler.model.lock import LockedSovereign
    from reconciler.model.problem import Problem

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def build_lock(
    validated: ValidatedInput, resolution: Resolution, sovereign: LockedSovereign
) -> tuple[EnvironmentLock | None, tuple[Problem, ...]]:
    """Returns the lock of a resolution; or None, with the problems of all its Applications."""
    problems: list[Problem] = []
    placements = _placements(validated, resolution, problems)
    packages = []
    for name, candidate in resolution.choices.items():
        declared = validated.declared.get(name)
        dependency_values = [requirement.values for requirement in resolution.needs[name] if requirement.values]
        values, violations = application_values(candidate.verified.blueprint, declared, dependency_values)
        violations = violations or _chart_violations(candidate, declared, values)
        problems.extend(
            violation if violation.file else _at_declaring_file(validated, candidate, violation) for violation in violations
        )
        invalid_name = _name_problem(validated, name, candidate)
        if invalid_name is not None:
            problems.append(invalid_name)
            continue
        packages.append(_package(name, candidate, resolution, values, placements[name], declared))
    if problems:
        return None, tuple(problems)
    environment = validated.environment
    lock = EnvironmentLock(
        metadata=LockMetadata(name=environment.metadata.name),
        sovereign=sovereign,
        organization=environment.spec.organization,
        placements=sorted(placement.cluster for placement in environment.spec.placements),
        flux_namespace=environment.spec.flux_namespace,
        packages=packages,
    )
    return sealed(lock), ()


def _chart_violations(
    candidate: Candidate, declared: DeclaredApplication | None, values: Mapping[str, Any]
) -> tuple[Problem, ...]:
    """Returns the violations of the schema that the chart itself has for its values."""
    chart = candidate.verified.values_chart
    violations = values_violations(chart, values) if chart is not None else ()
    return tuple(as_problem(violation, declared.source if declared else None) for violation in violations)


def _at_declaring_file(validated: ValidatedInput, candidate: Candidate, problem: Problem) -> Problem:
    """Returns a problem with a dependency's values, located in the file of the declared Application that requires it."""
    source = validated.declared[candidate.chain[0]].source
    message = f"the dependency {candidate.application}, of {candidate.blueprint} {candidate.version}: {problem.message}"
    return source.problem(problem.code, message, ("spec", "blueprint"), hint=problem.hint)


def _name_problem(validated: ValidatedInput, name: str, candidate: Candidate) -> Problem | None:
    """Returns the problem with a dependency's name, or None.

    Such a name is derived from the names of Blueprints and Applications, and was never validated as the name in a document is.
    """
    source = validated.declared[candidate.chain[0]].source
    if len(name) > MAX_NAME:
        message = f"the dependency {name} would have a name of {len(name)} characters; at most {MAX_NAME} are allowed"
        return source.problem("NameTooLong", message, ("metadata", "name"), hint="shorten this name")
    reserved = is_reserved(name) or name == validated.environment.spec.flux_namespace
    if reserved or not _NAME.fullmatch(name):
        reason = "its Namespace has another owner" if reserved else "it is not a valid name of a Namespace"
        hint = "bind it to an Application with another name"
        return source.problem(
            "ReservedName", f"the dependency {name} cannot have this name: {reason}", ("spec", "blueprint"), hint=hint
        )
    return None


def _package(
    name: str,
    candidate: Candidate,
    resolution: Resolution,
    values: dict[str, Any],
    placements: list[str],
    declared: DeclaredApplication | None,
) -> Package:
    """Returns an Application's package; its `entry` follows when the lock is complete."""
    verified = candidate.verified
    return Package(
        application=name,
        blueprint=verified.blueprint.name,
        version=verified.blueprint.version,
        artifact=verified.artifact,
        chart=verified.chart,
        placements=placements,
        depends_on=list(resolution.edges[name]),
        required_by=[
            Requirer(application=requirement.requirer, range=requirement.range, in_=requirement.written)
            for requirement in resolution.needs[name]
        ],
        evidence=verified.evidence,
        values=values,
        suspend=declared.application.spec.suspend if declared else False,
        entry=UNSEALED,
    )


def _placements(validated: ValidatedInput, resolution: Resolution, problems: list[Problem]) -> dict[str, list[str]]:
    """Returns the clusters of every Application, and appends the problems with them.

    An Application that is not declared is placed on all clusters of its dependents.
    """
    placed = {
        name: _declared_clusters(validated, declared, resolution.choices[name], problems)
        for name, declared in validated.declared.items()
    }
    requirers = {
        name: sorted({requirement.requirer for requirement in requirements} - {name})
        for name, requirements in sorted(resolution.needs.items())
    }
    for name in TopologicalSorter(requirers).static_order():  # dependents first; `resolve` refuses cycles
        required = sorted({cluster for requirer in requirers[name] for cluster in placed[requirer]})
        if name not in validated.declared:
            placed[name] = required
        elif missing := sorted(set(required) - set(placed[name])):
            dependents = ", ".join(requirer for requirer in requirers[name] if set(placed[requirer]) & set(missing))
            problems.append(
                validated.declared[name].source.problem(
                    "NotPlaced",
                    f"{name} does not run on {', '.join(missing)}, where {dependents} needs it",
                    ("spec", "placement"),
                    hint=f"widen the placement of {name}, or narrow that of {dependents}",
                )
            )
    return placed


def _declared_clusters(
    validated: ValidatedInput, declared: DeclaredApplication, candidate: Candidate, problems: list[Problem]
) -> list[str]:
    """Returns the clusters that a declared Application's placement selects, sorted, and appends the problems with it."""
    placement = declared.application.spec.placement
    rule = candidate.verified.blueprint.spec.placement_schema
    blueprint = candidate.verified.blueprint.name
    all_placements = validated.environment.spec.placements
    mode = placement.mode or rule.default
    modes = rule.modes or MODES
    if placement.mode is not None and placement.mode not in modes:
        problems.append(
            declared.source.problem(
                "InvalidPlacement",
                f"{blueprint} cannot be placed {placement.mode}",
                ("spec", "placement", "mode"),
                at_value=True,
                hint=did_you_mean(placement.mode, modes),
            )
        )
    if placement.regions:
        selected = [p for p in all_placements if p.region in placement.regions]
    else:
        selected = all_placements[:1] if mode == "single-region" else all_placements
    regions = {p.region for p in selected}
    least, most = rule.min_regions, 1 if mode == "single-region" else rule.max_regions
    if not (least <= len(regions) <= (most or len(regions))):
        allowed = f"exactly {least}" if least == most else f"at least {least}" + (f" and at most {most}" if most else "")
        message = f"{len(regions)} regions are requested; {blueprint}{f' as {mode}' if mode else ''} supports {allowed}"
        hint = "" if placement.regions else f"set spec.placement.regions to some of {', '.join(sorted(regions))}"
        problems.append(declared.source.problem("InvalidPlacement", message, ("spec", "placement", "regions"), hint=hint))
    return sorted(p.cluster for p in selected)
