"""Merges an Application's values, and validates them against the Blueprint's configSchema.

In this order, later ones over earlier ones: the schema's defaults, the overlay for the size, the values that requirers pass, the
Application's own config. At the end the defaults of those forms (`oneOf`) are added that the values turn out to have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.validation.lost_values import find_lost_values
from reconciler.domain.values.json_schema import SchemaViolation, schema_problem, violations
from reconciler.domain.values.schema_defaults import SchemaCostError, apply_one_of_defaults, defaults, merge_defaults
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.domain.validation.environment import DeclaredApplication
    from reconciler.domain.validation.lost_values import LostValue
    from reconciler.model.blueprint import Blueprint
    from reconciler.model.source import KeyPath, Source

CONFIG: KeyPath = ("spec", "config")


def config_schema_problem(blueprint: Blueprint) -> str | None:
    """Returns why a Blueprint's configSchema cannot be used, in one sentence; None when it can."""
    schema = blueprint.spec.config_schema
    if schema is None:
        return None
    problem = schema_problem(schema)
    if problem is None:
        try:
            defaults(schema)
        except SchemaCostError as error:
            problem = str(error)
    return f"its configSchema cannot be used: {problem}" if problem else None


def application_values(
    blueprint: Blueprint, declared: DeclaredApplication | None, passed: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Computes the values for the chart, and validates them.

    Args:
        blueprint: the Blueprint; its configSchema must be usable.
        declared: the declared Application, or None for one that only other Blueprints require.
        passed: values that the requirers pass to a dedicated dependency, in order.

    Returns:
        The values, and the problems of the Application's config (at its file's lines): of its schema, and values that would not
        arrive, whoever they come from.
    """
    values = merge_values(blueprint, declared, passed)
    schema, problems = blueprint.spec.config_schema, list[Problem]()
    if declared is not None and (problem := _size_problem(blueprint, declared)) is not None:
        problems.append(problem)
    source = declared.source if declared else None
    if schema is not None:
        problems.extend(as_problem(violation, source) for violation in violations(schema, values))
    problems.extend(as_problem(_as_violation(lost), source) for lost in find_lost_values(values))
    return values, tuple(problems)


def _as_violation(lost: LostValue) -> SchemaViolation:
    return SchemaViolation(lost.path, lost.message, lost.hint, at_key=lost.at_key)


def merge_values(
    blueprint: Blueprint, declared: DeclaredApplication | None, passed: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Merges the values without validating them; a size that the Blueprint does not have adds nothing.

    Arguments as for `application_values`.
    """
    schema = blueprint.spec.config_schema
    values = defaults(schema) if schema is not None else {}
    if declared is not None and declared.application.spec.size is not None:
        merge_defaults(values, blueprint.spec.overlays.get(declared.application.spec.size, {}))
    for layer in passed:
        merge_defaults(values, layer)
    if declared is not None:
        merge_defaults(values, declared.application.spec.config)
    if schema is not None:
        apply_one_of_defaults(schema, values)
    return values


def as_problem(violation: SchemaViolation, source: Source | None) -> Problem:
    """Converts a violation into a problem at its line of the config; without a place when no file declares the Application."""
    message = f"{'.'.join(str(step) for step in ('config', *violation.path))}: {violation.message}"
    if source is None:
        return Problem(code="InvalidConfig", message=message, hint=violation.hint)
    return source.problem(
        "InvalidConfig", message, (*CONFIG, *violation.path), hint=violation.hint, at_value=not violation.at_key
    )


def _size_problem(blueprint: Blueprint, declared: DeclaredApplication) -> Problem | None:
    size = declared.application.spec.size
    if size is None or size in blueprint.spec.overlays:
        return None
    hint = did_you_mean(size, blueprint.spec.overlays) or f"{blueprint.name} has no sizes; leave the field out"
    return declared.source.problem(
        "UnknownSize", f"{blueprint.name} has no size {size}", ("spec", "size"), at_value=True, hint=hint
    )
