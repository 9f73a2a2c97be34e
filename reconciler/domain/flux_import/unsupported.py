"""What of a HelmRelease an Application cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.manifests import warning
from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.rendering.flux_objects import REMEDIATION_RETRIES
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.domain.flux_import.manifests import ImportedRelease
    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath

# Carried over, or looked at by others; `interval` is how often Flux looks, which changes nothing that runs.
_KNOWN: Final = frozenset(
    {"chart", "chartRef", "values", "valuesFrom", "dependsOn", "suspend", "releaseName", "targetNamespace", "interval"}
)
_KNOWN_OF_CHART: Final = frozenset({"chart", "version", "sourceRef", "interval"})
# Without these something else would run.
_CHANGES_WHAT_RUNS: Final = {
    "postRenderers": "change the chart instead",
    "kubeConfig": "import this HelmRelease into the Environment of that cluster",
    "valuesFiles": "write their values into spec.config",
    "valuesFile": "write its values into spec.config",
}
_OWN_RETRIES: Final = {"retries": REMEDIATION_RETRIES}  # what the reconciler writes itself


def unsupported_fields(release: ImportedRelease, application: str) -> Iterable[Problem]:
    """Everything that the Application will not have, each at its place."""
    yield from _values_from(release)
    yield from _moves(release, application)
    light: list[tuple[str, KeyPath]] = []
    for name, way in _others(release):
        hint = _CHANGES_WHAT_RUNS.get(str(way[-1]))
        if hint is None:
            light.append((name, way))
            continue
        message = f"{name} of {release.name} cannot be carried over, and without it something else runs"
        yield release.source.problem("LeftOut", message, way, hint=hint)
    if light:
        names = ", ".join(name for name, _ in light)
        waits = any(name.endswith(".disableWait") for name, _ in light)
        hint = "Helm will wait until what it installs is ready" if waits else "the reconciler writes its own"
        yield warning(release.source.problem("LeftOut", f"{names} of {release.name}: left out", light[0][1], hint=hint))


def _others(release: ImportedRelease) -> Iterable[tuple[str, KeyPath]]:
    """Every field that is not carried over: those of `install` and the like one by one, since they differ in weight."""
    metadata = mapping(mapping(release.source.data).get("metadata"))
    for field in ("labels", "annotations"):
        if metadata.get(field):
            yield f"metadata.{field}", ("metadata", field)
    for field in mapping(mapping(release.spec.get("chart")).get("spec")).keys() - _KNOWN_OF_CHART:
        yield f"chart.spec.{field}", ("spec", "chart", "spec", field)
    for field, value in release.spec.items():
        if field in _KNOWN or (field == "storageNamespace" and value == release.namespace):
            continue
        inner: Any = value if field in {"install", "upgrade"} and isinstance(value, dict) else None
        if inner is None:
            yield field, ("spec", field)
            continue
        for key, one in inner.items():
            if (key, one) != ("remediation", _OWN_RETRIES):
                yield f"{field}.{key}", ("spec", field, key)


def _values_from(release: ImportedRelease) -> Iterable[Problem]:
    given = release.spec.get("valuesFrom")
    for index, one in enumerate(given if isinstance(given, list) else []):
        entry = mapping(one)
        key = f" (key {text_field(entry, 'valuesKey')})" if text_field(entry, "valuesKey") else ""
        source = f"{text_field(entry, 'kind')} {text_field(entry, 'name')}{key}"
        message = f"{release.name} has values from {source}, which an Application cannot"
        hint = "write them into spec.config; a secret belongs into a Secret that the chart refers to"
        yield release.source.problem("LeftOut", message, ("spec", "valuesFrom", index), hint=hint)


def _moves(release: ImportedRelease, application: str) -> Iterable[Problem]:
    """A Helm release is taken over only where its name and Namespace stay."""
    target = text_field(release.spec, "targetNamespace")
    prefix = f"{target}-" if target else ""  # helm-controller's default
    name = text_field(release.spec, "releaseName") or prefix + release.name
    where = target or release.namespace
    if (name, where) != (application, application):
        there = f"{name} in {where}" if where else name
        message = f"{application} is installed anew, in a Namespace of that name: the kit has it as {there}"
        field = "targetNamespace" if target else "releaseName"
        hint = "what the kit installed stays, with its data, until it is removed; two of it may not get along"
        yield warning(release.source.problem("Moves", message, ("spec", field), at_value=True, hint=hint))
