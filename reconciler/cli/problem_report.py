"""Prints problems on a terminal as compilers do: the message, the line that it is about, the hint, and related places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal

from rich.text import Text

from reconciler.cli.console import strip_control
from reconciler.cli.excerpt import excerpt
from reconciler.domain.text.listing import and_more

if TYPE_CHECKING:
    from rich.console import Console

    from reconciler.model.problem import Problem, Related

# The lines of a file that problems name; None when they cannot be had. Problems do not carry them: they go into status commits.
Lines = Callable[[str], Sequence[str] | None]

MAX_SHOWN: Final = 20  # problems on a terminal: more than that are not read at once
UNSHOWN: Final = frozenset({"PlaintextSecret"})  # their lines would put the secret into the log of whoever prints them
MIN_ROOM: Final = 20  # cells for the excerpt, however narrow the terminal

ProblemSeverity = Literal["error", "warning"]

_COLOURS: Final = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold green",
    "help": "bold cyan",
    "gutter": "bold blue",
}


def show_reports(problems: Sequence[Problem], lines: Lines, console: Console) -> None:
    """Prints problems with excerpts and a summary.

    Args:
        problems: in the order to print them.
        lines: where excerpts come from.
        console: the terminal.
    """
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


def _report(problem: Problem, lines: Lines, width: int) -> list[Text]:
    """A problem with the line it stands in, its hint, and the other places that belong to it."""
    digits = len(str(max(problem.line, *(related.line for related in problem.related), 0)))
    margin = " " * digits
    colour = _COLOURS[problem.severity]
    lines = _no_lines if problem.code in UNSHOWN else lines
    head = Text.assemble(
        (f"{problem.severity}[{strip_control(problem.code)}]", colour), (f": {strip_control(problem.message)}", "bold")
    )
    report = [head, *_place(problem, lines, digits, width, ("^", colour))]
    if problem.hint:
        report.append(_remark(margin, "help", problem.hint))
    for related in problem.related:
        if related.place:
            report.append(Text.assemble(("note", _COLOURS["note"]), f": {strip_control(related.message)}"))
            report.extend(_place(related, lines, digits, width, ("-", _COLOURS["note"])))
        else:
            report.append(_remark(margin, "note", related.message))
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
    file_lines = lines(place.file) if place.line else None
    if file_lines is None or place.line > len(file_lines):
        return where
    part = excerpt(file_lines[place.line - 1], place.column, max(MIN_ROOM, width - digits - 3))
    bar = f"{margin} |"
    underline = Text.assemble((bar, gutter), " " * (part.before + 1), (mark[0] * part.width, mark[1]))
    return [
        *where,
        Text(bar, gutter),
        Text.assemble((f"{place.line:>{digits}} |", gutter), f" {part.text}".rstrip()),
        *([underline] if place.column else []),
    ]
