"""How problems are shown: on a terminal as compilers do, with the line they stand in; in a pipe a line each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.text import Text

from reconciler.cli.console import strip_control, terminal
from reconciler.cli.excerpt import excerpt, lines_of
from reconciler.domain.text.listing import and_more
from reconciler.formats.yaml.documents import MAX_BYTES

if TYPE_CHECKING:
    from rich.console import Console

    from reconciler.model.problem import Problem, Related

MAX_SHOWN: Final = 20  # problems on a terminal: more than that are not read at once
UNSHOWN: Final = frozenset({"PlaintextSecret"})  # their lines would put the secret into the log of whoever prints them
MIN_ROOM: Final = 20  # cells for the excerpt, however narrow the terminal

# The lines of a file that problems name; None when they cannot be had. Problems do not carry them: they go into status commits.
Lines = Callable[[str], Sequence[str] | None]
ProblemSeverity = Literal["error", "warning"]

_COLOURS: Final = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold green",
    "help": "bold cyan",
    "gutter": "bold blue",
}


class ProblemFormat(StrEnum):
    """How to print problems."""

    text = "text"
    json = "json"
    sarif = "sarif"


ProblemFormatOption = Annotated[
    ProblemFormat, typer.Option("--format", help="text for people, json for programs, sarif (2.1.0) for code review and editors.")
]


def by_lines(read: Callable[[str], bytes | None]) -> Lines:
    """The lines of what `read` gives for a file; each is asked for once."""

    @functools.cache
    def lines(file: str) -> Sequence[str] | None:
        text = read(file)
        return None if text is None else lines_of(text)

    return lines


def on_disk(file: str) -> bytes | None:
    """A file's text, as far as documents are read; None when it is no file or cannot be read."""
    try:
        if not Path(file).is_file():  # to open a pipe would wait for its other end
            return None
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES)
    except (OSError, ValueError):
        return None


def show_problems(problems: Sequence[Problem], lines: Lines, console: Console | None = None) -> None:
    """Print problems: with excerpts and a summary on a terminal, else a line each, so that editors and terminals link them.

    Args:
        problems: in the order to show them.
        lines: where excerpts come from.
        console: standard output unless another one is given.
    """
    console = console or terminal()
    if not console.is_terminal:
        for problem in problems:
            console.print(Text(_one_line(problem)), soft_wrap=True)
        return
    shown = _first(problems)
    for problem in shown:
        for line in _report(problem, lines, console.width):
            console.print(line, soft_wrap=True)
        console.print()
    if more := and_more(len(problems), len(shown)):
        console.print(Text(f"{more}, which --format json and a pipe show too"), soft_wrap=True)
    if problems:
        console.print(Text(summary(problems), "bold"), soft_wrap=True)


def summary(problems: Sequence[Problem]) -> str:
    """How many problems there are: `2 errors, 1 warning in 2 files`."""
    kinds: tuple[ProblemSeverity, ...] = ("error", "warning")
    counts = [_count(sum(p.severity == kind for p in problems), kind) for kind in kinds]
    files = len({p.file for p in problems if p.file})
    return ", ".join(filter(None, counts)) + (f" in {_count(files, 'file')}" if files else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""


def _first(problems: Sequence[Problem]) -> list[Problem]:
    """As many as are shown, in their order; when there are too many, errors go before warnings."""
    ranked = sorted(range(len(problems)), key=lambda i: (problems[i].severity != "error", i))
    return [problems[i] for i in sorted(ranked[:MAX_SHOWN])]


def _one_line(problem: Problem) -> str:
    place = f"{strip_control(problem.place)}: " if problem.place else ""
    hint = f"; {strip_control(problem.hint)}" if problem.hint else ""
    return f"{place}{problem.severity}: {strip_control(problem.message)}{hint}"


def _report(problem: Problem, lines: Lines, width: int) -> list[Text]:
    """A problem with the line it stands in, its hint, and the other places that belong to it."""
    digits = len(str(max(problem.line, *(one.line for one in problem.related), 0)))
    margin = " " * digits
    colour = _COLOURS[problem.severity]
    lines = _no_lines if problem.code in UNSHOWN else lines
    head = Text.assemble(
        (f"{problem.severity}[{strip_control(problem.code)}]", colour), (f": {strip_control(problem.message)}", "bold")
    )
    report = [head, *_place(problem, lines, digits, width, ("^", colour))]
    if problem.hint:
        report.append(_remark(margin, "help", problem.hint))
    for one in problem.related:
        if one.place:
            report.append(Text.assemble(("note", _COLOURS["note"]), f": {strip_control(one.message)}"))
            report.extend(_place(one, lines, digits, width, ("-", _COLOURS["note"])))
        else:
            report.append(_remark(margin, "note", one.message))
    return report


def _no_lines(_file: str) -> None:
    """No file's lines."""


def _remark(margin: str, word: str, text: str) -> Text:
    return Text.assemble((f"{margin} = ", _COLOURS["gutter"]), (word, _COLOURS[word]), f": {strip_control(text)}")


def _place(place: Problem | Related, lines: Lines, digits: int, width: int, mark: tuple[str, str]) -> list[Text]:
    """Where it is, and the line there if it can be had; the line alone when no column is known."""
    if not place.place:
        return []
    gutter, margin = _COLOURS["gutter"], " " * digits
    where = [Text.assemble((f"{margin}--> ", gutter), strip_control(place.place))]
    found = lines(place.file) if place.line else None
    if found is None or place.line > len(found):
        return where
    part = excerpt(found[place.line - 1], place.column, max(MIN_ROOM, width - digits - 3))
    bar = f"{margin} |"
    underline = Text.assemble((bar, gutter), " " * (part.before + 1), (mark[0] * part.width, mark[1]))
    return [
        *where,
        Text(bar, gutter),
        Text.assemble((f"{place.line:>{digits}} |", gutter), f" {part.text}".rstrip()),
        *([underline] if place.column else []),
    ]
