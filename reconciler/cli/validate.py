"""`reconciler validate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from reconciler.cli import console
from reconciler.cli.problems import ProblemFormat, ProblemFormatOption, by_lines, on_disk, show_problems
from reconciler.commands.validate import discover_folders, validate_path, validate_text
from reconciler.formats.yaml.documents import MAX_BYTES
from reconciler.model.problem import has_errors

STDIN: Final = Path("-")
STDIN_NAME: Final = "<stdin>"


def validate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Folders of an Environment or a Blueprint, folders of such folders, single files, or - for standard input.",
            show_default=False,
        ),
    ],
    format_: ProblemFormatOption = ProblemFormat.text,
) -> None:
    """Validate documents before they are pushed or published: every problem at once, each with file:line:column.

    Needs no network: the existence and the signatures of Blueprints are verified when the commit is resolved.

    Exit codes: 0 all valid, maybe with warnings; 1 there is an error.

    Example: reconciler validate fixtures/environments/acme-prod fixtures/catalog
    """
    typed = sys.stdin.buffer.read(MAX_BYTES + 1) if STDIN in paths else b""
    places = list(dict.fromkeys(place for path in paths for place in (discover_folders(path) if path != STDIN else (path,))))
    problems = [p for place in places for p in (validate_path(place) if place != STDIN else validate_text(typed, STDIN_NAME))]
    if format_ is ProblemFormat.json:
        console.print_json({"problems": [p.model_dump() for p in problems]})
    elif format_ is ProblemFormat.sarif:
        from reconciler.cli import sarif

        console.print_json(sarif.sarif([sarif.sarif_run(problems, sarif.seen_from(Path()))]))
    else:
        show_problems(problems, by_lines(lambda file: typed if file == STDIN_NAME else on_disk(file)))
        if not problems:
            console.print_line(f"{len(places)} checked, all valid")
    raise typer.Exit(console.REFUSED if has_errors(problems) else console.OK)
