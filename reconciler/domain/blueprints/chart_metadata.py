"""Reads a chart's Chart.yaml and requirements.yaml as Helm does, and says why Helm would refuse them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.blueprints.helm_chart import Dependency
from reconciler.domain.blueprints.helm_versions import is_helm_version
from reconciler.formats.yaml.helm_values import HelmRefusesError, UnreadError, parse_helm_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METADATA_FILE: Final = "Chart.yaml"
_REQUIREMENTS: Final = "requirements.yaml"
_LOCKS: Final = ("Chart.lock", "requirements.lock")
_ALIAS: Final = re.compile(r"[a-zA-Z0-9_-]+")
_API_VERSIONS: Final = frozenset({"", "v1", "v2"})
_TYPES: Final = frozenset({"", "application", "library"})


@dataclass(frozen=True)
class ChartMetadata:
    """What Chart.yaml and requirements.yaml say.

    Attributes:
        name: the chart's name.
        version: its version.
        library: whether it is a library chart.
        dependencies: what it declares.
        faults: why Helm refuses it, in sentences; the rest is as far as it can be read.
    """

    name: str
    version: str
    library: bool
    dependencies: tuple[Dependency, ...]
    faults: tuple[str, ...] = ()


def read_metadata(files: Mapping[str, bytes]) -> ChartMetadata:
    """Returns the metadata of a chart's files, by path."""
    faults: list[str] = []
    if METADATA_FILE not in files:
        return ChartMetadata("", "", library=False, dependencies=(), faults=("Chart.yaml is missing",))
    data = _parsed(files, METADATA_FILE, faults)
    data |= _parsed(files, _REQUIREMENTS, faults)
    for lock in _LOCKS:
        _parsed(files, lock, faults)
    faults.extend(_type_faults(data))
    dependencies = () if faults else tuple(_dependency(entry) for entry in data.get("dependencies") or ())
    metadata = ChartMetadata(_text(data, "name"), _text(data, "version"), _text(data, "type") == "library", dependencies)
    faults.extend(_faults(metadata, data) if not faults else ())
    return ChartMetadata(metadata.name, metadata.version, metadata.library, dependencies, tuple(faults))


def _parsed(files: Mapping[str, bytes], path: str, faults: list[str]) -> dict[str, Any]:
    try:
        return parse_helm_mapping(files.get(path, b""))
    except HelmRefusesError as error:
        faults.append(f"its {path} {error.message}")
    except UnreadError:
        pass
    return {}


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_flag(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or (isinstance(value, list) and all(map(check, value)))


def _mapping_of(fields: Mapping[str, Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return lambda value: (
        value is None or (isinstance(value, dict) and all(fields[key](inner) for key, inner in value.items() if key in fields))
    )


def _is_annotations(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_is_text, value.values())))


_DEPENDENCY_FIELDS: Final = {
    **dict.fromkeys(("name", "version", "repository", "condition", "alias"), _is_text),
    "tags": _list_of(_is_text),
    "enabled": _is_flag,
    "import-values": _list_of(lambda _: True),
}
_FIELDS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    **dict.fromkeys(
        (
            "name",
            "home",
            "version",
            "description",
            "icon",
            "apiVersion",
            "condition",
            "tags",
            "appVersion",
            "kubeVersion",
            "type",
        ),
        (_is_text, "text"),
    ),
    "sources": (_list_of(_is_text), "a list of texts"),
    "keywords": (_list_of(_is_text), "a list of texts"),
    "maintainers": (
        _list_of(_mapping_of(dict.fromkeys(("name", "email", "url"), _is_text))),
        "a list of mappings with name, email and url",
    ),
    "deprecated": (_is_flag, "true or false"),
    "annotations": (_is_annotations, "a mapping of texts"),
    "dependencies": (_list_of(_mapping_of(_DEPENDENCY_FIELDS)), "a list of dependencies, each with the types of Helm's fields"),
}


def _type_faults(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        if key in _FIELDS and not _FIELDS[key][0](value):
            yield f"the field {key} of its Chart.yaml is not {_FIELDS[key][1]}"


def _faults(metadata: ChartMetadata, data: Mapping[str, Any]) -> Iterator[str]:
    if not metadata.name or "/" in metadata.name or metadata.name in {".", ".."}:
        yield "the name in its Chart.yaml is missing or not the name of a file"
    if not is_helm_version(metadata.version):
        yield "the version in its Chart.yaml is missing or no semantic version"
    if _text(data, "type") not in _TYPES:
        yield "the type in its Chart.yaml is neither application nor library"
    if _text(data, "apiVersion") not in _API_VERSIONS:
        yield "the apiVersion in its Chart.yaml is neither v1 nor v2"
    if None in (data.get("maintainers") or ()) or None in (data.get("dependencies") or ()):
        yield "a list of its Chart.yaml has an empty entry"
    keys = [dependency.key for dependency in metadata.dependencies]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"two of its dependencies are called {key}; give one of them an alias"
    for dependency in metadata.dependencies:
        if dependency.alias and not _ALIAS.fullmatch(dependency.alias):
            yield f"the alias of its dependency {dependency.name} has other characters than letters, digits, - and _"


def _dependency(entry: Mapping[str, Any] | None) -> Dependency:
    entry = entry or {}
    return Dependency(
        name=_text(entry, "name"),
        version=_text(entry, "version"),
        alias=_text(entry, "alias"),
        condition=tuple(part for part in _text(entry, "condition").strip().split(",") if part),
        tags=tuple(str(tag) for tag in entry.get("tags") or ()),
        imports=tuple(pair for value in entry.get("import-values") or () if (pair := _import(value)) is not None),
    )


def _import(value: Any) -> tuple[str, str] | None:
    if isinstance(value, str):
        return f"exports.{value}", "."
    if isinstance(value, Mapping):
        return str(value.get("child")), str(value.get("parent"))
    return None


def _text(data: Mapping[str, Any], key: str) -> str:
    """A field that Helm has as text, whatever scalar it is in the file."""
    value = data.get(key)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
