"""Derives the Blueprint, the version range and the catalog from the chart of a HelmRelease."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.manifests import warning
from reconciler.domain.flux_import.substitutions import placeholder_problems
from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.validation.document_parser import kind_of
from reconciler.domain.versions import is_range, is_version
from reconciler.model.blueprint import PREFIX, blueprint_name
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.flux_import.manifests import FluxManifests, ImportedRelease
    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

ANY_VERSION: Final = "*"
_OCI: Final = "oci://"
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_MAX_NAME: Final = 64
_OPERATOR_GAP: Final = re.compile(r"(~>|[<>=^~]+)\s*v?(?=[0-9x*])", re.IGNORECASE)


@dataclass(frozen=True)
class ImportedChart:
    """The Blueprint that a HelmRelease installs.

    Attributes:
        blueprint: the Blueprint's full name.
        version: a version or a range, npm-style.
        catalog: the OCI prefix it comes from, without `oci://`; empty when it is unknown, or not an OCI registry.
    """

    blueprint: str
    version: str
    catalog: str


@dataclass(frozen=True)
class _ChartRef:
    """A chart's name, version and origin as written, with their paths in a document."""

    source: Source
    name: Any
    name_path: KeyPath
    version: Any
    version_path: KeyPath
    url: str


def imported_chart(release: ImportedRelease, manifests: FluxManifests) -> tuple[ImportedChart | None, tuple[Problem, ...]]:
    """Returns the chart of a HelmRelease, or None when no Application can be made of it; and the problems."""
    problems: list[Problem] = []
    reference = _chart_reference(release, manifests, problems)
    if reference is None:
        return None, tuple(problems)
    source = reference.source
    name = reference.name.rstrip("/").rpartition("/")[2] if isinstance(reference.name, str) else ""
    blueprint = blueprint_name(name)
    if not name or not _NAME.fullmatch(blueprint) or len(blueprint) > _MAX_NAME:
        placeholders = tuple(placeholder_problems(source, str(reference.name), reference.name_path))
        message = f"{release.name} has the chart {reference.name!r}, which cannot be a Blueprint's name"
        problems.extend(placeholders or [source.problem("NoBlueprint", message, reference.name_path, at_value=True)])
        return None, tuple(problems)
    version = _version(reference, blueprint, problems)
    if version is None:
        return None, tuple(problems)
    catalog = ""
    problems.extend(placeholder_problems(source, reference.url, reference.name_path, at_value=True))
    if reference.url.startswith(_OCI):
        address = reference.url.removeprefix(_OCI).rstrip("/")
        catalog = address.rpartition("/")[0] if kind_of(source) == "OCIRepository" else address
    if not name.startswith(PREFIX) or (reference.url and not catalog):
        origin = f" of {reference.url}" if reference.url else ""
        message = f"the chart {name}{origin} is imported as the Blueprint {blueprint}, which a catalog must have"
        hint = "write a blueprint.yaml for it and run `reconciler publish`"
        problems.append(warning(source.problem("NotABlueprint", message, reference.name_path, at_value=True, hint=hint)))
    return ImportedChart(blueprint, version, catalog), tuple(problems)


def _chart_reference(release: ImportedRelease, manifests: FluxManifests, problems: list[Problem]) -> _ChartRef | None:
    """Returns the chart of `spec.chart.spec`, or of the object that `spec.chartRef` references."""
    reference = mapping(release.spec.get("chartRef"))
    if not reference:
        chart = mapping(mapping(release.spec.get("chart")).get("spec"))
        if not chart:
            message = f"{release.name} has neither chart.spec nor chartRef"
            problems.append(release.source.problem("MissingField", message, ("spec",)))
            return None
        return _from_chart_spec(release.source, chart, ("spec", "chart", "spec"), release.namespace, manifests, problems)
    path: KeyPath = ("spec", "chartRef")
    origin = _origin(manifests, reference, release.namespace)
    if origin is None:
        message = f"{release.name} takes its chart from {_display_name(reference)}, which is not in the kit"
        problems.append(release.source.problem("NotInKit", message, path, hint="import the file that declares it too"))
        return None
    spec = mapping(mapping(origin.data).get("spec"))
    if kind_of(origin) == "HelmChart":
        return _from_chart_spec(
            origin, spec, ("spec",), text_field(reference, "namespace") or release.namespace, manifests, problems
        )
    reference_fields = mapping(spec.get("ref"))
    field = "semver" if "semver" in reference_fields else "tag"
    if "digest" in reference_fields:
        message = (
            f"the digest of {_display_name(reference)} is left out: the reconciler pins the digest that it resolves and verifies"
        )
        problems.append(warning(origin.problem("LeftOut", message, ("spec", "ref", "digest"), at_value=True)))
    url = text_field(spec, "url")
    return _ChartRef(
        origin,
        _without_credentials(url),
        ("spec", "url"),
        reference_fields.get(field),
        ("spec", "ref", field),
        _without_credentials(url),
    )


