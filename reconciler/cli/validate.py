"""`reconciler validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import console
from reconciler.decide.validate import has_errors
from reconciler.loop.check import check


def validate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="An Environment's folder, a Blueprint's folder, or single files.", show_default=False
        ),
    ],
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Check documents before they are pushed or published: every problem at once, each with file:line:column.

    Needs no network: whether Blueprints exist and are signed is seen when the commit is resolved.

    Exit codes: 0 all valid, maybe with warnings; 1 there is an error.

    Example: reconciler validate fixtures/environments/acme-prod fixtures/catalog/*
    """
    problems = [problem for path in paths for problem in check(path)]
    if format_ is console.Format.json:
        console.print_json({"problems": [p.model_dump() for p in problems]})
    else:
        console.print_problems(problems)
        if not problems:
            console.say(f"{len(paths)} checked, all valid")
    raise typer.Exit(console.REFUSED if has_errors(problems) else console.OK)
