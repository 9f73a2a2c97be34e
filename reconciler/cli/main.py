"""The `reconciler` command."""

from __future__ import annotations

import sys

import typer

from reconciler.cli import console
from reconciler.cli.audit import audit
from reconciler.cli.explain import explain
from reconciler.cli.graph import tree, why
from reconciler.cli.import_ import app as import_
from reconciler.cli.once import once
from reconciler.cli.publish import publish
from reconciler.cli.run import run
from reconciler.cli.schemas import schemas
from reconciler.cli.status import status
from reconciler.cli.update import outdated, update
from reconciler.cli.validate import validate
from reconciler.model.faults import Fault

app = typer.Typer(
    name="reconciler",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Turns what people push into what runs, and tells the truth about it.\n\n"
        "An Environment is a git repository: people write `environment.yaml` and `applications/*.yaml` on `main`; the reconciler "
        "pins and checks every Blueprint, commits the result to `resolved` for Flux, and what it observed to `status`.\n\n"
        + console.EXIT_CODES
    ),
)
for command in (validate, once, run, status, explain, audit, why, tree, outdated, update, publish, schemas):
    app.command()(command)
app.add_typer(import_)


def main() -> None:
    """Run the command line; a Fault becomes one line and exit code 3."""
    try:
        app()
    except Fault as fault:
        console.complain(str(fault))
        sys.exit(console.OUTSIDE)
