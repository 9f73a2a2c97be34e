"""Reads a folder of Flux manifests: its HelmReleases, the sources of their charts, and their dependencies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.validation.document_parser import kind_of
from reconciler.model.flux import HELM_GROUP, KUSTOMIZE_CONFIG_GROUP, KUSTOMIZE_GROUP, SOURCE_GROUP
from reconciler.model.plain_data import mapping
from reconciler.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath

_ENVELOPE: Final = frozenset({"apiVersion", "kind", "metadata", "resources"})
# Of a Kustomization of Flux: what it changes in objects. Values of `postBuild` are given by --set.
_CHANGES_OBJECTS: Final = frozenset(
    {
        "patches",
        "patchesStrategicMerge",
        "patchesJson6902",
        "targetNamespace",
        "namePrefix",
        "nameSuffix",
        "images",
        "commonMetadata",
        "components",
    }
)
_REPOSITORY_FIELDS: Final = frozenset({"url", "type", "interval", "timeout", "ref", "secretRef", "layerSelector", "provider"})


@dataclass(frozen=True)
class ImportedRelease:
    """One HelmRelease.

    Attributes:
        source: the document.
        name: of the HelmRelease.
        namespace: of the HelmRelease; empty when the document has none.
        key: its name in the graph: the name, with `namespace/` before it when two Namespaces have that name.
    """

    source: Source
    name: str
    namespace: str
    key: str

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its spec; empty when it has none."""
        return mapping(mapping(self.source.data).get("spec"))


@dataclass(frozen=True)
class FluxManifests:
    """The manifests of a kit.

    Attributes:
        releases: in the order of files and documents.
        sources: HelmRepositories, OCIRepositories and the like by (kind, namespace, name).
        graph: the dependencies of each HelmRelease by key, sorted; those that are not in the kit by their written names.
        dependencies: the dependencies as HelmReleases, by key, in the order written, without those not in the kit.
        problems: of the kit as a whole: unread documents, duplicates, unknown dependencies, cycles.
    """

    releases: tuple[ImportedRelease, ...]
    sources: Mapping[tuple[str, str, str], Source]
    graph: Mapping[str, tuple[str, ...]]
    dependencies: Mapping[str, tuple[ImportedRelease, ...]]
    problems: tuple[Problem, ...]


def collect(sources: Iterable[Source]) -> FluxManifests:
    """Sorts the documents of a kit. Malformed documents never raise: each is reported as a problem."""
    problems: list[Problem] = []
    helm_releases: list[Source] = []
    origins: dict[tuple[str, str, str], Source] = {}
    kustomizations: list[Source] = []
    for source in _expanded(sources):
        kind, group = kind_of(source), text_field(mapping(source.data), "apiVersion").partition("/")[0]
        if source.problems:
            problems.extend(source.problems)
        elif (kind, group) == ("HelmRelease", HELM_GROUP):
            helm_releases.append(source)
        elif group == SOURCE_GROUP:
            origins[kind, _metadata_field(source, "namespace"), _metadata_field(source, "name")] = source
            problems.extend(_source_losses(source))
        elif (kind, group) == ("Kustomization", KUSTOMIZE_CONFIG_GROUP):
            kustomizations.append(source)
        elif (kind, group) == ("Kustomization", KUSTOMIZE_GROUP):
            problems.extend(_flux_kustomization_losses(source))
        elif source.data is not None:  # an empty document is skipped silently
            problems.append(_skipped_document(source, kind))
    releases = _releases(helm_releases, problems)
    for kustomization in kustomizations:
        problems.extend(_kustomization_losses(kustomization, releases))
    graph: dict[str, tuple[str, ...]] = {}
    dependencies: dict[str, tuple[ImportedRelease, ...]] = {}
    for release in releases:
        graph[release.key], dependencies[release.key] = _dependencies(release, releases, problems)
    problems.extend(_cycle_problems(releases, graph))
    return FluxManifests(releases, origins, dict(sorted(graph.items())), dependencies, tuple(problems))


def _expanded(sources: Iterable[Source]) -> Iterator[Source]:
    """Yields each document, and in place of a list, as `kubectl get` prints it, its items, as Kustomize and Flux do."""
    for source in sources:
        items = mapping(source.data).get("items")
        if not kind_of(source).endswith("List") or not isinstance(items, list):
            yield source
            continue
        for index, item in enumerate(items):
            prefix: KeyPath = ("items", index)
            locations = {path[2:]: location for path, location in source.locations.items() if path[:2] == prefix}
            yield from _expanded([Source(source.file, item, locations)])


def warning(problem: Problem) -> Problem:
    """Returns the same problem as a warning."""
    return problem.model_copy(update={"severity": "warning"})


def _metadata_field(source: Source, field: str) -> str:
    return text_field(mapping(mapping(source.data).get("metadata")), field)


def _skipped_document(source: Source, kind: str) -> Problem:
    name = _metadata_field(source, "name")
    if not kind:
        return warning(source.problem("LeftOut", "a document without a kind is left out"))
    if kind == "HelmRelease":
        group = text_field(mapping(source.data), "apiVersion")
        other = "Flux 1" if group.startswith("helm.fluxcd.io/") else "another operator"
        message = (
            f"HelmRelease {name} is of {other} ({group or 'no apiVersion'}), which is not read: no Application is made of it"
        )
        return warning(source.problem("LeftOut", message, ("apiVersion",), hint=f"migrate it to {HELM_GROUP} first"))
    hint = "each Application gets a Namespace of its own name" if kind == "Namespace" else "put it into a chart if it is needed"
    return warning(source.problem("LeftOut", f"{kind} {name} is left out: only HelmReleases become Applications", hint=hint))


