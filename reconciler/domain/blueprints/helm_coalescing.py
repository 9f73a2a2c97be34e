"""Puts the values of a chart and its subcharts together as Helm 4.2 does, nulls included.

Helm first decides which subcharts are enabled, then imports values of subcharts into their parents (`import-values`), then merges
what the person gave over all of it. Each step treats nulls in its own way: a person's null removes a chart's default, a chart's
own null is dropped, and one without a default stays. The functions below follow pkg/chart/common/util/coalesce.go and
pkg/chart/v2/util/dependencies.go step by step; tests hold them against the helm binary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.blueprints.helm_versions import is_in_range
from reconciler.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.domain.blueprints.helm_chart import Dependency, HelmChart
    from reconciler.model.source import KeyPath

GLOBAL: Final = "global"

_Table = dict[str, Any]


class NotATableError(IntegrityError):
    """A value stands where the values of a subchart belong.

    Attributes:
        path: its path.
    """

    def __init__(self, path: KeyPath) -> None:
        super().__init__("must be a mapping")
        self.path = path


@dataclass
class _Node:
    """A chart while its values are put together."""

    chart: HelmChart
    name: str
    values: _Table
    declared: list[Dependency]
    subcharts: list[_Node]

    @classmethod
    def of(cls, chart: HelmChart) -> _Node:
        subcharts = [cls.of(subchart) for subchart in chart.subcharts]
        return cls(chart, chart.name, _copied(dict(chart.values)), list(chart.dependencies), subcharts)

    def called(self, name: str) -> _Node:
        return replace(self, name=name, values=self.values, declared=list(self.declared), subcharts=list(self.subcharts))

    def chart_as_enabled(self) -> HelmChart:
        return replace(self.chart, name=self.name, subcharts=tuple(node.chart_as_enabled() for node in self.subcharts))


def coalesced_values(chart: HelmChart, given: _Table) -> tuple[HelmChart, _Table]:
    """Returns the chart with its enabled subcharts, by the names that their values have, and the values of all of them.

    Args:
        chart: as it is in the archive.
        given: what the person gives; it is not changed.

    Raises:
        NotATableError: what is given for a subchart, or a chart's own value for it, is no mapping. Helm refuses it.
    """
    root = _Node.of(chart)
    _enable(root, given, "")
    _import_values(root)
    values = _copied(given)
    _coalesce(root, values, (), merge=False)
    return root.chart_as_enabled(), values


def _enable(node: _Node, given: _Table, path: str) -> None:
    """Leaves the subcharts that are enabled, each under its alias; charts below one that declares none are left alone."""
    if not node.declared:
        return
    bundled = node.subcharts
    node.subcharts = [chart for chart in bundled if not any(_is(chart, dependency) for dependency in node.declared)]
    for dependency in node.declared:
        chosen = next((chart for chart in bundled if _is(chart, dependency)), None)
        if chosen is not None:
            node.subcharts.append(chosen.called(dependency.alias or chosen.name))
    values = _copied(given)
    _coalesce(node, values, (), merge=False)
    disabled = {dependency.key for dependency in node.declared if not _is_enabled(dependency, values, path)}
    node.subcharts = [subchart for subchart in node.subcharts if subchart.name not in disabled]
    node.declared = [dependency for dependency in node.declared if dependency.key not in disabled]
    for subchart in node.subcharts:
        _enable(subchart, values, f"{path}{subchart.name}.")


def _is(subchart: _Node, dependency: Dependency) -> bool:
    return subchart.chart.name == dependency.name and is_in_range(dependency.version, subchart.chart.version)


def _is_enabled(dependency: Dependency, values: _Table, path: str) -> bool:
    for condition in dependency.condition:
        value = _value(values, f"{path}{condition}")
        if isinstance(value, bool):
            return value
    tags = values.get("tags")
    switches = [tags[tag] for tag in dependency.tags if isinstance(tags.get(tag), bool)] if isinstance(tags, dict) else []
    return any(switches) or not switches


def _value(values: _Table, path: str) -> Any:
    *tables, key = path.split(".")
    table = _table(values, tables)
    return table.get(key) if table is not None else None


def _table(values: _Table, steps: Iterable[str]) -> _Table | None:
    table: Any = values
    for step in steps:
        table = table.get(step)
        if not isinstance(table, dict):
            return None
    return table  # type: ignore[no-any-return]


def _import_values(node: _Node) -> None:
    for subchart in node.subcharts:
        _import_values(subchart)
    if not node.declared:
        return
    values: _Table = {}
    _coalesce(node, values, (), merge=True)
    imported: _Table = {}
    for dependency in node.declared:
        for child, parent in dependency.imports:
            table = _table(values, f"{dependency.key}.{child}".split("."))
            if table is not None:
                _merge_tables(imported, _nested(table, parent), merge=True)
    node.values = _copied(values)
    _merge_tables(node.values, imported, merge=True)


def _nested(table: _Table, path: str) -> _Table:
    for step in reversed(path.split(".") if path != "." else []):
        table = {step: table}
    return table


def _coalesce(node: _Node, into: _Table, path: KeyPath, *, merge: bool) -> None:
    _coalesce_own(node, into, merge=merge)
    for subchart in node.subcharts:
        table = into.setdefault(subchart.name, {})
        if not isinstance(table, dict):
            raise NotATableError((*path, subchart.name))
        _pass_globals(table, into)
        _coalesce(subchart, table, (*path, subchart.name), merge=merge)


def _coalesce_own(node: _Node, into: _Table, *, merge: bool) -> None:
    names = {subchart.name for subchart in node.subcharts}
    for key, default in _copied(node.values).items():
        if key not in into:
            if not merge:
                if default is None:
                    continue
                _drop_nulls(default)
            into[key] = default
        elif into[key] is None and not merge:
            del into[key]
        elif isinstance(into[key], dict) and isinstance(default, dict):
            keep_nulls = merge or key in names
            if not keep_nulls:
                _drop_nulls(default)
            _merge_tables(into[key], default, merge=keep_nulls)


def _pass_globals(inner: _Table, outer: _Table) -> None:
    """Copies the globals of a chart to a subchart; the outer ones take precedence."""
    into, new = inner.get(GLOBAL, {}), outer.get(GLOBAL, {})
    if not isinstance(into, dict) or not isinstance(new, dict):
        return
    for key, value in new.items():
        if isinstance(value, dict):
            table = dict(value)  # one level, as Helm: what is merged deeper is seen by the outer chart too
            if key not in into:
                into[key] = table
            elif isinstance(into[key], dict):
                _merge_tables(table, into[key], merge=True)
                into[key] = table
        elif not isinstance(into.get(key), dict):
            into[key] = value
    inner[GLOBAL] = into


def _merge_tables(into: _Table, defaults: _Table, *, merge: bool) -> None:
    """Fills in what is missing, in place; without `merge` a null removes a default."""
    given = {key for key, default in defaults.items() if default is not None}
    for key, value in list(into.items()):
        if value is None:
            defaults[key] = None
    for key, default in list(defaults.items()):
        if key not in into:
            into[key] = default
        elif into[key] is None and not merge and key in given:
            del into[key]
        elif isinstance(default, dict) and isinstance(into[key], dict):
            _merge_tables(into[key], default, merge=merge)


def _drop_nulls(value: Any) -> None:
    if not isinstance(value, dict):
        return
    for key, inner in list(value.items()):
        if inner is None:
            del value[key]
        else:
            _drop_nulls(inner)


def _copied(value: Any) -> Any:
    """A copy in which nothing is shared, as Helm's: a deep copy would keep what two places share."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value
