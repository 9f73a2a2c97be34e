"""Translates a folder of Flux manifests (the kit) into an Environment's documents, and reports all that it cannot translate.

Rules: a HelmRelease `bp-x` becomes the Application `x`, the name of a shared dependency on the Blueprint `bp-x`; where that name
is unavailable, the next candidate. Its values become `config`. Its `dependsOn` is not written: the order follows from the
dependencies of Blueprints. Only where a dependency does not have the name of a shared dependency, `bind` names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.charts import ImportedChart, imported_chart
from reconciler.domain.flux_import.manifests import FluxManifests, ImportedRelease, collect, warning
from reconciler.domain.flux_import.substitutions import ambiguous_values, as_config, placeholder_problems
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
    """An Application and the HelmRelease that it is imported from.

    Attributes:
        name: the Application's name.
        release: the HelmRelease.
        chart: the Blueprint that it installs.
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
    """The result of an import.

    Attributes:
        documents: valid documents by their path in an Environment's repository.
        applications: in the order of the kit's files; each has its document.
        skipped: the HelmReleases without a valid Application, by their names in the graph.
        graph: each HelmRelease and its dependencies, sorted; as read, also those without an Application.
        catalogs: the OCI prefixes of the charts, to be configured as catalogs.
        problems: lost or doubtful parts (warnings), and defects to fix before the documents are pushed (errors).
    """

    documents: Mapping[str, Mapping[str, Any]]
    applications: tuple[ImportedApplication, ...]
    skipped: tuple[str, ...]
    graph: Mapping[str, tuple[str, ...]]
    catalogs: tuple[str, ...]
    problems: tuple[Problem, ...]


def import_flux(sources: Iterable[Source], clusters: Sequence[str] = ()) -> Imported:
    """Translates a kit into an Environment's documents.

    Args:
        sources: every document of the kit, parsed, in the order of its files.
        clusters: the names of the Environment's clusters, which contain its Organization, type and regions as well.
            Without clusters, no environment.yaml is made.
    """
    manifests = collect(sources)
    problems = list(manifests.problems)
    imported: dict[str, ImportedApplication] = {}  # by the HelmRelease's key
    used_names: set[str] = set()
    catalogs: set[str] = set()
    for release in manifests.releases:
        chart, chart_problems = imported_chart(release, manifests)
        problems.extend(chart_problems)
        name = _name(release, used_names, problems) if chart else None
        if chart and name:
            used_names.add(name)
            catalogs.add(chart.catalog)
            application = ImportedApplication(name, release, chart)
            problems.extend(unsupported_fields(release, name))
            if _is_valid(application, problems):
                imported[release.key] = application
    documents: dict[str, Mapping[str, Any]] = {}
    for application in imported.values():
        documents[application.file] = _application(application, _bind(application, manifests, imported, problems))
    if (environment := _environment(clusters, problems)) is not None:
        documents[ENVIRONMENT_FILE] = environment
    return Imported(
        documents=dict(sorted(documents.items())),
        applications=tuple(imported.values()),
        skipped=tuple(application.key for application in manifests.releases if application.key not in imported),
        graph=manifests.graph,
        catalogs=tuple(sorted(catalogs - {""})),
        problems=sort_problems(problems),
    )


def _is_valid(application: ImportedApplication, problems: list[Problem]) -> bool:
    """Whether the document is valid; its problems are reported at their locations in the kit."""
    source = application.release.source
    warnings = tuple(ambiguous_values(source, application.release.spec.get("values"), VALUES))
    document = _application(application, {})
    locations = dict(uniform_locations(document, source.locations.get(("spec",), NO_LOCATION)))
    locations |= {
        (*CONFIG, *path[len(VALUES) :]): location for path, location in source.locations.items() if path[: len(VALUES)] == VALUES
    }
    violations = validate({application.file: Source(application.file, document, locations)})[1]
    located = [
        problem.model_copy(update={"file": source.file}) for problem in violations if problem.file == application.file
    ]  # environment.yaml is missing here, which is no defect of the kit
    reported = {(problem.code, problem.place) for problem in warnings}
    problems.extend((*warnings, *(problem for problem in located if (problem.code, problem.place) not in reported)))
    return not has_errors(located)


