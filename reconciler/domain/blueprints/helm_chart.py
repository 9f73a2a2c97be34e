"""Detects charts that install nothing, and values that a chart's schema rejects.

Values are merged as in Helm: the Application's over the chart's own, mappings key by key, null removes a key, everything else is
replaced; subcharts get their values under their alias or name, and `global`. Subcharts that a condition or a tag disables do not
count.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.values.json_schema import SchemaViolation, violations
from reconciler.model.plain_data import value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.source import KeyPath

GLOBAL: Final = "global"
# Helm reads a chart's values as YAML 1.1, where these are booleans; the reconciler reads YAML 1.2, where they are strings.
_YAML11_BOOLEANS: Final = frozenset({"y", "yes", "on", "n", "no", "off"})


@dataclass(frozen=True)
class HelmChart:
    """A chart, as far as decisions depend on it.

    Attributes:
        name: the name in its Chart.yaml, or the alias that its parent chart gives it.
        library: whether it is a library chart, which installs nothing.
        renders: whether one of its own templates or CustomResourceDefinitions can install something.
        values: its own values.
        schema: its usable values.schema.json; None when there is none.
        subcharts: the charts that it bundles, by the dependencies it declares and their own names.
        missing: the dependencies that it declares and does not bundle.
        condition: paths in the outermost values, of which the first boolean enables or disables it.
        tags: the keys under `tags` in the outermost values that enable or disable it.
    """

    name: str
    library: bool = False
    renders: bool = True
    values: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    subcharts: tuple[HelmChart, ...] = ()
    missing: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def installs(self) -> bool:
        """Whether it can install anything."""
        return not self.library and (self.renders or any(subchart.installs for subchart in self.subcharts))

    @property
    def has_schema(self) -> bool:
        """Whether it or a subchart has a schema of its values."""
        return self.schema is not None or any(subchart.has_schema for subchart in self.subcharts)


def chart_defects(chart: HelmChart) -> Iterator[str]:
    """Yields why a chart installs nothing, or not everything, in sentences. A library chart itself is not reported."""
    if chart.missing:
        names = ", ".join(chart.missing)
        yield f"its chart lacks dependencies: it declares {names} and does not bundle it (run `helm dependency build`)"
    elif not chart.library and not chart.installs:
        subject = "bundles library charts only" if chart.subcharts else "bundles no chart that has one"
        yield f"its chart installs nothing: it has no template that can render anything, and {subject}"


def values_violations(chart: HelmChart, given: Mapping[str, Any]) -> Iterator[SchemaViolation]:
    """Yields the violations of the schemas of a chart and its subcharts; paths start at the Application's values."""
    enabled = _without_disabled(chart, _coalesced(chart, given), ())
    yield from _violations(enabled, _coalesced(enabled, given), given, ())


def _violations(chart: HelmChart, values: Mapping[str, Any], given: Any, path: KeyPath) -> Iterator[SchemaViolation]:
    subject = f"the chart {chart.name}"
    for violation in violations(chart.schema, values, default="7", who=subject) if chart.schema is not None else ():
        value = value_at(values, violation.path)
        is_own = value is not None and value_at(given, violation.path) is None
        if is_own and isinstance(value, str) and value.lower() in _YAML11_BOOLEANS:
            continue
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
        else:
            yield SchemaViolation(
                (*path, subchart.name), f"must be a mapping, according to {subject}: it holds the values of a subchart"
            )


def _coalesced(chart: HelmChart, given: Mapping[str, Any]) -> dict[str, Any]:
    values = copy.deepcopy(dict(given))
    _fill_defaults(values, chart.values)
    for subchart in chart.subcharts:
        subchart_values = values.setdefault(subchart.name, {})
        if isinstance(subchart_values, dict):
            values[subchart.name] = _coalesced(subchart, _with_globals(subchart_values, values.get(GLOBAL, {})))
    return values


def _fill_defaults(values: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Fills in missing values in place; null removes a default."""
    for key, default in defaults.items():
        if key not in values:
            values[key] = copy.deepcopy(default)
        elif values[key] is None:
            del values[key]
        elif isinstance(values[key], dict) and isinstance(default, Mapping):
            _fill_defaults(values[key], default)


def _with_globals(values: dict[str, Any], outer: Any) -> dict[str, Any]:
    """Returns a chart's values with the globals of its parent chart, which take precedence."""
    inner = values.get(GLOBAL, {})
    if not isinstance(inner, dict) or not isinstance(outer, dict):
        return values
    merged = copy.deepcopy(outer)
    _fill_defaults(merged, inner)
    return {**values, GLOBAL: merged}


def _without_disabled(chart: HelmChart, root: Mapping[str, Any], path: tuple[str, ...]) -> HelmChart:
    """Returns the chart without the subcharts that the outermost values disable."""
    enabled = [subchart for subchart in chart.subcharts if _is_enabled(subchart, root, path)]
    return replace(chart, subcharts=tuple(_without_disabled(subchart, root, (*path, subchart.name)) for subchart in enabled))


def _is_enabled(chart: HelmChart, root: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    for condition in chart.condition:
        value = value_at(root, (*path, *condition.split(".")))
        if isinstance(value, bool):
            return value
    switches = [value for tag in chart.tags if isinstance(value := value_at(root, ("tags", tag)), bool)]
    return any(switches) or not switches
