"""From a directory of Flux objects to an Environment's documents, and all that could not be carried over.

Rules: a HelmRelease `bp-x` becomes the Application `x`, as a shared dependency on the Blueprint `bp-x` is called; where that
name is not to be had, the next one that is. Its values become `config`. Its `dependsOn` is not written: the order comes from what
Blueprints depend on. Only where the Application waited for is not called as a shared dependency would be, `bind` says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.charts import ImportedChart, imported_chart
from reconciler.domain.flux_import.manifests import FluxManifests, ImportedRelease, collect, warning
from reconciler.domain.flux_import.substitutions import ambiguous_values, placeholder_problems, unescaped
from reconciler.domain.flux_import.unsupported import unsupported_fields
from reconciler.domain.onboarding.scaffold import CLUSTER_HINT, NO_LOCATION, environment_of, uniform_locations
from reconciler.domain.validation.environment import is_reserved, validate
from reconciler.domain.values.application_values import CONFIG
from reconciler.model.base import API_VERSION, MAX_NAME
from reconciler.model.blueprint import PREFIX, short_name
from reconciler.model.layout import ENVIRONMENT_FILE, application_file
from reconciler.model.problem import Problem, has_errors, sort_problems
from reconciler.model.source import KeyPath, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_APPLICATION: Final = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
VALUES: Final[KeyPath] = ("spec", "values")


@dataclass(frozen=True)
class ImportedApplication:
    """One Application and the HelmRelease that it was.

    Attributes:
        name: the Application's.
        release: what it was.
        chart: what it installs.
    """

    name: str
    release: ImportedRelease
    chart: ImportedChart

    @property
    def file(self) -> str:
        """Its path in an Environment's repository."""
        return application_file(self.name)


@dataclass(frozen=True)
class Imported:
    """What an import comes to.

    Attributes:
        documents: valid documents by their path in an Environment's repository.
        applications: in the order of the kit's files; each has its document.
        left: the HelmReleases of which no valid Application could be made, by their names in the graph.
        graph: each HelmRelease and what it depends on, sorted; as read, whether or not an Application came of it.
        catalogs: the OCI prefixes that the charts come from, to be configured as catalogs.
        problems: what was lost or is doubtful (warnings), and what must be mended before the documents are pushed (errors).
    """

    documents: Mapping[str, Mapping[str, Any]]
    applications: tuple[ImportedApplication, ...]
    left: tuple[str, ...]
    graph: Mapping[str, tuple[str, ...]]
    catalogs: tuple[str, ...]
    problems: tuple[Problem, ...]


def import_flux(sources: Iterable[Source], clusters: Sequence[str] = ()) -> Imported:
    """Turn a kit into an Environment's documents.

    Args:
        sources: every document of the kit, parsed, in the order of its files.
        clusters: where the Environment is placed: names of clusters, which say its Organization, type and regions as well.
            None of them gives no environment.yaml.
    """
    kit = collect(sources)
    problems = list(kit.problems)
    made: dict[str, ImportedApplication] = {}  # by the HelmRelease's key
    taken: set[str] = set()
    catalogs: set[str] = set()
    for release in kit.releases:
        chart, found = imported_chart(release, kit)
        problems.extend(found)
        name = _name(release, taken, problems) if chart else None
        if chart and name:
            taken.add(name)
            catalogs.add(chart.catalog)
            one = ImportedApplication(name, release, chart)
            problems.extend(unsupported_fields(release, name))
            if _is_valid(one, problems):
                made[release.key] = one
    documents: dict[str, Mapping[str, Any]] = {}
    for one in made.values():
        documents[one.file] = _application(one, _bind(one, kit, made, problems))
    if (environment := _environment(clusters, problems)) is not None:
        documents[ENVIRONMENT_FILE] = environment
    return Imported(
        documents=dict(sorted(documents.items())),
        applications=tuple(made.values()),
        left=tuple(one.key for one in kit.releases if one.key not in made),
        graph=kit.graph,
        catalogs=tuple(sorted(catalogs - {""})),
        problems=sort_problems(problems),
    )


