"""`reconciler import`: onboarding of releases that another tool runs today."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from reconciler.cli import console
from reconciler.cli.problems import by_lines, on_disk, show_problems
from reconciler.commands.import_flux import read_manifests, write_documents
from reconciler.domain.flux_import.importer import Imported, import_flux
from reconciler.model.problem import Problem, has_errors

# The help of the group lists exit codes too, as that of every command does.
app = typer.Typer(
    name="import",
    rich_markup_mode=console.MARKUP,
    no_args_is_help=True,
    help="Generate an Environment's documents from the releases that run today.\n\n" + console.EXIT_CODES,
)
_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


@app.callback()
def _group() -> None:
    """Makes `flux` a subcommand although it is the only one."""


@app.command()
def flux(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A folder of HelmReleases and their sources.")
    ],
    placement: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLUSTER",
            help="Where the Environment runs, such as hz-fsn-rtz-prod-acme; its name has the region, type and Organization. "
            "Repeat it for more. Without it no environment.yaml is generated.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="The value that Flux substitutes for ${NAME}. Repeat it for more."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the documents here. Without it nothing is written.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files with other content.")] = False,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Convert HelmReleases to `applications/*.yaml` and `environment.yaml`, and report parts that cannot be converted.

    Reads every *.yaml and *.yml below DIR; a file may have several documents. Comments are dropped. Fix errors before the
    documents are pushed. A release that keeps its name and Namespace is adopted by the new HelmRelease: suspend the old one
    before it is deleted, or Flux uninstalls the release.

    Exit codes: 0 there are warnings at most; 1 there is an error, or a file is in the way; 2 the command was used wrongly;
    3 the documents could not be written.

    Example: reconciler import flux clusters/acme/kit --placement hz-fsn-rtz-prod-acme --set DOMAIN=acme.com --output acme-prod
    """
    imported = import_flux(read_manifests(directory, _pairs(set_ or [])), placement or [])
    written, refused = write_documents(imported.documents, output, force=force) if output else ((), ())
    problems = (*imported.problems, *refused)
    if format_ is console.Format.json:
        console.print_json(_as_json(imported, written, problems))
    else:
        _show(imported, problems)
        _show_end(imported, output, written, refused)
    raise typer.Exit(console.REFUSED if has_errors(problems) else console.OK)


def _pairs(assignments: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for assignment in assignments:
        match = _PAIR.fullmatch(assignment)
        if match is None:
            raise typer.BadParameter(f"{assignment!r} is not NAME=VALUE", param_hint="--set")
        pairs[match[1]] = match[2]
    return pairs


def _as_json(imported: Imported, written: tuple[str, ...], problems: tuple[Problem, ...]) -> dict[str, Any]:
    return {
        "applications": [
            {
                "name": application.name,
                "helmRelease": application.release.key,
                "blueprint": application.chart.blueprint,
                "version": application.chart.version,
                "file": application.file,
            }
            for application in imported.applications
        ],
        "skipped": list(imported.skipped),
        "graph": {name: list(needs) for name, needs in imported.graph.items()},
        "catalogs": list(imported.catalogs),
        "documents": dict(imported.documents),
        "written": list(written),
        "problems": [p.model_dump() for p in problems],
    }


def _show(imported: Imported, problems: tuple[Problem, ...]) -> None:
    rows = [
        (
            application.file,
            application.chart.blueprint,
            application.chart.version,
            application.release.key,
            ", ".join(imported.graph[application.release.key]),
        )
        for application in imported.applications
    ]
    console.print_table(("File", "Blueprint", "Version", "HelmRelease", "Depends on"), rows)
    show_problems(problems, by_lines(on_disk))


def _show_end(imported: Imported, output: Path | None, written: tuple[str, ...], refused: tuple[Problem, ...]) -> None:
    if imported.catalogs:
        console.print_line(f"catalogs to configure: {', '.join(imported.catalogs)}")
    if imported.skipped:
        console.print_line(f"no Application was made of: {', '.join(imported.skipped)}")
    made = f"{len(imported.applications)} Applications of {len(imported.graph)} HelmReleases"
    if output is None:
        console.print_line(f"{made}; nothing is written without --output DIR")
    elif not refused:
        console.print_line(
            f"{made}; {len(written)} files written to {output}, {len(imported.documents) - len(written)} as they were"
        )
