"""What a directory of Flux objects says: its HelmReleases, where their charts come from, and who waits for whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.validation.document_parser import kind_of
from reconciler.model.flux import HELM_GROUP, KUSTOMIZE_CONFIG_GROUP, SOURCE_GROUP
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.problem import Problem
    from reconciler.model.source import Source

_ENVELOPE: Final = frozenset({"apiVersion", "kind", "metadata", "resources"})
_REPOSITORY_FIELDS: Final = frozenset({"url", "type", "interval", "timeout", "ref", "secretRef", "layerSelector", "provider"})


@dataclass(frozen=True)
class ImportedRelease:
    """One HelmRelease.

    Attributes:
        source: the document.
        name: of the HelmRelease.
        namespace: of the HelmRelease; empty when the document does not say.
        key: its name in the graph: the name, with `namespace/` before it when two Namespaces hold that name.
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
    """All that was read.

    Attributes:
        releases: in the order of files and documents.
        sources: HelmRepositories, OCIRepositories and the like by (kind, namespace, name).
        graph: the names that each HelmRelease waits for, sorted; those that the kit does not hold stand as they are written.
        dependencies: the same as HelmReleases, by key, in the order written, without those that the kit does not hold.
        problems: of the kit as a whole: what was not read, doubles, unknown dependencies, circles.
    """

    releases: tuple[ImportedRelease, ...]
    sources: Mapping[tuple[str, str, str], Source]
    graph: Mapping[str, tuple[str, ...]]
    dependencies: Mapping[str, tuple[ImportedRelease, ...]]
    problems: tuple[Problem, ...]


def collect(sources: Iterable[Source]) -> FluxManifests:
    """Sort a kit's documents. Nothing in them raises: what makes no sense is a problem."""
    problems: list[Problem] = []
    found: list[Source] = []
    origins: dict[tuple[str, str, str], Source] = {}
    kustomizations: list[Source] = []
    for source in sources:
        kind, group = kind_of(source), text_field(mapping(source.data), "apiVersion").partition("/")[0]
        if source.problems:
            problems.extend(source.problems)
        elif (kind, group) == ("HelmRelease", HELM_GROUP):
            found.append(source)
        elif group == SOURCE_GROUP:
            origins[kind, _meta(source, "namespace"), _meta(source, "name")] = source
            problems.extend(_lost_of_origin(source))
        elif (kind, group) == ("Kustomization", KUSTOMIZE_CONFIG_GROUP):
            kustomizations.append(source)
        elif source.data is not None:  # an empty document says nothing
            problems.append(_left_out(source, kind))
    releases = _releases(found, problems)
    for kustomization in kustomizations:
        problems.extend(_lost_of_kustomization(kustomization, releases))
    graph: dict[str, tuple[str, ...]] = {}
    waits: dict[str, tuple[ImportedRelease, ...]] = {}
    for release in releases:
        graph[release.key], waits[release.key] = _dependencies(release, releases, problems)
    problems.extend(_circle(releases, graph))
    return FluxManifests(releases, origins, dict(sorted(graph.items())), waits, tuple(problems))


def warning(problem: Problem) -> Problem:
    """The same problem, as one that stops nobody."""
    return problem.model_copy(update={"severity": "warning"})


def _meta(source: Source, field: str) -> str:
    return text_field(mapping(mapping(source.data).get("metadata")), field)


def _left_out(source: Source, kind: str) -> Problem:
    name = _meta(source, "name")
    if not kind:
        return warning(source.problem("LeftOut", "a document without a kind is left out"))
    hint = "each Application gets a Namespace of its own name" if kind == "Namespace" else "put it into a chart if it is needed"
    return warning(source.problem("LeftOut", f"{kind} {name} is left out: only HelmReleases become Applications", hint=hint))