def _source_losses(source: Source) -> Iterable[Problem]:
    spec = mapping(mapping(source.data).get("spec"))
    for field in sorted(spec.keys() - _REPOSITORY_FIELDS):
        if kind_of(source) in {"HelmRepository", "OCIRepository"}:
            message = f"spec.{field} of {kind_of(source)} {_metadata_field(source, 'name')} is left out"
            hint = "the configuration of the reconciler decides how it fetches: registry, trust"
            yield warning(source.problem("LeftOut", message, ("spec", field), hint=hint))


def _flux_kustomization_losses(source: Source) -> Iterable[Problem]:
    """Yields a Kustomization of Flux, and what it would change in the objects that it applies."""
    yield _skipped_document(source, kind_of(source))
    for field in sorted(mapping(mapping(source.data).get("spec")).keys() & _CHANGES_OBJECTS):
        message = f"spec.{field} of Kustomization {_metadata_field(source, 'name')} is not applied to what it applies"
        yield source.problem(
            "LeftOut", message, ("spec", field), hint="apply it to the files of the kit before they are imported"
        )


def _kustomization_losses(source: Source, releases: Iterable[ImportedRelease]) -> Iterable[Problem]:
    """Yields the changes that Kustomize would make to the files, and the files that it would omit."""
    data = mapping(source.data)
    for field in sorted(data.keys() - _ENVELOPE):
        yield source.problem("LeftOut", f"{field} is not applied: documents are read as they are in their files", (field,))
    folder = PurePosixPath(source.file).parent
    resources = data.get("resources")
    listed = {folder / resource for resource in (resources if isinstance(resources, list) else []) if isinstance(resource, str)}
    for release in releases:
        file = PurePosixPath(release.source.file)
        if folder == file.parent and file not in listed:
            message = f"is not among the resources of {source.file}, so Flux may never have applied it; it is imported"
            yield warning(release.source.problem("NotListed", message))


def _releases(helm_releases: Iterable[Source], problems: list[Problem]) -> tuple[ImportedRelease, ...]:
    by_identity: dict[tuple[str, str], Source] = {}
    for source in helm_releases:
        identity = _metadata_field(source, "namespace"), _metadata_field(source, "name")
        if not identity[1]:
            problems.append(source.problem("MissingField", "metadata.name is required", ("metadata",)))
        elif identity in by_identity:
            other = by_identity[identity]
            location = other.problem("Duplicate", "", ("metadata", "name")).place
            message = f"the HelmRelease {identity[1]} exists at {location} too; this one is left out"
            problems.append(source.problem("Duplicate", message, ("metadata", "name"), at_value=True))
        else:
            by_identity[identity] = source
    count = Counter(name for _, name in by_identity)
    return tuple(
        ImportedRelease(source, name, namespace, name if count[name] == 1 else f"{namespace}/{name}")
        for (namespace, name), source in by_identity.items()
    )


def _dependencies(
    release: ImportedRelease, releases: Iterable[ImportedRelease], problems: list[Problem]
) -> tuple[tuple[str, ...], tuple[ImportedRelease, ...]]:
    declared = release.spec.get("dependsOn")
    names: set[str] = set()
    dependencies: dict[str, ImportedRelease] = {}
    for index, reference in enumerate(declared if isinstance(declared, list) else []):
        path = ("spec", "dependsOn", index)
        name, namespace = text_field(mapping(reference), "name"), text_field(mapping(reference), "namespace") or release.namespace
        if not name:
            problems.append(release.source.problem("MissingField", f"dependsOn.{index} of {release.name} has no name", path))
            continue
        target = _find(releases, namespace, name)
        names.add(target.key if target else name if namespace == release.namespace else f"{namespace}/{name}")
        if target is None:
            message = f"{release.name} depends on {name}, which is not in the kit"
            hint = "import it too, or ensure that it runs"
            problems.append(warning(release.source.problem("NotInKit", message, path, hint=hint)))
        else:
            dependencies[target.key] = target
    return tuple(sorted(names)), tuple(dependencies.values())


def _find(releases: Iterable[ImportedRelease], namespace: str, name: str) -> ImportedRelease | None:
    """Returns the referenced HelmRelease; where a Namespace is missing, a unique name suffices."""
    named = [release for release in releases if release.name == name]
    same_namespace = [release for release in named if release.namespace == namespace]
    unknown_namespace = [release for release in named if not namespace or not release.namespace]
    return same_namespace[0] if same_namespace else unknown_namespace[0] if len(unknown_namespace) == 1 else None


def _cycle_problems(releases: Iterable[ImportedRelease], graph: Mapping[str, tuple[str, ...]]) -> Iterable[Problem]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = error.args[1][::-1]  # graphlib lists the dependency first
        message = f"these HelmReleases depend on each other in a cycle: {' -> '.join(cycle)}"
        first = next(release for release in releases if release.key in cycle)
        yield first.source.problem(
            "Cycle", message, ("spec", "dependsOn"), hint="Flux never installs them; remove one dependency"
        )
