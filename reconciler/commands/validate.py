"""Validates files and folders on disk, before they are pushed or published."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.commands.folder_tree import ROOT, FolderTree
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.validation.document_parser import kind_of, parse_document
from reconciler.domain.validation.environment import application_problems, environment_problems, validate
from reconciler.formats.git_snapshot import read_snapshot
from reconciler.formats.yaml.documents import MAX_BYTES, load, load_all
from reconciler.model.errors import ReconcilerError
from reconciler.model.git import SnapshotLimits
from reconciler.model.layout import APPLICATIONS_FOLDER, ENVIRONMENT_FILE, WANTED
from reconciler.model.problem import Problem, sort_problems
from reconciler.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from reconciler.model.blueprint import Blueprint

BLUEPRINT_FILE = "blueprint.yaml"
# The module of each kind's model: a model is built when a document of its kind is read, for the folders of Environments are
# validated in editors and hooks, and need neither charts nor policies.
_MODELS = {
    "Environment": "environment",
    "Application": "application",
    "Blueprint": "blueprint",
    "EnvironmentPolicy": "policy",
    "TrustPolicy": "trust",
}


def discover_folders(path: Path) -> tuple[Path, ...]:
    """The folders to validate at a path: itself, or every Environment's and Blueprint's folder below it, in order.

    Symbolic links are not followed below the path, and hidden folders are skipped.
    """
    selected: list[Path] = []
    for top, folders, files in os.walk(path):
        folder = Path(top)
        if {BLUEPRINT_FILE, ENVIRONMENT_FILE} & set(files) or (folder == path and APPLICATIONS_FOLDER in folders):
            selected.append(folder)
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".")]
    return tuple(sorted(selected)) or (path,)


def validate_path(path: Path) -> tuple[Problem, ...]:
    """All problems of an Environment's folder, a Blueprint's folder, or one file of any kind.

    Files are named relative to the working directory, so that an editor finds them.
    """
    if path.is_dir():
        return sort_problems(_folder(path))
    content = _read(path)
    return (content,) if isinstance(content, Problem) else validate_text(content, str(path))


def validate_text(text: bytes, file: str) -> tuple[Problem, ...]:
    """All problems of the documents in one text, reported under the name `file`."""
    return sort_problems(_documents(text, file))


def _read(path: Path) -> bytes | Problem:
    """A file's content, up to one byte more than the size limit."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        return Problem(code="Unreadable", message=f"cannot be read: {error.strerror}", file=str(path))


def _load(path: Path) -> Source:
    content = _read(path)
    return Source(str(path), problems=(content,)) if isinstance(content, Problem) else load(content, str(path))


def _folder(path: Path) -> Iterable[Problem]:
    is_blueprint = (path / BLUEPRINT_FILE).exists()
    is_environment = any(os.path.lexists(path / name) for name in (ENVIRONMENT_FILE, APPLICATIONS_FOLDER))
    if is_blueprint or is_environment:
        return (*(load_blueprint_folder(path)[1] if is_blueprint else ()), *(_environment(path) if is_environment else ()))
    message = f"contains neither {BLUEPRINT_FILE} nor {ENVIRONMENT_FILE}, nor does a folder in it"
    hint = "name the files to check"
    return (Problem(code="NothingToValidate", message=message, file=str(path), hint=hint),)


def _environment(path: Path) -> Iterable[Problem]:
    """The problems of an Environment's folder: those that the service has with a commit of it, by the same code."""
    tree = FolderTree(path)
    snapshot = read_snapshot(tree, "", ROOT, WANTED, SnapshotLimits())
    sources = {
        file: load(content, str(path / file)) for file, content in snapshot.files.items() if file not in tree.unreadable
    } | {file: Source(problem.file, problems=(problem,)) for file, problem in tree.unreadable.items() if file in snapshot.files}
    for problem in validate(sources)[1]:
        missing = problem.file == ENVIRONMENT_FILE and ENVIRONMENT_FILE not in sources
        yield problem.model_copy(update={"file": str(path / ENVIRONMENT_FILE)}) if missing else problem
    yield from (problem.model_copy(update={"file": str(path / problem.file)}) for problem in snapshot.problems)
    yield from (problem for file, problem in tree.unreadable.items() if file not in snapshot.files)