def _lost_of_origin(source: Source) -> Iterable[Problem]:
    spec = mapping(mapping(source.data).get("spec"))
    for field in sorted(spec.keys() - _REPOSITORY_FIELDS):
        if kind_of(source) in {"HelmRepository", "OCIRepository"}:
            message = f"spec.{field} of {kind_of(source)} {_meta(source, 'name')} is left out"
            hint = "how the reconciler fetches is said in its configuration: registry, trust"
            yield warning(source.problem("LeftOut", message, ("spec", field), hint=hint))


def _lost_of_kustomization(source: Source, releases: Iterable[ImportedRelease]) -> Iterable[Problem]:
    """Kustomize would change what the files say, or leave some of them out."""
    data = mapping(source.data)
    for field in sorted(data.keys() - _ENVELOPE):
        yield source.problem("LeftOut", f"{field} is not applied: documents are read as they are in their files", (field,))
    here = PurePosixPath(source.file).parent
    resources = data.get("resources")
    listed = {here / one for one in (resources if isinstance(resources, list) else []) if isinstance(one, str)}
    for release in releases:
        file = PurePosixPath(release.source.file)
        if here == file.parent and file not in listed:
            message = f"is not among the resources of {source.file}, so Flux may never have applied it; it is imported"
            yield warning(release.source.problem("NotListed", message))


def _releases(found: Iterable[Source], problems: list[Problem]) -> tuple[ImportedRelease, ...]:
    known: dict[tuple[str, str], Source] = {}
    for source in found:
        identity = _meta(source, "namespace"), _meta(source, "name")
        if not identity[1]:
            problems.append(source.problem("MissingField", "metadata.name is required", ("metadata",)))
        elif identity in known:
            other = known[identity]
            there = other.problem("Duplicate", "", ("metadata", "name")).place
            message = f"the HelmRelease {identity[1]} stands in {there} too; this one is left out"
            problems.append(source.problem("Duplicate", message, ("metadata", "name"), at_value=True))
        else:
            known[identity] = source
    count = Counter(name for _, name in known)
    return tuple(
        ImportedRelease(source, name, namespace, name if count[name] == 1 else f"{namespace}/{name}")
        for (namespace, name), source in known.items()
    )


def _dependencies(
    release: ImportedRelease, releases: Iterable[ImportedRelease], problems: list[Problem]
) -> tuple[tuple[str, ...], tuple[ImportedRelease, ...]]:
    written = release.spec.get("dependsOn")
    names: set[str] = set()
    waits: dict[str, ImportedRelease] = {}
    for index, one in enumerate(written if isinstance(written, list) else []):
        way = ("spec", "dependsOn", index)
        name, namespace = text_field(mapping(one), "name"), text_field(mapping(one), "namespace") or release.namespace
        if not name:
            problems.append(release.source.problem("MissingField", f"dependsOn.{index} of {release.name} names nothing", way))
            continue
        target = _find(releases, namespace, name)
        names.add(target.key if target else name if namespace == release.namespace else f"{namespace}/{name}")
        if target is None:
            message = f"{release.name} depends on {name}, which is not in the kit"
            hint = "import it too, or see to it that it runs"
            problems.append(warning(release.source.problem("NotInKit", message, way, hint=hint)))
        else:
            waits[target.key] = target
    return tuple(sorted(names)), tuple(waits.values())


def _find(releases: Iterable[ImportedRelease], namespace: str, name: str) -> ImportedRelease | None:
    """The HelmRelease that is meant; where a document does not say its Namespace, the name alone must do."""
    called = [one for one in releases if one.name == name]
    exact = [one for one in called if one.namespace == namespace]
    loose = [one for one in called if not namespace or not one.namespace]
    return exact[0] if exact else loose[0] if len(loose) == 1 else None


def _circle(releases: Iterable[ImportedRelease], graph: Mapping[str, tuple[str, ...]]) -> Iterable[Problem]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]  # graphlib names what is waited for first
        message = f"these HelmReleases wait for each other in a circle: {' -> '.join(circle)}"
        first = next(one for one in releases if one.key in circle)
        yield first.source.problem("Cycle", message, ("spec", "dependsOn"), hint="Flux never installs them; take one edge away")
