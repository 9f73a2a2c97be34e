"""Prints problems: on a terminal as compilers do, with the line they are about; in a pipe a line each."""

from __future__ import annotations

import functools
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import is_terminal, strip_control, terminal
from reconciler.formats.yaml.documents import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from reconciler.cli.problem_report import Lines
    from reconciler.model.problem import Problem


class ProblemFormat(StrEnum):
    """A format of problems."""

    text = "text"
    json = "json"
    sarif = "sarif"


ProblemFormatOption = Annotated[
    ProblemFormat, typer.Option("--format", help="text for people, json for programs, sarif (2.1.0) for code review and editors.")
]


def by_lines(read: Callable[[str], bytes | None]) -> Lines:
    """The lines of the text that `read` returns for a file; each file is read once."""

    @functools.cache
    def lines(file: str) -> Sequence[str] | None:
        from reconciler.cli.excerpt import lines_of

        text = read(file)
        return None if text is None else lines_of(text)

    return lines


def on_disk(file: str) -> bytes | None:
    """A file's text, as far as documents are read; None when it is not a regular file or cannot be read."""
    try:
        if not Path(file).is_file():  # opening a pipe would wait for its other end
            return None
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES)
    except (OSError, ValueError):
        return None


def show_problems(problems: Sequence[Problem], lines: Lines, console: Console | None = None) -> None:
    """Prints problems: with excerpts and a summary on a terminal, else a line each, so that editors and terminals link them.

    Args:
        problems: in the order to print them.
        lines: where excerpts come from.
        console: standard output unless another one is given.
    """
    if not (is_terminal(sys.stdout) if console is None else console.is_terminal):
        stream = sys.stdout if console is None else console.file
        for problem in problems:
            stream.write(f"{_one_line(problem)}\n")
        return
    from reconciler.cli.problem_report import show_reports

    show_reports(problems, lines, console or terminal())


def _one_line(problem: Problem) -> str:
    place = f"{strip_control(problem.place)}: " if problem.place else ""
    hint = f"; {strip_control(problem.hint)}" if problem.hint else ""
    return f"{place}{problem.severity}: {strip_control(problem.message)}{hint}"
