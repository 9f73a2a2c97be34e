"""Parses the files of a chart as Helm loads them, as far as decisions depend on them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.blueprints.chart_metadata import read_metadata
from reconciler.domain.blueprints.helm_chart import HelmChart
from reconciler.domain.values.json_schema import check_schema
from reconciler.domain.values.schema_validator import SchemaUnusableError
from reconciler.formats.helm_archive import MAX_CHART_DEPTH
from reconciler.formats.yaml.helm_values import HelmRefusesError, UnreadError, read_helm_values

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_FILE: Final = "values.schema.json"
VALUES_FILE: Final = "values.yaml"
_MAX_SCHEMA: Final = 1024 * 1024  # bytes of a schema: the largest public ones have a fifth
_INSTALLED: Final = re.compile(r"templates/(?!tests/)(?:.+/)?(?![_.])[^/]+|crds/(?:.+/)?[^/]+\.(?:ya?ml|json)")


def read_chart(files: Mapping[str, bytes]) -> tuple[HelmChart, tuple[str, ...]]:
    """Returns a chart with its subcharts, and notes on what is not checked, in sentences.

    Args:
        files: the files of the archive, by path (`formats.helm_archive.read_archive`).
    """
    reader = _Reader(with_schemas=True)
    chart = reader.chart(files, "", MAX_CHART_DEPTH)
    if reader.unread and reader.has_schemas:  # the values of its parent charts are unknown too
        return _Reader(with_schemas=False).chart(files, "", MAX_CHART_DEPTH), (
            f"no {SCHEMA_FILE} is checked: {reader.unread[0]}",
        )
    return chart, tuple(reader.notes)


class _Reader:
    def __init__(self, *, with_schemas: bool) -> None:
        self._with_schemas = with_schemas
        self.has_schemas = False
        self.notes: list[str] = []
        self.unread: list[str] = []

    def chart(self, files: Mapping[str, bytes], folder: str, depth: int) -> HelmChart:
        """Returns a chart with its subcharts down to a depth; `folder` is where it lies in the outermost one, with a slash."""
        metadata = read_metadata(files)
        subcharts = tuple(
            self.chart(inner, f"{folder}charts/{name}/", depth - 1)
            for name, inner in (_subcharts(files).items() if depth else ())
        )
        faults = [f"Helm cannot load {f'its subchart {folder}' if folder else 'it'}: {fault}" for fault in metadata.faults]
        values = self._values(files, folder, faults)
        schema = self._schema(files, folder, metadata.name, faults)
        return HelmChart(
            name=metadata.name,
            version=metadata.version,
            library=metadata.library,
            renders=any(_renders_something(path, text) for path, text in files.items()),
            values=values,
            schema=schema,
            dependencies=metadata.dependencies,
            subcharts=subcharts,
            faults=(*faults, *(fault for subchart in subcharts for fault in subchart.faults)),
        )

    def _values(self, files: Mapping[str, bytes], folder: str, faults: list[str]) -> dict[str, Any]:
        try:
            return read_helm_values(files.get(VALUES_FILE, b""))
        except HelmRefusesError as error:
            faults.append(f"Helm cannot load it: its {folder}{VALUES_FILE} {error.message}")
        except UnreadError as error:
            self.unread.append(f"{folder}{VALUES_FILE} is not read: {error.message}")
        return {}

    def _schema(self, files: Mapping[str, bytes], folder: str, name: str, faults: list[str]) -> dict[str, Any] | None:
        text = files.get(SCHEMA_FILE)
        if text is None or not self._with_schemas:
            return None
        self.has_schemas = True
        try:
            schema = _parsed_schema(text)
            check_schema(schema, as_helm=True)
        except SchemaUnusableError as error:
            if error.certain:
                faults.append(f"Helm cannot use its {folder}{SCHEMA_FILE}: {error.message}")
            else:
                self.notes.append(f"the {SCHEMA_FILE} of the chart {name} is left to Helm: {error.message}")
            return None
        return schema


def _parsed_schema(text: bytes) -> dict[str, Any]:
    if len(text) > _MAX_SCHEMA:
        raise SchemaUnusableError(f"it has more than {_MAX_SCHEMA} bytes")
    try:
        schema = json.loads(text.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise SchemaUnusableError("it is not UTF-8") from None  # which Helm replaces
    except RecursionError:
        raise SchemaUnusableError("it is nested too deep") from None
    except ValueError as error:
        raise SchemaUnusableError(f"it is not JSON: {error}", certain=True) from None
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    if not isinstance(schema, dict):
        raise SchemaUnusableError("it is not a mapping", certain=True)
    return schema


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"it has {word}")


def _subcharts(files: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Returns the files of each chart below `charts/`, by folder; a file that lies there alone is a chart without any."""
    folders: dict[str, dict[str, bytes]] = {}
    for path, text in files.items():
        top, _, below = path.partition("/")
        folder, _, rest = below.partition("/")
        if top != "charts" or not folder or folder[0] in "._" or path.endswith(".prov"):
            continue
        inner = folders.setdefault(folder, {})
        if rest:
            inner[rest] = text
    return dict(sorted(folders.items()))


def _renders_something(path: str, text: bytes) -> bool:
    """Whether a file can install something: a template or CustomResourceDefinition with more than comments and empty lines."""
    if not _INSTALLED.fullmatch(path) or path.endswith("NOTES.txt"):
        return False
    first, *rest = text.split(b"/*")  # a comment of the template language: {{/* ... */}}
    uncommented = first + b"".join(part.partition(b"*/")[2] for part in rest)
    lines = (line.strip(b"{}- \t\r") for line in uncommented.splitlines())
    return any(line and not line.startswith(b"#") for line in lines)