def _is_valid(one: ImportedApplication, problems: list[Problem]) -> bool:
    """Whether `validate` lets the document pass; what it finds is told where it stands in the kit."""
    source = one.release.source
    told = tuple(ambiguous_values(source, one.release.spec.get("values"), VALUES))
    document = _application(one, {})
    places = dict(uniform_locations(document, source.locations.get(("spec",), NO_LOCATION)))
    places |= {(*CONFIG, *way[len(VALUES) :]): place for way, place in source.locations.items() if way[: len(VALUES)] == VALUES}
    found = validate({one.file: Source(one.file, document, places)})[1]
    placed = [p.model_copy(update={"file": source.file}) for p in found if p.file == one.file]  # no environment.yaml is here
    known = {(p.code, p.place) for p in told}
    problems.extend((*told, *(p for p in placed if (p.code, p.place) not in known)))
    return not has_errors(placed)


def _name(release: ImportedRelease, taken: set[str], problems: list[Problem]) -> str | None:
    """The first good name that is free; None when there is none."""
    source, way = release.source, ("metadata", "name")
    short = short_name(release.name)
    why = f"the name {short} " + ("is taken" if short in taken else "is reserved" if is_reserved(short) else "is not a valid one")
    for name in (short, PREFIX + short, f"{release.namespace}-{short}"):
        if _APPLICATION.fullmatch(name) and len(name) <= MAX_NAME and not is_reserved(name) and name not in taken:
            if name != short:
                message = f"{release.name} becomes the Application {name}: {why}"
                problems.append(warning(source.problem("NameChanged", message, way, at_value=True)))
            return name
    left = tuple(placeholder_problems(source, release.name, way))
    message = f"no Application comes of {release.name}: {why}"
    hint = f"rename it: an Application's name is a DNS label of at most {MAX_NAME} characters that begins with a letter"
    problems.extend(left or [source.problem("InvalidName", message, way, at_value=True, hint=hint)])
    return None


def _application(one: ImportedApplication, bind: Mapping[str, str]) -> dict[str, Any]:
    spec: dict[str, Any] = {"blueprint": {"name": one.chart.blueprint, "version": one.chart.version}}
    if values := one.release.spec.get("values"):
        spec["config"] = unescaped(values)
    if bind:
        spec["bind"] = dict(bind)
    if one.release.spec.get("suspend") is True:
        spec["suspend"] = True
    return {"apiVersion": API_VERSION, "kind": "Application", "metadata": {"name": one.name}, "spec": spec}


def _bind(
    one: ImportedApplication, kit: FluxManifests, made: Mapping[str, ImportedApplication], problems: list[Problem]
) -> dict[str, str]:
    """Which Application each dependency is, where it is not the one that is called like its Blueprint."""
    bind: dict[str, str] = {}
    plain: list[str] = []
    release = one.release
    for target in kit.dependencies[release.key]:
        other = made.get(target.key)
        if other is None or other is one:
            continue
        key = short_name(other.chart.blueprint)
        if other.name == key:
            plain.append(other.chart.blueprint)
            continue
        bind.setdefault(key, other.name)
        instead = "" if bind[key] == other.name else f", not to {other.name}"
        message = f"{one.name} is bound to {bind[key]} by the word {key}{instead}"
        hint = f"if {one.chart.blueprint} gives it an alias, write that; if it does not depend on it, delete the line"
        problems.append(warning(release.source.problem("Bound", message, ("spec", "dependsOn"), hint=hint)))
    if plain:
        message = f"dependsOn is not written: {release.name} comes after {', '.join(plain)} only if its Blueprint depends on them"
        hint = f"see `depends` in the blueprint.yaml of {one.chart.blueprint}"
        problems.append(warning(release.source.problem("DependsOn", message, ("spec", "dependsOn"), hint=hint)))
    return bind


def _environment(clusters: Sequence[str], problems: list[Problem]) -> dict[str, Any] | None:
    """The environment.yaml of these clusters; `validate` sees whether they belong together."""
    if not clusters:
        message = f"no {ENVIRONMENT_FILE} is made: where the Applications are to run is not in the kit"
        problems.append(warning(Problem(code="NoPlacement", message=message, hint=f"give --placement CLUSTER; {CLUSTER_HINT}")))
        return None
    document, refused = environment_of(clusters)
    problems.extend(refused)
    return document
