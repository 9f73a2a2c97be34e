"""An Application's values, checked against the Blueprint's configSchema.

They are the schema's defaults, then the overlay for the size, then what the requirers give, then what the person wrote; last the
defaults of those forms (`oneOf`) that the values turn out to have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.values.json_schema import schema_problem, violations
from reconciler.domain.values.schema_defaults import SchemaCostError, apply_one_of_defaults, defaults, merge_defaults
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.domain.validation.environment import DeclaredApplication
    from reconciler.domain.values.json_schema import SchemaViolation
    from reconciler.model.blueprint import Blueprint
    from reconciler.model.source import KeyPath, Source

CONFIG: KeyPath = ("spec", "config")


def config_schema_problem(blueprint: Blueprint) -> str | None:
    """Why a Blueprint's configSchema cannot be used, in one sentence; None when it can."""
    schema = blueprint.spec.config_schema
    if schema is None:
        return None
    found = schema_problem(schema)
    if found is None:
        try:
            defaults(schema)
        except SchemaCostError as error:
            found = str(error)
    return f"its configSchema cannot be used: {found}" if found else None


def application_values(
    blueprint: Blueprint, declared: DeclaredApplication | None, given: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The values for the chart.

    Args:
        blueprint: whose; its configSchema must be usable.
        declared: the person's Application, or None for one that only other Blueprints need.
        given: values that the requirers give a dedicated dependency, in order.

    Returns:
        The values, and the problems of the person's config (at its file's lines).
    """
    values = merge_values(blueprint, declared, given)
    schema, problems = blueprint.spec.config_schema, list[Problem]()
    if declared is not None and (problem := _size_problem(blueprint, declared)) is not None:
        problems.append(problem)
    if schema is not None:
        problems.extend(as_problem(one, declared.source if declared else None) for one in violations(schema, values))
    return values, tuple(problems)


def merge_values(
    blueprint: Blueprint, declared: DeclaredApplication | None, given: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The values alone, unchecked; a size that the Blueprint does not have adds nothing.

    Arguments as for `application_values`.
    """
    schema = blueprint.spec.config_schema
    values = defaults(schema) if schema is not None else {}
    if declared is not None and declared.application.spec.size is not None:
        merge_defaults(values, blueprint.spec.overlays.get(declared.application.spec.size, {}))
    for one in given:
        merge_defaults(values, one)
    if declared is not None:
        merge_defaults(values, declared.application.spec.config)
    if schema is not None:
        apply_one_of_defaults(schema, values)
    return values


def as_problem(one: SchemaViolation, source: Source | None) -> Problem:
    """A complaint about values, at the line of the config that it is about; at none where nobody's file is to blame."""
    message = f"{'.'.join(str(step) for step in ('config', *one.way))}: {one.words}"
    if source is None:
        return Problem(code="InvalidConfig", message=message, hint=one.hint)
    return source.problem("InvalidConfig", message, (*CONFIG, *one.way), hint=one.hint, at_value=not one.at_key)


def _size_problem(blueprint: Blueprint, declared: DeclaredApplication) -> Problem | None:
    size = declared.application.spec.size
    if size is None or size in blueprint.spec.overlays:
        return None
    hint = did_you_mean(size, blueprint.spec.overlays) or f"{blueprint.name} has no sizes; leave the field out"
    return declared.source.problem(
        "UnknownSize", f"{blueprint.name} has no size {size}", ("spec", "size"), at_value=True, hint=hint
    )
