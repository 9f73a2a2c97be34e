"""What a chart itself says against being installed: that it installs nothing, or that it rejects the values.

Values are put together as Helm does: the Application's over the chart's own, mappings key by key, null takes a key away,
everything else is replaced; the charts inside get theirs under their alias or name, and `global`. Those that a condition or a tag
turns off do not count.
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
# Helm reads a chart's values as YAML 1.1, where these are booleans; we read them as 1.2, where they are words.
_ELSEWHERE_BOOLEAN: Final = frozenset({"y", "yes", "on", "n", "no", "off"})


@dataclass(frozen=True)
class HelmChart:
    """A chart, as far as it is looked at.

    Attributes:
        name: as its Chart.yaml says, or the alias that the chart around it gives it.
        library: whether it is a library chart, which installs nothing.
        renders: whether a template or CustomResourceDefinition of its own could come to something.
        values: its own values.
        schema: its usable values.schema.json; None when there is none.
        subcharts: the charts that it carries, by the dependencies it declares and their own names.
        missing: the dependencies that it declares and does not carry.
        condition: the ways in the outermost values of which the first boolean turns it on or off.
        tags: what turns it on or off under `tags` in the outermost values.
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
        """Whether anything could come of it."""
        return not self.library and (self.renders or any(one.installs for one in self.subcharts))

    @property
    def has_schema(self) -> bool:
        """Whether it or a chart inside says what values it takes."""
        return self.schema is not None or any(one.has_schema for one in self.subcharts)


def chart_defects(chart: HelmChart) -> Iterator[str]:
    """Why a chart would install nothing, or not all, in sentences. Of a library chart itself nothing is said."""
    if chart.missing:
        names = ", ".join(chart.missing)
        yield f"its chart is hollow: it declares {names} and does not carry it (`helm dependency build` was not run)"
    elif not chart.library and not chart.installs:
        what = "carries library charts only" if chart.subcharts else "carries no chart that has one"
        yield f"its chart installs nothing: it has no template that could render anything, and {what}"


def values_violations(chart: HelmChart, given: Mapping[str, Any]) -> Iterator[SchemaViolation]:
    """What a chart and the charts inside have against an Application's values; ways start at the Application's values."""
    on = _switched(chart, _coalesced(chart, given), ())
    yield from _rejections(on, _coalesced(on, given), given, ())


def _rejections(chart: HelmChart, values: Mapping[str, Any], given: Any, way: KeyPath) -> Iterator[SchemaViolation]:
    who = f"the chart {chart.name}"
    for one in violations(chart.schema, values, default="7", who=who) if chart.schema is not None else ():
        value = value_at(values, one.way)
        own = value is not None and value_at(given, one.way) is None
        if own and isinstance(value, str) and value.lower() in _ELSEWHERE_BOOLEAN:
            continue
        words = one.words if one.at_key else f"{one.words}, says {who}{' of its own value' if own else ''}"
        yield replace(one, way=(*way, *one.way), words=words)
    for inner in chart.subcharts:
        theirs = values.get(inner.name)
        if isinstance(theirs, dict):
            yield from _rejections(inner, theirs, value_at(given, (inner.name,)), (*way, inner.name))
        else:
            yield SchemaViolation((*way, inner.name), f"must be a mapping, says {who}: it holds the values of a chart inside")


def _coalesced(chart: HelmChart, given: Mapping[str, Any]) -> dict[str, Any]:
    values = copy.deepcopy(dict(given))
    _lay_under(values, chart.values)
    for inner in chart.subcharts:
        theirs = values.setdefault(inner.name, {})
        if isinstance(theirs, dict):
            values[inner.name] = _coalesced(inner, _with_globals(theirs, values.get(GLOBAL, {})))
    return values


def _lay_under(values: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Fill in place what is not there; null takes a default away."""
    for key, default in defaults.items():
        if key not in values:
            values[key] = copy.deepcopy(default)
        elif values[key] is None:
            del values[key]
        elif isinstance(values[key], dict) and isinstance(default, Mapping):
            _lay_under(values[key], default)


def _with_globals(values: dict[str, Any], outer: Any) -> dict[str, Any]:
    """A chart's values with the globals of the chart around it, which win."""
    inner = values.get(GLOBAL, {})
    if not isinstance(inner, dict) or not isinstance(outer, dict):
        return values
    both = copy.deepcopy(outer)
    _lay_under(both, inner)
    return {**values, GLOBAL: both}


def _switched(chart: HelmChart, root: Mapping[str, Any], way: tuple[str, ...]) -> HelmChart:
    """The chart without what the outermost values turn off."""
    on = [inner for inner in chart.subcharts if _is_on(inner, root, way)]
    return replace(chart, subcharts=tuple(_switched(inner, root, (*way, inner.name)) for inner in on))


def _is_on(chart: HelmChart, root: Mapping[str, Any], way: tuple[str, ...]) -> bool:
    for condition in chart.condition:
        value = value_at(root, (*way, *condition.split(".")))
        if isinstance(value, bool):
            return value
    told = [value for tag in chart.tags if isinstance(value := value_at(root, ("tags", tag)), bool)]
    return any(told) or not told
