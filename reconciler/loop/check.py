"""What `reconciler validate` looks at: files and folders on disk, before anything is pushed or published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.decide.blueprints import blueprint_faults, faults
from reconciler.decide.shape import did_you_mean, kind_of, shape
from reconciler.decide.validate import APPLICATIONS_FOLDER, ENVIRONMENT_FILE, in_order, validate
from reconciler.model.application import Application
from reconciler.model.blueprint import Blueprint
from reconciler.model.environment import Environment
from reconciler.model.problem import Problem
from reconciler.model.trust import TrustPolicy
from reconciler.world.documents import load, load_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic import BaseModel

    from reconciler.model.source import Source

BLUEPRINT_FILE = "blueprint.yaml"
_MODELS: dict[str, type[BaseModel]] = {m.__name__: m for m in (Environment, Application, Blueprint, TrustPolicy)}


def check(path: Path) -> tuple[Problem, ...]:
    """Everything wrong with an Environment's folder, a Blueprint's folder, or one file of any kind.

    Files are named as seen from where the program runs, so that an editor finds them.
    """
    try:
        if path.is_dir():
            return in_order(_folder(path))
        return in_order(_file(path))
    except OSError as error:
        return (Problem(code="Unreadable", message=f"cannot be read: {error.strerror}", file=str(error.filename or path)),)


def _folder(path: Path) -> Iterable[Problem]:
    if (path / BLUEPRINT_FILE).exists():
        return blueprint_folder(path)[1]
    if (path / ENVIRONMENT_FILE).exists() or (path / APPLICATIONS_FOLDER).is_dir():
        return _environment(path)
    message = f"holds neither {BLUEPRINT_FILE} nor {ENVIRONMENT_FILE}"
    return (Problem(code="NothingToValidate", message=message, file=str(path)),)


def _environment(path: Path) -> Iterable[Problem]:
    folder = path / APPLICATIONS_FOLDER
    files = [path / ENVIRONMENT_FILE, *sorted(folder.glob("*.yaml"))]
    sources = {f.relative_to(path).as_posix(): load(f.read_bytes(), str(f)) for f in files if f.exists()}
    for problem in validate(sources)[1]:
        missing = problem.file == ENVIRONMENT_FILE and ENVIRONMENT_FILE not in sources
        yield problem.model_copy(update={"file": str(path / ENVIRONMENT_FILE)}) if missing else problem
    for other in sorted(folder.glob("*")):
        if other.suffix != ".yaml" and other.suffix.lower() in {".yaml", ".yml"}:
            message, hint = "is ignored: only *.yaml is read", "rename it"
            yield Problem(code="IgnoredFile", message=message, file=str(other), hint=hint, severity="warning")


def blueprint_folder(path: Path) -> tuple[Blueprint | None, tuple[Problem, ...], Source]:
    """A catalog folder's Blueprint, checked against its chart; its problems; and its Chart.yaml, parsed."""
    source = load((path / BLUEPRINT_FILE).read_bytes(), str(path / BLUEPRINT_FILE))
    blueprint, problems = shape(source, Blueprint)
    chart_file = path / "chart" / "Chart.yaml"
    chart = load(chart_file.read_bytes() if chart_file.exists() else b"{}", str(chart_file))
    if blueprint is None:
        return None, problems, chart
    if chart.problems:
        return None, (*problems, *chart.problems), chart
    fields = chart.data if isinstance(chart.data, dict) else {}
    against = faults(blueprint, fields, blueprint.name, blueprint.version)
    found = tuple(source.problem("InvalidBlueprint", one, ("spec",)) for one in against)
    return (None if found else blueprint), (*problems, *found), chart


def _file(path: Path) -> Iterable[Problem]:
    sources = load_all(path.read_bytes(), str(path))
    if not sources:
        yield Problem(code="NotOneDocument", message="the file is empty", file=str(path), line=1, column=1)
    for source in sources:
        if source.problems:
            yield from source.problems
            continue
        model = _MODELS.get(kind_of(source))
        if model is None:
            message = f"the kind {kind_of(source)!r} is none that the reconciler reads"
            yield source.problem("UnknownKind", message, ("kind",), at_value=True, hint=did_you_mean(kind_of(source), _MODELS))
            continue
        document, problems = shape(source, model)
        yield from problems
        if isinstance(document, Blueprint):
            yield from (source.problem("InvalidBlueprint", one, ("spec",)) for one in blueprint_faults(document))