def _name(release: ImportedRelease, used_names: set[str], problems: list[Problem]) -> str | None:
    """Returns the first valid and unused candidate for the Application's name; None when there is none."""
    source, path = release.source, ("metadata", "name")
    plain_name = short_name(release.name)
    reason = f"the name {plain_name} " + (
        "is taken" if plain_name in used_names else "is reserved" if is_reserved(plain_name) else "is not valid"
    )
    for name in (plain_name, PREFIX + plain_name, f"{release.namespace}-{plain_name}"):
        if _APPLICATION.fullmatch(name) and len(name) <= MAX_NAME and not is_reserved(name) and name not in used_names:
            if name != plain_name:
                message = f"{release.name} becomes the Application {name}: {reason}"
                problems.append(warning(source.problem("NameChanged", message, path, at_value=True)))
            return name
    placeholders = tuple(placeholder_problems(source, release.name, path))
    message = f"no Application is made of {release.name}: {reason}"
    hint = f"rename it: an Application's name is a DNS label of at most {MAX_NAME} characters that begins with a letter"
    problems.extend(placeholders or [source.problem("InvalidName", message, path, at_value=True, hint=hint)])
    return None


def _application(application: ImportedApplication, bind: Mapping[str, str]) -> dict[str, Any]:
    spec: dict[str, Any] = {"blueprint": {"name": application.chart.blueprint, "version": application.chart.version}}
    if values := application.release.spec.get("values"):
        spec["config"] = as_config(application.release.source, values)
    if bind:
        spec["bind"] = dict(bind)
    if _is_true(application.release.spec.get("suspend")):
        spec["suspend"] = True
    return {"apiVersion": API_VERSION, "kind": "Application", "metadata": {"name": application.name}, "spec": spec}


def _is_true(value: Any) -> bool:
    """Whether a boolean field is true to Flux, which reads YAML 1.1 words; it refuses a quoted one itself."""
    return value is True or (isinstance(value, str) and value.lower() in {"y", "yes", "on"})


def _bind(
    application: ImportedApplication,
    manifests: FluxManifests,
    imported: Mapping[str, ImportedApplication],
    problems: list[Problem],
) -> dict[str, str]:
    """Returns `bind`: the Application of each dependency whose name differs from its Blueprint's."""
    bind: dict[str, str] = {}
    unbound: list[str] = []
    release = application.release
    for dependency_release in manifests.dependencies[release.key]:
        dependency = imported.get(dependency_release.key)
        if dependency is None or dependency is application:
            continue
        bind_key = short_name(dependency.chart.blueprint)
        if dependency.name == bind_key:
            unbound.append(dependency.chart.blueprint)
            continue
        bind.setdefault(bind_key, dependency.name)
        conflict = "" if bind[bind_key] == dependency.name else f", not to {dependency.name}"
        message = f"{application.name} is bound to {bind[bind_key]} by the key {bind_key}{conflict}"
        hint = f"if {application.chart.blueprint} gives it an alias, write that; if it does not depend on it, delete the line"
        problems.append(warning(release.source.problem("Bound", message, ("spec", "dependsOn"), hint=hint)))
    if unbound:
        message = (
            f"dependsOn is not written: {release.name} comes after {', '.join(unbound)} only if its Blueprint depends on them"
        )
        hint = f"see `depends` in the blueprint.yaml of {application.chart.blueprint}"
        problems.append(warning(release.source.problem("DependsOn", message, ("spec", "dependsOn"), hint=hint)))
    return bind


def _environment(clusters: Sequence[str], problems: list[Problem]) -> dict[str, Any] | None:
    """Returns the environment.yaml of these clusters; None with problems when there are none, or they do not match."""
    if not clusters:
        message = f"no {ENVIRONMENT_FILE} is made: the kit does not contain the clusters of the Applications"
        problems.append(warning(Problem(code="NoPlacement", message=message, hint=f"give --placement CLUSTER; {CLUSTER_HINT}")))
        return None
    document, refused = environment_of(clusters)
    problems.extend(refused)
    return document
