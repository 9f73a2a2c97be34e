"""Flux's files on disk, and the folder that an Environment's documents are written to."""

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
    """Every document of the *.yaml and *.yml files below a folder, by path; hidden files and folders are passed over.

    Args:
        folder: where to look.
        given: values of `${NAME}` placeholders.
    """
    found: list[Source] = []
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml"} and path.is_file()):
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        try:
            # What is not UTF-8 comes through as it is, for `load_all` to refuse.
            text = file.read_bytes().decode(errors="surrogateescape")
        except OSError as error:
            problem = Problem(code="Unreadable", message=f"cannot be read: {error.strerror}", file=str(file))
            found.append(Source(str(file), problems=(problem,)))
            continue
        found.extend(load_all(substitute(text, given).encode(errors="surrogateescape"), str(file)))
    return tuple(found)


def write_documents(
    documents: Mapping[str, Mapping[str, Any]], folder: Path, *, force: bool
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Write documents, all or none: none when a file with other content is in the way and `force` is not given.

    Returns:
        The files that were written, those that said the same before left out; and why nothing was.

    Raises:
        ConfigurationError: the disk does not let us.
    """
    try:
        return _write(documents, folder, force=force)
    except OSError as error:
        raise ConfigurationError(f"{error.filename or folder} cannot be written: {error.strerror}") from error


def _write(
    documents: Mapping[str, Mapping[str, Any]], folder: Path, *, force: bool
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    differ = {file: text for file, data in documents.items() if _content(folder / file) != (text := dump(data))}
    in_the_way = [file for file in differ if (folder / file).exists()]
    if in_the_way and not force:
        message, hint = "exists with other content; nothing was written", "give --force, or another --output"
        return (), tuple(Problem(code="FileExists", message=message, file=str(folder / f), hint=hint) for f in in_the_way)
    for file, text in differ.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text)
    return tuple(differ), ()


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
