"""Checks that a Blueprint agrees with its reference and its chart, and that this reconciler can install it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.domain.validation.lost_values import find_lost_values
from reconciler.domain.values.application_values import config_schema_problem
from reconciler.domain.values.expressions import expression_problem
from reconciler.domain.values.interpolation import check_templates
from reconciler.domain.versions import is_range, is_version
from reconciler.model.blueprint import blueprint_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.blueprint import Blueprint


def blueprint_defects(blueprint: Blueprint, chart: Mapping[str, Any], name: str, version: str) -> tuple[str, ...]:
    """Returns the defects of a published Blueprint, in sentences.

    Args:
        blueprint: the document in the artifact.
        chart: the chart's Chart.yaml.
        name: the full name by which it was requested.
        version: the tag's version. A three-way drift between tag, Chart.yaml and blueprint.yaml is a real incident.
    """
    return tuple(_defects(blueprint, chart, name, version))


def _defects(blueprint: Blueprint, chart: Mapping[str, Any], name: str, version: str) -> Iterable[str]:
    if (blueprint.name, blueprint.version) != (name, version):
        yield f"its blueprint.yaml describes {blueprint.name} {blueprint.version}"
    chart_name, chart_version = str(chart.get("name")), str(chart.get("version"))
    if (blueprint_name(chart_name), chart_version) != (name, version):
        yield f"its Chart.yaml describes {chart_name} {chart_version}"
    if chart.get("type") == "library":
        yield "its chart is a library chart, which installs nothing"
    yield from blueprint_faults(blueprint)


def blueprint_faults(blueprint: Blueprint) -> Iterable[str]:
    """Yields the defects of a Blueprint that are known before it is published, in sentences."""
    if not is_version(blueprint.version):
        yield f"{blueprint.version!r} is not a semantic version"
    manifests = blueprint.spec.manifests
    if manifests is not None and manifests.source is not None and manifests.source.kind != "HelmChart":
        yield f"manifests.source is a {manifests.source.kind}; only Helm charts can be installed"
    for dependency in blueprint.spec.depends:
        if not is_range(dependency.version):
            yield f"its dependency {dependency.name} has {dependency.version!r}, which is not a version range"
        if dependency.when is not None and (defect := expression_problem(dependency.when)) is not None:
            yield f"its dependency {dependency.name} has a `when` that cannot be used: {defect}"
        if dependency.values is not None and (defect := check_templates(dependency.values)) is not None:
            yield f"its dependency {dependency.name} has values that cannot be used: {defect}"
    for version_range in blueprint.spec.upgrades.blocks:
        if not is_range(version_range):  # it would silently block nothing
            yield f"its upgrades.blocks has {version_range!r}, which is not a version range"
    yield from _duplicate_names(blueprint)
    yield from _lost_values(blueprint)
    if (defect := config_schema_problem(blueprint)) is not None:
        yield defect


def _lost_values(blueprint: Blueprint) -> Iterable[str]:
    """Yields the values that would not arrive at the chart; a schema's defaults are checked among an Application's values."""
    layers: dict[str, Any] = {f"overlays.{size}": values for size, values in blueprint.spec.overlays.items()}
    layers |= {f"depends.{index}.values": dependency.values for index, dependency in enumerate(blueprint.spec.depends)}
    for place, values in layers.items():
        for lost in find_lost_values(values):
            yield f"its {'.'.join(map(str, (place, *lost.path)))} {lost.message}; {lost.hint}"


def _duplicate_names(blueprint: Blueprint) -> Iterable[str]:
    depends = blueprint.spec.depends
    for key in _duplicates(dependency.bind_key for dependency in depends):
        yield f"two of its dependencies have the key {key}; give each an alias of its own"
    for name in _duplicates(dependency.name for dependency in depends if dependency.values is not None):
        yield f"it has two dedicated dependencies on {name}, which would have the same Application name"


def _duplicates(names: Iterable[str]) -> Iterable[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
