"""Reads Flux manifests from disk, and writes an Environment's documents to a folder."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.domain.flux_import.kit_files import CHART_FILE, chart_problem, documents_of
from reconciler.formats.yaml.documents import dump
from reconciler.model.errors import ConfigurationError
from reconciler.model.problem import Problem
from reconciler.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path
    from typing import Any


def read_manifests(folder: Path, given: Mapping[str, str]) -> tuple[Source, ...]:
    """Every document of the *.yaml and *.yml files below a folder, by path; hidden files and folders and charts are skipped.

    Args:
        folder: the folder.
        given: values of `${NAME}` placeholders.
    """
    sources: list[Source] = []
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml"} and path.is_file())
    visible = [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    charts = {file.parent for file in visible if file.name == CHART_FILE}
    in_charts = Counter(chart for file in visible if (chart := _outermost(file, charts, folder)))
    for chart, count in sorted(in_charts.items()):
        sources.append(Source(str(chart), problems=(chart_problem(str(chart / CHART_FILE), count),)))
    for file in visible:
        if _outermost(file, charts, folder):
            continue
        try:
            # Bytes that are not UTF-8 are kept, so that they are refused when the file is read.
            text = file.read_bytes().decode(errors="surrogateescape")
        except OSError as error:
            problem = Problem(code="Unreadable", message=f"cannot be read: {error.strerror}", file=str(file))
            sources.append(Source(str(file), problems=(problem,)))
            continue
        sources.extend(documents_of(text, str(file), given))
    return tuple(sources)


def _outermost(file: Path, charts: Collection[Path], folder: Path) -> Path | None:
    """The outermost chart that a file is in; None when it is in none."""
    within = [parent for parent in file.parents if parent in charts and parent.is_relative_to(folder)]
    return within[-1] if within else None


def write_documents(
    documents: Mapping[str, Mapping[str, Any]], folder: Path, *, force: bool
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Write all documents, or none: none when a file with other content exists and `force` is not given.

    Returns:
        The files that were written, without those that had the same content; and the problems why none was.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    try:
        return _write(documents, folder, force=force)
    except OSError as error:
        raise ConfigurationError(f"{error.filename or folder} cannot be written: {error.strerror}") from error


def _write(
    documents: Mapping[str, Mapping[str, Any]], folder: Path, *, force: bool
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    changed = {file: text for file, data in documents.items() if _content(folder / file) != (text := dump(data))}
    existing = [file for file in changed if (folder / file).exists()]
    if existing and not force:
        message, hint = "exists with other content; nothing was written", "give --force, or another --output"
        return (), tuple(Problem(code="FileExists", message=message, file=str(folder / file), hint=hint) for file in existing)
    for file, text in changed.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text)
    return tuple(changed), ()


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
