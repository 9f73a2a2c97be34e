"""Validates the files of an Environment as a whole: all checks that need no catalog."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.validation.ambiguous_scalars import find_ambiguous_scalars
from reconciler.domain.validation.document_parser import parse_document
from reconciler.domain.validation.lost_values import find_lost_config
from reconciler.domain.validation.placeholders import find_placeholders, unescape_literals
from reconciler.domain.validation.plaintext_secrets import find_plaintext_secrets
from reconciler.domain.versions import is_range
from reconciler.model.application import Application
from reconciler.model.base import ENV_TYPES
from reconciler.model.environment import Environment
from reconciler.model.layout import ENVIRONMENT_FILE
from reconciler.model.problem import Problem, has_errors, sort_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.source import Source

MAX_APPLICATIONS: Final = 1_000  # time and memory of a resolution grow with its square
MAX_PLACEMENTS: Final = 100  # each is a cluster that is observed, and a copy of everything that is rendered
MAX_PROBLEMS: Final = 200  # of a commit; finding the nearest known word costs time

# Names that are reserved for the platform; kube-* as well.
RESERVED_ORGANIZATIONS: Final = frozenset({"system", "flux", "crossplane", "catalyst", "gitea", *ENV_TYPES})

# An Application's name becomes a Namespace that Flux prunes: these have other owners. `kustomization` would collide with the
# file that lists the others.
RESERVED_APPLICATIONS: Final = frozenset({"default", "flux-system", "kustomization"})


@dataclass(frozen=True)
class DeclaredApplication:
    """An Application declared in a file, with that file, so that later problems can point into it."""

    application: Application
    source: Source

    @property
    def name(self) -> str:
        """The Application's name."""
        return self.application.metadata.name


@dataclass(frozen=True)
class ValidatedInput:
    """The validated documents of an Environment: valid by themselves, not yet resolved."""

    environment: Environment
    declared: Mapping[str, DeclaredApplication]


def validate(sources: Mapping[str, Source]) -> tuple[ValidatedInput | None, tuple[Problem, ...]]:
    """Validates an Environment's files.

    Args:
        sources: parsed files by path; only environment.yaml and applications/*.yaml.

    Returns:
        The validated input, or None when any problem is an error; and all problems, in the order of files and lines.
    """
    problems: list[Problem] = []
    environment = _environment(sources, problems)
    declared = _declared(sources, problems)
    if environment is not None:
        _extend(problems, (p for application in declared.values() for p in _in_environment(application, environment, declared)))
    _extend(
        problems,
        (problem for _, source in sorted(sources.items()) for problem in _text_problems(source)),
    )
    ordered = sort_problems(problems)
    if environment is None or has_errors(ordered):
        return None, ordered
    return ValidatedInput(environment, declared), ordered


def environment_problems(source: Source) -> tuple[Problem, ...]:
    """Returns the problems of an environment.yaml by itself."""
    environment, problems = parse_document(source, Environment)
    return (*problems, *(_environment_rules(environment, source) if environment else ()), *_text_problems(source))


def application_problems(source: Source, *, in_folder: bool) -> tuple[Problem, ...]:
    """Returns the problems of an Application by itself; `in_folder`: its file is in the folder of an Environment."""
    application, problems = parse_document(source, Application)
    rules = _application_rules(application, source, in_folder=in_folder) if application else ()
    return (*problems, *rules, *_text_problems(source))


def _text_problems(source: Source) -> Iterable[Problem]:
    return (
        *find_plaintext_secrets(source),
        *find_placeholders(source),
        *find_lost_config(source),
        *find_ambiguous_scalars(source),
    )


def _extend(problems: list[Problem], more: Iterable[Problem]) -> None:
    """Adds problems up to MAX_PROBLEMS."""
    problems.extend(islice(more, max(0, MAX_PROBLEMS - len(problems))))


def _environment(sources: Mapping[str, Source], problems: list[Problem]) -> Environment | None:
    source = sources.get(ENVIRONMENT_FILE)
    if source is None:
        problems.append(
            Problem(
                code="EnvironmentMissing",
                message="the repository has no environment.yaml at its top",
                file=ENVIRONMENT_FILE,
                hint="write one with spec.organization, spec.envType and spec.placements",
            )
        )
        return None
    environment, document_problems = parse_document(source, Environment)
    problems.extend(document_problems)
    if environment is not None:
        problems.extend(_environment_rules(environment, source))
    return environment


