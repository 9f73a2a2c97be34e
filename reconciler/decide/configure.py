"""An Application's values, checked against the Blueprint's configSchema.

They are the schema's defaults, then the overlay for the size, then what the person wrote. The check is jsonschema-rs's: patterns
run in linear time and no reference is ever fetched.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from reconciler.decide.shape import did_you_mean
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.decide.validate import Declared
    from reconciler.model.blueprint import Blueprint
    from reconciler.model.source import Source, Way

CONFIG: Way = ("spec", "config")


def schema_fault(blueprint: Blueprint) -> str | None:
    """Why a Blueprint's configSchema cannot be used, in one sentence; None when it can."""
    schema = blueprint.spec.config_schema
    if schema is None:
        return None
    try:
        _validator(schema)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        return f"its configSchema cannot be used: {str(error).splitlines()[0][:200]}"
    return None


def values_of(
    blueprint: Blueprint, declared: Declared | None, given: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The values for the chart.

    Args:
        blueprint: whose; its configSchema must be usable.
        declared: the person's Application, or None for one that only other Blueprints need.
        given: values that the requirers give a dedicated dependency, in order.

    Returns:
        The values, and the problems of the person's config (at its file's lines).
    """
    schema = blueprint.spec.config_schema
    values = _defaults(schema) if schema is not None else {}
    problems: list[Problem] = []
    if declared is not None and declared.application.spec.size is not None:
        size = declared.application.spec.size
        overlay = blueprint.spec.overlays.get(size)
        if overlay is None:
            hint = did_you_mean(size, blueprint.spec.overlays) or f"{blueprint.name} has no sizes; leave the field out"
            message = f"{blueprint.name} has no size {size}"
            problems.append(declared.source.problem("UnknownSize", message, ("spec", "size"), at_value=True, hint=hint))
        merge(values, overlay or {})
    for one in given:
        merge(values, one)
    if declared is not None:
        merge(values, declared.application.spec.config)
    if schema is not None:
        problems.extend(_check(schema, values, declared.source if declared else None))
    return values, tuple(problems)


def merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Lay new values over old ones in place: mappings key by key, everything else replaced whole (as Helm does)."""
    for key, value in new.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge(old, value)
        else:
            into[key] = copy.deepcopy(value)


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that a schema's properties give, nested ones too; a property without any is left out."""
    values: dict[str, Any] = {}
    properties = schema.get("properties")
    for key, part in (properties if isinstance(properties, dict) else {}).items():
        if not isinstance(part, dict):
            continue
        if "default" in part:
            values[key] = copy.deepcopy(part["default"])
        elif nested := _defaults(part):
            values[key] = nested
    return values


def _never(uri: str) -> Any:
    raise ValueError(f"the reference {uri} leads outside the schema and is not fetched")


def _validator(schema: Mapping[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator(
        dict(schema),
        retriever=_never,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        mask="the value",  # a value may be a secret, and this text is committed
    )


def _check(schema: Mapping[str, Any], values: Mapping[str, Any], source: Source | None) -> Iterable[Problem]:
    for error in _validator(schema).iter_errors(values):
        way = _way(error.instance_path, values)
        kind = error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            for key in kind.unexpected:
                yield _problem(source, (*way, key), "is not a key that the Blueprint knows", _hint(schema, way, key))
        else:
            yield _problem(source, way, error.message[:300])


def _way(path: Iterable[str | int], values: Any) -> Way:
    """The validator's path; it takes keys of digits alone for indexes."""
    way: Way = ()
    for step in path:
        is_key = isinstance(values, dict)
        way = (*way, str(step) if is_key else step)
        values = values.get(str(step)) if is_key else values[step]
    return way


def _hint(schema: Mapping[str, Any], way: Way, key: str) -> str:
    part: Any = schema
    for step in way:
        part = part.get("properties", {}).get(step, {}) if isinstance(part, dict) else {}
    return did_you_mean(key, part.get("properties", {})) if isinstance(part, dict) else ""


def _problem(source: Source | None, way: Way, words: str, hint: str = "") -> Problem:
    name = ".".join(str(step) for step in ("config", *way))
    if source is None:  # the values are of a Blueprint's own making: no file of this person is to blame
        return Problem(code="InvalidConfig", message=f"{name}: {words}", hint=hint)
    return source.problem("InvalidConfig", f"{name}: {words}", (*CONFIG, *way), hint=hint, at_value=not hint)