def load_blueprint_folder(path: Path) -> tuple[Blueprint | None, tuple[Problem, ...], Source]:
    """The Blueprint of a catalog folder, checked against its chart; its problems; and its parsed Chart.yaml."""
    from reconciler.domain.blueprints.blueprint_rules import blueprint_defects
    from reconciler.model.blueprint import Blueprint

    source = _load(path / BLUEPRINT_FILE)
    blueprint, problems = parse_document(source, Blueprint)
    chart_file = path / "chart" / "Chart.yaml"
    chart = _load(chart_file) if chart_file.exists() else Source(str(chart_file), data={})
    if blueprint is None:
        return None, problems, chart
    if chart.problems:
        return None, (*problems, *chart.problems), chart
    fields = chart.data if isinstance(chart.data, dict) else {}
    defects = (*blueprint_defects(blueprint, fields, blueprint.name, blueprint.version), *_chart_defects(path / "chart"))
    defect_problems = tuple(source.problem("InvalidBlueprint", defect, ("spec",)) for defect in defects)
    return (None if defect_problems else blueprint), (*problems, *defect_problems), chart


def _chart_defects(folder: Path) -> Iterable[str]:
    """The defects of a chart as it would be packed; empty for a missing folder, which is reported by its missing Chart.yaml."""
    from reconciler.adapters.chart_packager import pack_chart
    from reconciler.domain.blueprints.chart_reader import read_chart
    from reconciler.domain.blueprints.helm_chart import chart_defects
    from reconciler.formats import helm_archive

    if not folder.is_dir():
        return ()
    try:
        return tuple(chart_defects(read_chart(helm_archive.read_archive(pack_chart(folder, "chart")))[0]))
    except ReconcilerError as error:
        return (error.message,)


def _documents(text: bytes, file: str) -> Iterable[Problem]:
    path = Path(file)
    if path.parent.name == APPLICATIONS_FOLDER:  # as in its folder: one document, of that kind, with the name of its file
        yield from application_problems(load(text, file), in_folder=True)
        return
    if path.name == ENVIRONMENT_FILE:
        yield from environment_problems(load(text, file))
        return
    sources = load_all(text, file)
    if not sources:
        yield Problem(code="NotOneDocument", message="the file is empty", file=file, line=1, column=1)
    for source in sources:
        if source.problems:
            yield from source.problems
            continue
        yield from _document(source, kind_of(source))


def _document(source: Source, kind: str) -> Iterable[Problem]:
    if kind not in _MODELS:
        return (_unknown_kind(source),)
    if kind == "Environment":
        return environment_problems(source)
    if kind == "Application":
        return application_problems(source, in_folder=False)
    if kind == "EnvironmentPolicy":
        from reconciler.domain.admission.environment_policies import environment_policy

        return environment_policy(source)[1]
    model: type[BaseModel] = getattr(import_module(f"reconciler.model.{_MODELS[kind]}"), kind)
    document, problems = parse_document(source, model)
    if kind == "Blueprint":
        from reconciler.domain.blueprints.blueprint_rules import blueprint_faults
        from reconciler.model.blueprint import Blueprint

        faults = blueprint_faults(document) if isinstance(document, Blueprint) else ()
        return (*problems, *(source.problem("InvalidBlueprint", fault, ("spec",)) for fault in faults))
    return problems


def _unknown_kind(source: Source) -> Problem:
    kind = kind_of(source)
    message = f"the reconciler reads no documents of kind {kind!r}" if kind else "the document has no kind"
    return source.problem("UnknownKind", message, ("kind",), at_value=True, hint=did_you_mean(kind, _MODELS))
