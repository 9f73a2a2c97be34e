"""Reports the fields of a HelmRelease that an Application has no equivalent of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.manifests import warning
from reconciler.domain.flux_import.substitutions import placeholder_problems
from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.rendering.flux_objects import REMEDIATION_RETRIES
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.domain.flux_import.manifests import ImportedRelease
    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath

# Translated, or handled by other modules; `interval` is how often Flux reconciles, which changes nothing that runs.
_KNOWN: Final = frozenset(
    {"chart", "chartRef", "values", "valuesFrom", "dependsOn", "suspend", "releaseName", "targetNamespace", "interval"}
)
_OF_DOCUMENT: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_KNOWN_OF_CHART: Final = frozenset({"chart", "version", "sourceRef", "interval"})
# Omitting these changes what runs.
_CHANGES_WHAT_RUNS: Final = {
    "postRenderers": "change the chart instead",
    "kubeConfig": "import this HelmRelease into the Environment of that cluster",
    "valuesFiles": "write their values into spec.config",
    "valuesFile": "write its values into spec.config",
}
_OWN_RETRIES: Final = {"retries": REMEDIATION_RETRIES}  # the value that the reconciler writes itself


def unsupported_fields(release: ImportedRelease, application: str) -> Iterable[Problem]:
    """Yields a problem for each field that is not translated, at its location."""
    yield from _values_from_problems(release)
    for field in ("releaseName", "targetNamespace"):
        yield from placeholder_problems(release.source, text_field(release.spec, field), ("spec", field))
    yield from _move_problems(release, application)
    harmless: list[tuple[str, KeyPath]] = []
    for name, path in _unsupported(release):
        hint = _CHANGES_WHAT_RUNS.get(str(path[-1]))
        if hint is None:
            harmless.append((name, path))
            continue
        message = f"{name} of {release.name} cannot be imported, and without it something else runs"
        yield release.source.problem("LeftOut", message, path, hint=hint)
    if harmless:
        names = ", ".join(name for name, _ in harmless)
        disables_wait = any(name.endswith(".disableWait") for name, _ in harmless)
        hint = "Helm will wait until the installed objects are ready" if disables_wait else "the reconciler writes its own"
        yield warning(release.source.problem("LeftOut", f"{names} of {release.name}: left out", harmless[0][1], hint=hint))


def _unsupported(release: ImportedRelease) -> Iterable[tuple[str, KeyPath]]:
    """Yields every field that is not translated: those of `install` and `upgrade` one by one, since they differ in severity."""
    document = mapping(release.source.data)
    for field in document.keys() - _OF_DOCUMENT:
        yield field, (field,)
    metadata = mapping(document.get("metadata"))
    for field in ("labels", "annotations"):
        if metadata.get(field):
            yield f"metadata.{field}", ("metadata", field)
    for field in mapping(mapping(release.spec.get("chart")).get("spec")).keys() - _KNOWN_OF_CHART:
        yield f"chart.spec.{field}", ("spec", "chart", "spec", field)
    for field, value in release.spec.items():
        if field in _KNOWN or (field == "storageNamespace" and value == release.namespace):
            continue
        fields: Any = value if field in {"install", "upgrade"} and isinstance(value, dict) else None
        if fields is None:
            yield field, ("spec", field)
            continue
        for key, part in fields.items():
            if (key, part) != ("remediation", _OWN_RETRIES):
                yield f"{field}.{key}", ("spec", field, key)


def _values_from_problems(release: ImportedRelease) -> Iterable[Problem]:
    references = release.spec.get("valuesFrom")
    for index, reference in enumerate(references if isinstance(references, list) else []):
        entry = mapping(reference)
        key = f" (key {text_field(entry, 'valuesKey')})" if text_field(entry, "valuesKey") else ""
        source = f"{text_field(entry, 'kind')} {text_field(entry, 'name')}{key}"
        message = f"{release.name} has values from {source}, which an Application cannot have"
        hint = "write them into spec.config; a secret belongs into a Secret that the chart refers to"
        yield release.source.problem("LeftOut", message, ("spec", "valuesFrom", index), hint=hint)


def _move_problems(release: ImportedRelease, application: str) -> Iterable[Problem]:
    """Yields a warning when the Helm release would change its name or Namespace, and is therefore not adopted."""
    target = text_field(release.spec, "targetNamespace")
    prefix = f"{target}-" if target else ""  # helm-controller's default
    name = text_field(release.spec, "releaseName") or prefix + release.name
    namespace = target or release.namespace
    if (name, namespace) != (application, application):
        location = f"{name} in {namespace}" if namespace else name
        message = f"{application} is installed anew, in a Namespace of that name: the kit has it as {location}"
        field = "targetNamespace" if target else "releaseName"
        hint = "the release of the kit stays installed, with its data, until it is removed; the two may conflict"
        yield warning(release.source.problem("Moves", message, ("spec", field), at_value=True, hint=hint))
