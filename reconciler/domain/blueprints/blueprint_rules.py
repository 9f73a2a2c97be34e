"""Is a published Blueprint what its reference says it is, and one that this reconciler can install?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.domain.values.application_values import config_schema_problem
from reconciler.domain.values.expressions import expression_problem
from reconciler.domain.values.interpolation import check_templates
from reconciler.domain.versions import is_range, is_version
from reconciler.model.blueprint import blueprint_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from reconciler.model.blueprint import Blueprint


def blueprint_defects(blueprint: Blueprint, chart: Mapping[str, Any], name: str, version: str) -> tuple[str, ...]:
    """All that stands against using a Blueprint, in sentences.

    Args:
        blueprint: the document found in the artifact.
        chart: the chart's Chart.yaml.
        name: the full name by which it was asked for.
        version: the tag's version. A three-way drift between tag, Chart.yaml and blueprint.yaml is a real incident.
    """
    return tuple(_faults(blueprint, chart, name, version))


def _faults(blueprint: Blueprint, chart: Mapping[str, Any], name: str, version: str) -> Iterable[str]:
    if (blueprint.name, blueprint.version) != (name, version):
        yield f"its blueprint.yaml says {blueprint.name} {blueprint.version}"
    chart_name, chart_version = str(chart.get("name")), str(chart.get("version"))
    if (blueprint_name(chart_name), chart_version) != (name, version):
        yield f"its Chart.yaml says {chart_name} {chart_version}"
    if chart.get("type") == "library":
        yield "its chart is a library chart, which installs nothing"
    yield from blueprint_faults(blueprint)


def blueprint_faults(blueprint: Blueprint) -> Iterable[str]:
    """What an author can be told before anything is published."""
    if not is_version(blueprint.version):
        yield f"{blueprint.version!r} is not a semantic version"
    manifests = blueprint.spec.manifests
    if manifests is not None and manifests.source is not None and manifests.source.kind != "HelmChart":
        yield f"manifests.source is a {manifests.source.kind}; only Helm charts can be installed"
    for dependency in blueprint.spec.depends:
        if not is_range(dependency.version):
            yield f"its dependency {dependency.name} has {dependency.version!r}, which is not a version range"
        if dependency.when is not None and (fault := expression_problem(dependency.when)) is not None:
            yield f"its dependency {dependency.name} has a `when` that cannot be used: {fault}"
        if dependency.values is not None and (fault := check_templates(dependency.values)) is not None:
            yield f"its dependency {dependency.name} has values that cannot be used: {fault}"
    for blocked in blueprint.spec.upgrades.blocks:
        if not is_range(blocked):  # it would silently block nothing
            yield f"its upgrades.blocks has {blocked!r}, which is not a version range"
    yield from _doubles(blueprint)
    if (fault := config_schema_problem(blueprint)) is not None:
        yield fault


def _doubles(blueprint: Blueprint) -> Iterable[str]:
    depends = blueprint.spec.depends
    for key in _repeated(d.bind_key for d in depends):
        yield f"two of its dependencies are called {key}; give each an alias of its own"
    for name in _repeated(d.name for d in depends if d.values is not None):
        yield f"it needs two Applications of {name} for itself; they would have one name"


def _repeated(words: Iterable[str]) -> Iterable[str]:
    return sorted(word for word, count in Counter(words).items() if count > 1)
