"""`reconciler schemas`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import console
from reconciler.commands import json_schemas


def schemas(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")] = Path("schemas"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file differs.")] = False,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Write the JSON Schema of every document, for editors and CI.

    With the comment "# yaml-language-server: $schema=.../Application.json" in a document, editors complete and validate it.
    """
    texts = json_schemas.schemas()
    differ = [file for file, text in texts.items() if _read(directory / file) != text]
    if not check:
        directory.mkdir(parents=True, exist_ok=True)
        for file in differ:
            (directory / file).write_text(texts[file])
    if format_ is console.Format.json:
        console.print_json({"changed": differ, "written": not check})
    else:
        verb = "differs" if check else "written"
        console.print_table(("File", "Result"), [(str(directory / f), verb if f in differ else "same") for f in texts])
    raise typer.Exit(console.REFUSED if check and differ else console.OK)


def _read(file: Path) -> str | None:
    return file.read_text() if file.exists() else None
