"""Reads Flux manifests from disk, and writes an Environment's documents to a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.flux_import.substitutions import substitute
from reconciler.formats.yaml.documents import dump, load_all
from reconciler.model.errors import ConfigurationError
from reconciler.model.problem import Problem
from reconciler.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any


def read_manifests(folder: Path, given: Mapping[str, str]) -> tuple[Source, ...]:
    """Every document of the *.yaml and *.yml files below a folder, by path; hidden files and folders are skipped.

    Args:
        folder: the folder.
        given: values of `${NAME}` placeholders.
    """
    sources: list[Source] = []
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml"} and path.is_file()):
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        try:
            # Bytes that are not UTF-8 are kept, so that `load_all` refuses them.
            text = file.read_bytes().decode(errors="surrogateescape")
        except OSError as error:
            problem = Problem(code="Unreadable", message=f"cannot be read: {error.strerror}", file=str(file))
            sources.append(Source(str(file), problems=(problem,)))
            continue
        sources.extend(load_all(substitute(text, given).encode(errors="surrogateescape"), str(file)))
    return tuple(sources)


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
