"""Detects values that Helm refuses: by the schema of a chart or subchart, or since a subchart's values are a mapping.

Values are put together as Helm does (`helm_coalescing`). Subcharts that a condition or a tag disables do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.blueprints.helm_coalescing import NotATableError, coalesced_values
from reconciler.domain.values.json_schema import SchemaViolation, violations
from reconciler.model.plain_data import value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.domain.blueprints.helm_chart import HelmChart
    from reconciler.model.source import KeyPath

_SUBCHART: Final = "it holds the values of a subchart"


def values_violations(chart: HelmChart, given: Mapping[str, Any]) -> Iterator[SchemaViolation]:
    """Yields the violations of the schemas of a chart and its subcharts; paths start at the Application's values."""
    try:
        enabled, values = coalesced_values(chart, _as_helm_has(given))
    except NotATableError as error:
        yield SchemaViolation(error.path, f"must be a mapping, according to the chart {chart.name}: {_SUBCHART}")
        return
    yield from _violations(enabled, values, given, ())


def _violations(chart: HelmChart, values: Mapping[str, Any], given: Any, path: KeyPath) -> Iterator[SchemaViolation]:
    subject = f"the chart {chart.name}"
    for violation in violations(chart.schema, values, as_helm=True, who=subject) if chart.schema is not None else ():
        is_own = value_at(values, violation.path) is not None and value_at(given, violation.path) is None
        message = (
            violation.message
            if violation.at_key
            else f"{violation.message}, according to {subject}{' about its own value' if is_own else ''}"
        )
        yield replace(violation, path=(*path, *violation.path), message=message)
    for subchart in chart.subcharts:
        subchart_values = values.get(subchart.name)
        if isinstance(subchart_values, dict):
            yield from _violations(subchart, subchart_values, value_at(given, (subchart.name,)), (*path, subchart.name))
        elif subchart_values is not None:
            yield SchemaViolation((*path, subchart.name), f"must be a mapping, according to {subject}: {_SUBCHART}")


def _as_helm_has(value: Any) -> Any:
    """The values as Helm has them, in which `1.0` is the whole number 1."""
    if isinstance(value, Mapping):
        return {key: _as_helm_has(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_helm_has(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
