"""`reconciler tree` and `reconciler why`."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from reconciler.cli import console
from reconciler.cli.environment_reader import EnvironmentArgument, read_lock
from reconciler.cli.options import ConfigOption
from reconciler.domain.locking import dependency_graph
from reconciler.domain.locking.dependency_graph import GraphRow
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.model.errors import NotFoundError

WIDTH = 120  # characters of a picture
PIPE_WIDTH = 1_000  # no line of a tree is broken there


class Drawing(StrEnum):
    """How to draw a graph."""

    text = "text"
    json = "json"
    mermaid = "mermaid"
    svg = "svg"


def tree(
    environment: EnvironmentArgument,
    config: ConfigOption,
    format_: Annotated[
        Drawing, typer.Option("--format", help="text for people, json for programs, mermaid for Markdown, svg for a picture.")
    ] = Drawing.text,
) -> None:
    """Show the resolved Applications, each with its dependencies.

    Exit codes: 0 shown; 3 something outside failed, or nothing is resolved yet.
    """
    lock = read_lock(config, environment)
    match format_:
        case Drawing.json:
            console.print_json({p.application: p.depends_on for p in lock.packages})
        case Drawing.mermaid:
            sys.stdout.write(dependency_graph.mermaid(lock))
        case Drawing.text:
            _show(_drawn(environment, dependency_graph.tree(lock), _below))
        case Drawing.svg:
            picture = Console(file=io.StringIO(), record=True, width=WIDTH, force_terminal=True)
            picture.print(_drawn(environment, dependency_graph.tree(lock), _below))
            sys.stdout.write(picture.export_svg(title=environment))


def why(
    environment: EnvironmentArgument,
    application: Annotated[str, typer.Argument(metavar="APP", help="An Application of it.", show_default=False)],
    config: ConfigOption,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Show which Applications require an Application, in which range, up to the files that declare them.

    Exit codes: 0 shown; 3 something outside failed, or there is no such Application.
    """
    lock = read_lock(config, environment)
    try:
        rows = dependency_graph.why(lock, application)
    except KeyError:
        hint = did_you_mean(application, [p.application for p in lock.packages])
        raise NotFoundError(f"{environment} has no Application {application}", hint) from None
    if format_ is console.Format.json:
        console.print_json([_as_json(row) for row in rows])
    else:
        _show(_drawn(f"{application} is there because", rows, _above))


def _show(drawing: Tree) -> None:
    screen = console.terminal()
    if not screen.is_terminal:
        screen.width = PIPE_WIDTH
    screen.print(drawing)


def _drawn(title: str, rows: list[GraphRow], label: Any) -> Tree:
    drawing = Tree(Text(console.strip_control(title), "bold"))
    branches = [drawing]
    for row in rows:
        del branches[row.depth + 1 :]
        branches.append(branches[-1].add(Text(console.strip_control(label(row)))))
    return drawing


def _below(row: GraphRow) -> str:
    package, again = row.package, "  (see above)" if row.again else ""
    asked = f"  asked for {row.requirer.range}" if row.requirer else ""
    return f"{package.application}  {package.blueprint} {package.version}{asked}{again}"


def _above(row: GraphRow) -> str:
    package = row.package
    declaration = next((requirer for requirer in package.required_by if requirer.application == package.application), None)
    declared = f", declared as {declaration.range} in {declaration.in_}" if declaration else ""
    again = "  (see above)" if row.again else ""
    if row.requirer is None:
        return f"{package.application}  {package.blueprint} {package.version}{declared}"
    needs = f"needs it as {row.requirer.range} ({row.requirer.in_})"
    return f"{package.application}  {package.blueprint} {package.version} {needs}{declared}{again}"


def _as_json(row: GraphRow) -> dict[str, Any]:
    requirer = row.requirer.model_dump(by_alias=True) if row.requirer else None
    return {
        "depth": row.depth,
        "application": row.package.application,
        "blueprint": row.package.blueprint,
        "version": row.package.version,
        "by": requirer,
        "declared": dependency_graph.is_declared(row.package),
    }