def _environment_rules(environment: Environment, source: Source) -> Iterable[Problem]:
    spec = environment.spec
    expected = f"{spec.organization}-{spec.env_type}"
    if environment.metadata.name != expected:
        yield source.problem(
            "NameMismatch",
            f"metadata.name is {environment.metadata.name}; an Environment is named organization-envType: {expected}",
            ("metadata", "name"),
            at_value=True,
        )
    if spec.organization in RESERVED_ORGANIZATIONS or spec.organization.startswith("kube-"):
        yield source.problem(
            "ReservedName",
            f"the organization name {spec.organization} is reserved",
            ("spec", "organization"),
            at_value=True,
        )
    if len(spec.placements) > MAX_PLACEMENTS:
        message = f"{len(spec.placements)} placements; an Environment has at most {MAX_PLACEMENTS}"
        yield source.problem("TooMany", message, ("spec", "placements"), hint="split the Environment")
        return
    clusters: set[str] = set()
    for index, placement in enumerate(spec.placements):
        path = ("spec", "placements", index, "cluster")
        if placement.cluster in clusters:
            yield source.problem("Duplicate", f"the cluster {placement.cluster} is placed twice", path, at_value=True)
        clusters.add(placement.cluster)
        _provider, region, _block, env_type, organization = placement.cluster.split("-", 4)
        if (region, env_type, organization) != (placement.region, spec.env_type, spec.organization):
            yield source.problem(
                "NameMismatch",
                f"the cluster {placement.cluster} does not belong to this Environment: its name has region {region}, "
                f"{env_type}, {organization}; this is region {placement.region}, {spec.env_type}, {spec.organization}",
                path,
                at_value=True,
                hint="a cluster is named provider-region-block-envType-organization",
            )


def _declared(sources: Mapping[str, Source], problems: list[Problem]) -> dict[str, DeclaredApplication]:
    declared: dict[str, DeclaredApplication] = {}
    for file, source in sorted(sources.items()):
        if file == ENVIRONMENT_FILE:
            continue
        application, document_problems = parse_document(source, Application)
        problems.extend(document_problems)
        if application is None:
            continue
        name = application.metadata.name
        problems.extend(_application_rules(application, source))
        if name in declared:
            other = declared[name].source.file
            problems.append(
                source.problem(
                    "Duplicate",
                    f"the Application {name} is also declared in {other}",
                    ("metadata", "name"),
                    at_value=True,
                )
            )
            continue
        declared[name] = DeclaredApplication(_with_literals(application), source)
    if len(declared) > MAX_APPLICATIONS:
        message = f"{len(declared)} Applications; an Environment holds at most {MAX_APPLICATIONS}"
        problems.append(next(iter(declared.values())).source.problem("TooMany", message))
    return declared


def _with_literals(application: Application) -> Application:
    """Returns the Application with the config that it means: `$${NAME}` is written for a literal `${NAME}`."""
    spec = application.spec.model_copy(update={"config": unescape_literals(application.spec.config)})
    return application.model_copy(update={"spec": spec})


def _application_rules(application: Application, source: Source, *, in_folder: bool = True) -> Iterable[Problem]:
    name = application.metadata.name
    stem = source.file.rpartition("/")[2].rpartition(".")[0]
    if in_folder and stem != name:
        yield source.problem(
            "NameMismatch",
            f"metadata.name is {name} but the file is called {stem}; they must be equal",
            ("metadata", "name"),
            at_value=True,
        )
    if is_reserved(name):
        yield source.problem(
            "ReservedName",
            f"an Application cannot be called {name}: its Namespace has another owner",
            ("metadata", "name"),
            at_value=True,
        )
    if not is_range(application.spec.blueprint.version):
        yield source.problem(
            "InvalidRange",
            f"{application.spec.blueprint.version!r} is not a version range",
            ("spec", "blueprint", "version"),
            at_value=True,
            hint="write for example ^1.3, ~1.3.2, 1.x, >=1.2 <2 or 1.3.0",
        )


def is_reserved(name: str) -> bool:
    """Whether the name is reserved, for declared Applications and for dependencies alike."""
    return name in RESERVED_APPLICATIONS or name.startswith("kube-")


def _in_environment(
    declaration: DeclaredApplication, environment: Environment, declared: Mapping[str, DeclaredApplication]
) -> Iterable[Problem]:
    if declaration.name == environment.spec.flux_namespace and not is_reserved(declaration.name):
        message = f"an Application cannot be called {declaration.name}: its Namespace would be the Environment's fluxNamespace"
        yield declaration.source.problem("ReservedName", message, ("metadata", "name"), at_value=True)
    regions = {placement.region for placement in environment.spec.placements}
    for index, region in enumerate(declaration.application.spec.placement.regions):
        if region not in regions:
            yield declaration.source.problem(
                "UnknownRegion",
                f"the Environment has no placement in region {region}",
                ("spec", "placement", "regions", index),
                at_value=True,
                hint=did_you_mean(region, regions),
            )
    for key, target in declaration.application.spec.bind.items():
        if target not in declared:
            yield declaration.source.problem(
                "UnknownApplication",
                f"bind.{key} names {target}, which no file in applications/ declares",
                ("spec", "bind", key),
                at_value=True,
                hint=did_you_mean(target, declared),
            )
        elif target == declaration.name:
            yield declaration.source.problem(
                "Cycle", f"bind.{key} names the Application itself", ("spec", "bind", key), at_value=True
            )
