"""Which Blueprint a HelmRelease's chart is, in which versions, and from which catalog."""

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
    """What a HelmRelease installs.

    Attributes:
        blueprint: the Blueprint's full name.
        version: a version or a range, npm-style.
        catalog: the OCI prefix it comes from, without `oci://`; empty when unknown or none.
    """

    blueprint: str
    version: str
    catalog: str


@dataclass(frozen=True)
class _ChartRef:
    """A chart's name, version and origin as they are written, and where."""

    source: Source
    name: Any
    name_way: KeyPath
    version: Any
    version_way: KeyPath
    url: str


def imported_chart(release: ImportedRelease, kit: FluxManifests) -> tuple[ImportedChart | None, tuple[Problem, ...]]:
    """The chart of a HelmRelease, or None when no Application can be made of it; and what is wrong or lost."""
    problems: list[Problem] = []
    said = _said(release, kit, problems)
    if said is None:
        return None, tuple(problems)
    source = said.source
    name = said.name.rstrip("/").rpartition("/")[2] if isinstance(said.name, str) else ""
    blueprint = blueprint_name(name)
    if not name or not _NAME.fullmatch(blueprint) or len(blueprint) > _MAX_NAME:
        asked = tuple(placeholder_problems(source, str(said.name), said.name_way))
        message = f"{release.name} has the chart {said.name!r}, which cannot be a Blueprint's name"
        problems.extend(asked or [source.problem("NoBlueprint", message, said.name_way, at_value=True)])
        return None, tuple(problems)
    version = _version(said, blueprint, problems)
    if version is None:
        return None, tuple(problems)
    catalog = ""
    if said.url.startswith(_OCI):
        whole = said.url.removeprefix(_OCI).rstrip("/")
        catalog = whole.rpartition("/")[0] if kind_of(source) == "OCIRepository" else whole
    if not name.startswith(PREFIX) or (said.url and not catalog):
        where = f" of {said.url}" if said.url else ""
        message = f"the chart {name}{where} is taken for the Blueprint {blueprint}, which a catalog must have"
        hint = "write a blueprint.yaml for it and run `reconciler publish`"
        problems.append(warning(source.problem("NotABlueprint", message, said.name_way, at_value=True, hint=hint)))
    return ImportedChart(blueprint, version, catalog), tuple(problems)


def _said(release: ImportedRelease, kit: FluxManifests, problems: list[Problem]) -> _ChartRef | None:
    """`spec.chart.spec`, or what `spec.chartRef` leads to."""
    reference = mapping(release.spec.get("chartRef"))
    if not reference:
        chart = mapping(mapping(release.spec.get("chart")).get("spec"))
        if not chart:
            message = f"{release.name} has neither chart.spec nor chartRef"
            problems.append(release.source.problem("MissingField", message, ("spec",)))
            return None
        return _of_chart(release.source, chart, ("spec", "chart", "spec"), release.namespace, kit, problems)
    way: KeyPath = ("spec", "chartRef")
    origin = _origin(kit, reference, release.namespace)
    if origin is None:
        message = f"{release.name} takes its chart from {_called(reference)}, which is not in the kit"
        problems.append(release.source.problem("NotInKit", message, way, hint="import the file that declares it too"))
        return None
    spec = mapping(mapping(origin.data).get("spec"))
    if kind_of(origin) == "HelmChart":
        return _of_chart(origin, spec, ("spec",), text_field(reference, "namespace") or release.namespace, kit, problems)
    ref = mapping(spec.get("ref"))
    field = "semver" if "semver" in ref else "tag"
    if "digest" in ref:
        message = f"the digest of {_called(reference)} is left out: the reconciler pins what it resolves and checked"
        problems.append(warning(origin.problem("LeftOut", message, ("spec", "ref", "digest"), at_value=True)))
    url = text_field(spec, "url")
    return _ChartRef(origin, _without_user(url), ("spec", "url"), ref.get(field), ("spec", "ref", field), _without_user(url))


def _of_chart(
    source: Source, chart: Mapping[str, Any], way: KeyPath, namespace: str, kit: FluxManifests, problems: list[Problem]
) -> _ChartRef:
    reference = mapping(chart.get("sourceRef"))
    origin = _origin(kit, reference, namespace)
    if origin is None:
        message = f"{_called(reference)} is not in the kit: which catalog it means is unknown"
        problems.append(warning(source.problem("NotInKit", message, (*way, "sourceRef"))))
    url = text_field(mapping(mapping(origin.data).get("spec")), "url") if origin else ""
    return _ChartRef(source, chart.get("chart"), (*way, "chart"), chart.get("version"), (*way, "version"), _without_user(url))


def _origin(kit: FluxManifests, reference: Mapping[str, Any], namespace: str) -> Source | None:
    kind, name = text_field(reference, "kind"), text_field(reference, "name")
    wanted = text_field(reference, "namespace") or namespace
    loose = [one for (k, ns, n), one in kit.sources.items() if (k, n) == (kind, name) and "" in {ns, wanted}]
    return kit.sources.get((kind, wanted, name)) or (loose[0] if len(loose) == 1 else None)


def _called(reference: Mapping[str, Any]) -> str:
    return f"{text_field(reference, 'kind') or 'a source'} {text_field(reference, 'name')}".rstrip()


def _version(said: _ChartRef, blueprint: str, problems: list[Problem]) -> str | None:
    """The version or range in npm's words; None when it cannot be said in them."""
    source, way = said.source, said.version_way
    written = ANY_VERSION if said.version is None else said.version
    if not isinstance(written, str):
        message = f"the version of {blueprint} is the number {written}, which may have lost a zero"
        problems.append(source.problem("InvalidRange", message, way, at_value=True, hint="quote it"))
        return None
    version = as_npm_range(written)
    if kind_of(source) == "OCIRepository" and not is_version(version) and way[-1] == "tag":
        version = ANY_VERSION  # a tag such as `latest`
    if not is_range(version):
        left = tuple(placeholder_problems(source, written, way))
        message = f"{written!r} is not a version range that the reconciler reads"
        problems.extend(left or [source.problem("InvalidRange", message, way, at_value=True)])
        return None
    if not is_version(version):
        said_so = f"with {written}" if said.version is not None else "at all"
        message = f"the kit does not pin {blueprint} {said_so}: resolving takes the newest that fits, whatever runs today"
        problems.append(warning(source.problem("Unpinned", message, way, at_value=True, hint="write the version that runs")))
    return version


def as_npm_range(written: str) -> str:
    """A range in the words of Helm's library, as npm has it: `>= 1.0, < 2` is `>=1.0 <2`, `v1.2.3` is `1.2.3`."""
    words = " ".join(written.replace(",", " ").split())
    words = _OPERATOR_GAP.sub(lambda found: found[1].replace("~>", "~").replace("==", "="), words)
    return re.sub(r"^=?v?(?=[0-9])", "", words) or ANY_VERSION


def _without_user(url: str) -> str:
    """An address without a user and a password, which a catalog's prefix has none of."""
    return re.sub(r"://[^/]*@", "://", url)