def _from_chart_spec(
    source: Source, chart: Mapping[str, Any], path: KeyPath, namespace: str, manifests: FluxManifests, problems: list[Problem]
) -> _ChartRef:
    reference = mapping(chart.get("sourceRef"))
    origin = _origin(manifests, reference, namespace)
    if origin is None:
        message = f"{_display_name(reference)} is not in the kit: its catalog is unknown"
        problems.append(warning(source.problem("NotInKit", message, (*path, "sourceRef"))))
    url = text_field(mapping(mapping(origin.data).get("spec")), "url") if origin else ""
    return _ChartRef(
        source, chart.get("chart"), (*path, "chart"), chart.get("version"), (*path, "version"), _without_credentials(url)
    )


def _origin(manifests: FluxManifests, reference: Mapping[str, Any], namespace: str) -> Source | None:
    kind, name = text_field(reference, "kind"), text_field(reference, "name")
    wanted = text_field(reference, "namespace") or namespace
    candidates = [
        source
        for (source_kind, source_namespace, source_name), source in manifests.sources.items()
        if (source_kind, source_name) == (kind, name) and "" in {source_namespace, wanted}
    ]
    return manifests.sources.get((kind, wanted, name)) or (candidates[0] if len(candidates) == 1 else None)


def _display_name(reference: Mapping[str, Any]) -> str:
    return f"{text_field(reference, 'kind') or 'a source'} {text_field(reference, 'name')}".rstrip()


def _version(reference: _ChartRef, blueprint: str, problems: list[Problem]) -> str | None:
    """Returns the version or range in npm's syntax; None when it cannot be expressed in it."""
    source, path = reference.source, reference.version_path
    written = ANY_VERSION if reference.version is None else reference.version
    if not isinstance(written, str):
        message = f"the version of {blueprint} is the number {written}, which may have lost a zero"
        problems.append(source.problem("InvalidRange", message, path, at_value=True, hint="quote it"))
        return None
    version = as_npm_range(written)
    if kind_of(source) == "OCIRepository" and not is_version(version) and path[-1] == "tag":
        version = ANY_VERSION  # a tag such as `latest`
    if not is_range(version):
        placeholders = tuple(placeholder_problems(source, written, path))
        message = f"{written!r} is not a version range that the reconciler reads"
        problems.extend(placeholders or [source.problem("InvalidRange", message, path, at_value=True)])
        return None
    if not is_version(version):
        pin = f"with {written}" if reference.version is not None else "at all"
        message = f"the kit does not pin {blueprint} {pin}: resolving takes the newest that fits, whatever runs today"
        problems.append(warning(source.problem("Unpinned", message, path, at_value=True, hint="write the version that runs")))
    return version


def as_npm_range(written: str) -> str:
    """Converts a range from the syntax of Helm's library to npm's: `>= 1.0, < 2` is `>=1.0 <2`, `v1.2.3` is `1.2.3`."""
    text = " ".join(written.replace(",", " ").split())
    text = _OPERATOR_GAP.sub(lambda match: match[1].replace("~>", "~").replace("==", "="), text)
    return re.sub(r"^=?v?(?=[0-9])", "", text) or ANY_VERSION


def _without_credentials(url: str) -> str:
    """Removes user and password from an address: a catalog's prefix has no credentials."""
    return re.sub(r"://[^/]*@", "://", url)
