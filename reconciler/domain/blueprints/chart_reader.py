"""Parses the files of a chart, as far as decisions depend on them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.blueprints.helm_chart import HelmChart
from reconciler.domain.values.json_schema import schema_problem
from reconciler.formats.helm_archive import MAX_CHART_DEPTH
from reconciler.formats.yaml.documents import load

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_FILE: Final = "values.schema.json"
_MAX_VALUES: Final = 4 * 1024 * 1024  # bytes of a values.yaml, and
_MAX_PARTS: Final = 200_000  # parts of it: the largest public charts have a quarter of both
_INSTALLED: Final = re.compile(r"templates/(?!tests/)(?:.+/)?(?![_.])[^/]+|crds/(?:.+/)?[^/]+\.(?:ya?ml|json)")


def read_chart(files: Mapping[str, bytes], metadata: Mapping[str, Any]) -> tuple[HelmChart, tuple[str, ...]]:
    """Returns a chart with its subcharts, and notes on schemas that are not checked, in sentences.

    Args:
        files: the files of the archive, by path (`formats.helm_archive.read_archive`).
        metadata: its Chart.yaml. Values and schemas are parsed only where any chart of the archive has a schema.
    """
    reader = _Reader(any(path.rpartition("/")[2] == SCHEMA_FILE for path in files))
    chart = reader.chart(files, metadata, MAX_CHART_DEPTH)
    if reader.unread:  # the values of its parent charts are unknown, too
        note = f"no {SCHEMA_FILE} is checked: the values.yaml of the chart {reader.unread[0]}"
        return _Reader(False).chart(files, metadata, MAX_CHART_DEPTH), (note,)  # noqa: FBT003 - as above
    return chart, tuple(reader.notes)


class _Reader:
    def __init__(self, with_values: bool) -> None:  # noqa: FBT001 - used once, above
        self._with_values = with_values
        self.notes: list[str] = []
        self.unread: list[str] = []

    def chart(self, files: Mapping[str, bytes], metadata: Mapping[str, Any], depth: int) -> HelmChart:
        """Returns a chart with its subcharts down to a depth."""
        bundled = {
            subchart.name: subchart
            for folder, inner in (_subcharts(files) if depth else {}).items()
            for subchart in [self.chart(inner, _mapping(inner["Chart.yaml"]) or {"name": folder}, depth - 1)]
        }
        declared = _declared(files, metadata)
        names = [str(dependency["name"]) for dependency in declared]
        subcharts = [
            _as_declared(bundled[name], dependency) for name, dependency in zip(names, declared, strict=True) if name in bundled
        ]
        chart = HelmChart(
            name=str(metadata.get("name")),
            library=metadata.get("type") == "library",
            renders=any(_renders_something(path, text) for path, text in files.items()),
            subcharts=(*subcharts, *(subchart for name, subchart in bundled.items() if name not in names)),
            missing=tuple(sorted(set(names) - set(bundled))),
        )
        return (
            self._with_checks(chart, files, any("import-values" in dependency for dependency in declared))
            if self._with_values
            else chart
        )

    def _with_checks(self, chart: HelmChart, files: Mapping[str, bytes], imports: bool) -> HelmChart:  # noqa: FBT001 - private
        values = load(files.get("values.yaml") or b"{}", "values.yaml", max_bytes=_MAX_VALUES, max_parts=_MAX_PARTS)
        if values.problems:
            self.unread.append(f"{chart.name} cannot be read: {values.problems[0]}")
        chart = replace(chart, values=values.data if isinstance(values.data, dict) else {})
        if SCHEMA_FILE not in files:
            return chart
        schema, reason = _schema(files[SCHEMA_FILE])
        if imports:
            reason = "it imports values from subcharts"
        if reason is not None:
            self.notes.append(f"the {SCHEMA_FILE} of the chart {chart.name} is left to Helm: {reason}")
            return chart
        return replace(chart, schema=schema)


def _as_declared(chart: HelmChart, dependency: Mapping[str, Any]) -> HelmChart:
    condition, tags = dependency.get("condition"), dependency.get("tags")
    return replace(
        chart,
        name=str(dependency.get("alias") or chart.name),
        condition=tuple(part.strip() for part in str(condition).split(",")) if condition else (),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
    )


def _declared(files: Mapping[str, bytes], metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the dependencies that a chart declares; charts of apiVersion v1 use a file of their own."""
    dependencies = metadata.get("dependencies") or _mapping(files.get("requirements.yaml", b"")).get("dependencies")
    return (
        [dependency for dependency in dependencies if isinstance(dependency, dict) and dependency.get("name")]
        if isinstance(dependencies, list)
        else []
    )


def _subcharts(files: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Returns the files of each chart below `charts/`, by folder."""
    folders: dict[str, dict[str, bytes]] = {}
    for path, text in files.items():
        top, _, below = path.partition("/")
        folder, _, rest = below.partition("/")
        if top == "charts" and rest and folder[0] not in "._":
            folders.setdefault(folder, {})[rest] = text
    return {folder: inner for folder, inner in sorted(folders.items()) if "Chart.yaml" in inner}


def _schema(text: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """Returns a schema, or the reason why it cannot be used."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        return None, f"it is not JSON: {error}"
    if not isinstance(schema, dict):
        return None, "it is not a mapping"
    return schema, schema_problem(schema, default="7")


def _mapping(text: bytes) -> Mapping[str, Any]:
    data = load(text, "Chart.yaml").data if text else None
    return data if isinstance(data, dict) else {}


def _renders_something(path: str, text: bytes) -> bool:
    """Whether a file can install something: a template or CustomResourceDefinition with more than comments and empty lines."""
    if not _INSTALLED.fullmatch(path) or path.endswith("NOTES.txt"):
        return False
    first, *rest = text.split(b"/*")  # a comment of the template language: {{/* ... */}}
    uncommented = first + b"".join(part.partition(b"*/")[2] for part in rest)
    lines = (line.strip(b"{}- \t\r") for line in uncommented.splitlines())
    return any(line and not line.startswith(b"#") for line in lines)
