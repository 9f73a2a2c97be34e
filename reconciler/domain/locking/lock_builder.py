"""From a resolution to the lock: values and placements decided, every package bound to one digest over what it is to run."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from reconciler.domain.blueprints.helm_chart import values_violations
from reconciler.domain.locking.placement import MODES
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.validation.environment import is_reserved
from reconciler.domain.values.application_values import application_values, as_problem
from reconciler.model.base import MAX_NAME
from reconciler.model.lock import EnvironmentLock, LockMetadata, Package, Requirer, entry_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.resolution.requirements import Candidate
    from reconciler.domain.resolution.resolver import Resolution
    from reconciler.domain.validation.environment import DeclaredApplication, ValidatedInput
    from reconciler.model.problem import Problem

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def build_lock(wish: ValidatedInput, resolution: Resolution) -> tuple[EnvironmentLock | None, tuple[Problem, ...]]:
    """Make the lock, or say all that stands against it."""
    problems: list[Problem] = []
    placements = _placements(wish, resolution, problems)
    packages = []
    for name, choice in resolution.choices.items():
        declared = wish.declared.get(name)
        given = [need.values for need in resolution.needs[name] if need.values]
        values, found = application_values(choice.verified.blueprint, declared, given)
        found = found or _rejected(choice, declared, values)
        problems.extend(problem if problem.file else _at_declaring_file(wish, choice, problem) for problem in found)
        unnameable = _name_problem(wish, name, choice)
        if unnameable is not None:
            problems.append(unnameable)
            continue
        packages.append(_package(name, choice, resolution, values, placements[name], declared))
    if problems:
        return None, tuple(problems)
    environment = wish.environment
    return EnvironmentLock(
        metadata=LockMetadata(name=environment.metadata.name),
        flux_namespace=environment.spec.flux_namespace,
        packages=packages,
    ), ()


def _rejected(choice: Candidate, declared: DeclaredApplication | None, values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What the chart itself has against the values."""
    chart = choice.verified.values_chart
    found = values_violations(chart, values) if chart is not None else ()
    return tuple(as_problem(one, declared.source if declared else None) for one in found)


def _at_declaring_file(wish: ValidatedInput, choice: Candidate, problem: Problem) -> Problem:
    """A problem with the values of an Application that nobody declared, in the file from which the need for it came."""
    source = wish.declared[choice.chain[0]].source
    message = f"the dependency {choice.application}, of {choice.blueprint} {choice.version}: {problem.message}"
    return source.problem(problem.code, message, ("spec", "blueprint"), hint=problem.hint)


def _name_problem(wish: ValidatedInput, name: str, choice: Candidate) -> Problem | None:
    """What is wrong with the name of an Application that other Blueprints need: it was made of theirs, and nobody chose it."""
    source = wish.declared[choice.chain[0]].source
    if len(name) > MAX_NAME:
        message = f"the dependency {name} would have a name of {len(name)} characters; at most {MAX_NAME} are allowed"
        return source.problem("NameTooLong", message, ("metadata", "name"), hint="shorten this name")
    reserved = is_reserved(name) or name == wish.environment.spec.flux_namespace
    if reserved or not _NAME.fullmatch(name):
        why = "its Namespace belongs to others" if reserved else "that is no name for a Namespace"
        hint = "bind it to an Application with another name"
        return source.problem(
            "ReservedName", f"the dependency {name} cannot be called so: {why}", ("spec", "blueprint"), hint=hint
        )
    return None


def _package(
    name: str,
    choice: Candidate,
    resolution: Resolution,
    values: dict[str, Any],
    placements: list[str],
    declared: DeclaredApplication | None,
) -> Package:
    verified = choice.verified
    runs: dict[str, Any] = {
        "artifact": verified.artifact,
        "values": values,
        "depends_on": list(resolution.edges[name]),
        "placements": placements,
        "suspend": declared.application.spec.suspend if declared else False,
    }
    return Package(
        application=name,
        blueprint=verified.blueprint.name,
        version=verified.blueprint.version,
        chart=verified.chart,
        required_by=[Requirer(application=n.requirer, range=n.range, in_=n.written) for n in resolution.needs[name]],
        evidence=verified.evidence,
        entry=entry_digest(runs),
        **runs,
    )


def _placements(wish: ValidatedInput, resolution: Resolution, problems: list[Problem]) -> dict[str, list[str]]:
    """The clusters of every Application; one that nobody declared runs wherever someone needs it."""
    placed = {name: _declared_clusters(wish, one, resolution.choices[name], problems) for name, one in wish.declared.items()}
    requirers = {name: sorted({n.requirer for n in needs} - {name}) for name, needs in sorted(resolution.needs.items())}
    for name in TopologicalSorter(requirers).static_order():  # after all that need it; `resolve` refuses circles
        needed = sorted({cluster for requirer in requirers[name] for cluster in placed[requirer]})
        if name not in wish.declared:
            placed[name] = needed
        elif missing := sorted(set(needed) - set(placed[name])):
            who = ", ".join(r for r in requirers[name] if set(placed[r]) & set(missing))
            problems.append(
                wish.declared[name].source.problem(
                    "NotPlaced",
                    f"{name} does not run on {', '.join(missing)}, where {who} needs it",
                    ("spec", "placement"),
                    hint="widen its placement, or narrow that of who needs it",
                )
            )
    return placed


def _declared_clusters(wish: ValidatedInput, one: DeclaredApplication, choice: Candidate, problems: list[Problem]) -> list[str]:
    asked = one.application.spec.placement
    rule = choice.verified.blueprint.spec.placement_schema
    blueprint = choice.verified.blueprint.name
    all_placements = wish.environment.spec.placements
    mode = asked.mode or rule.default
    modes = rule.modes or MODES
    if asked.mode is not None and asked.mode not in modes:
        problems.append(
            one.source.problem(
                "InvalidPlacement",
                f"{blueprint} cannot be placed {asked.mode}",
                ("spec", "placement", "mode"),
                at_value=True,
                hint=did_you_mean(asked.mode, modes),
            )
        )
    if asked.regions:
        chosen = [p for p in all_placements if p.region in asked.regions]
    else:
        chosen = all_placements[:1] if mode == "single-region" else all_placements
    regions = {p.region for p in chosen}
    least, most = rule.min_regions, 1 if mode == "single-region" else rule.max_regions
    if not (least <= len(regions) <= (most or len(regions))):
        allowed = f"exactly {least}" if least == most else f"at least {least}" + (f" and at most {most}" if most else "")
        message = f"{len(regions)} regions are asked for; {blueprint}{f' as {mode}' if mode else ''} takes {allowed}"
        hint = "" if asked.regions else f"say which with spec.placement.regions, of {', '.join(sorted(regions))}"
        problems.append(one.source.problem("InvalidPlacement", message, ("spec", "placement", "regions"), hint=hint))
    return sorted(p.cluster for p in chosen)
