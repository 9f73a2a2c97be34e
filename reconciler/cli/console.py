"""How results are shown: tables and colours on a terminal, plain lines in a pipe, JSON when asked."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OK = 0
REFUSED = 1
USAGE = 2
OUTSIDE = 3

EXIT_CODES = (
    "Exit codes: 0 all is well; 1 something is refused or not ready; 2 the command was used wrongly; "
    "3 something outside failed or the configuration cannot work."
)


class Format(StrEnum):
    """How to print."""

    text = "text"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="text for people, json for programs.")]


def print_json(data: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on a terminal, tab-separated lines in a pipe."""
    console = terminal()
    if not console.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(strip_control(cell) for cell in row) + "\n")
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(_safe(cell) for cell in row))
    console.print(table)


def print_line(text: str) -> None:
    """Print a line for people."""
    terminal().print(_safe(text), soft_wrap=True)


def print_error(text: str) -> None:
    """Print lines on standard error."""
    lines = "\n".join(_safe(line) for line in text.split("\n"))
    Console(stderr=True, highlight=False, emoji=False).print(f"[bold red]error[/]: {lines}", soft_wrap=True)


def terminal() -> Console:
    """Standard output, whatever it is."""
    return Console(file=sys.stdout, highlight=False, emoji=False)


def _safe(text: str) -> str:
    """Text of whoever wrote it for the console: no markup, no second line, nothing that a terminal would obey."""
    return escape(strip_control(text))


def strip_control(text: str) -> str:
    """Text with what a terminal would obey written out: no control character, no change of direction, one line."""
    return "".join(c if c.isprintable() else " " if c in "\t\r\n" else c.encode("unicode_escape").decode() for c in text)
