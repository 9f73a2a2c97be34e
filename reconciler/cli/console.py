"""Prints results: tables and colours on a terminal, plain lines in a pipe, JSON on request.

rich is imported only for a terminal: it takes as long as the interpreter does to start.
"""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from rich.console import Console
    from typer.core import MarkupMode

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


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal, as rich decides it: FORCE_COLOR makes it one, TTY_COMPATIBLE says whether it is."""
    compatible, force = os.environ.get("TTY_COMPATIBLE", ""), os.environ.get("FORCE_COLOR")
    if compatible in {"0", "1"}:
        return compatible == "1"
    return force != "" if force is not None else stream.isatty()


# How typer writes help and errors: framed and coloured on a terminal, as plain lines elsewhere.
MARKUP: MarkupMode = "rich" if is_terminal(sys.stdout) else None


def print_json(data: Any) -> None:
    """Prints one JSON document."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table on a terminal, tab-separated lines in a pipe."""
    if not is_terminal(sys.stdout):
        for row in rows:
            sys.stdout.write("\t".join(strip_control(cell) for cell in row) + "\n")
        return
    from rich.table import Table

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(_markup(cell) for cell in row))
    terminal().print(table)


def print_line(text: str) -> None:
    """Prints a line of text, without control characters."""
    if is_terminal(sys.stdout):
        terminal().print(_markup(text), soft_wrap=True)
    else:
        sys.stdout.write(strip_control(text) + "\n")
        sys.stdout.flush()  # a log shows each step when it is done, and in order with the errors


def print_error(text: str) -> None:
    """Prints lines on standard error, without control characters."""
    lines = text.split("\n")
    if not is_terminal(sys.stderr):
        sys.stderr.write("error: " + "\n".join(map(strip_control, lines)) + "\n")
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, emoji=False)
    console.print("[bold red]error[/]: " + "\n".join(map(_markup, lines)), soft_wrap=True)


def terminal() -> Console:
    """Standard output as rich writes to it."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, emoji=False)


def _markup(text: str) -> str:
    """A text of unknown origin as rich's markup: no markup of its own, no second line, no control character."""
    from rich.markup import escape

    return escape(strip_control(text))


def strip_control(text: str) -> str:
    """A text in one line, with its control characters and its changes of direction written out."""
    return "".join(c if c.isprintable() else " " if c in "\t\r\n" else c.encode("unicode_escape").decode() for c in text)
