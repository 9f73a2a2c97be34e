"""A problem in a document, with its location."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TEXT = 1000


def _line(text: Any) -> Any:
    """Makes text of any origin safe for a status, a commit message or a terminal: one printable line of limited length."""
    if not isinstance(text, str):
        return text
    line = "".join(c if c.isprintable() else " " for c in text[: MAX_TEXT + 1])
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3] + "..."


Line = Annotated[str, BeforeValidator(_line)]


class Related(BaseModel):
    """A second location that is relevant to a problem, such as the other side of a conflict.

    Attributes:
        message: what the document states at that location, in one sentence.
        file: as in a Problem.
        line: as in a Problem.
        column: as in a Problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    message: Line
    file: Line = ""
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        """The location in the format of `Problem.place`."""
        return _place(self.file, self.line, self.column)


class Problem(BaseModel):
    """An error or a warning about a file, with the information its author needs to fix it.

    Attributes:
        code: the stable code of the kind of problem, such as `UnknownField`.
        message: what is wrong and why, in one sentence.
        file: path in the repository or on disk; empty when no file is the cause.
        line: line in the file, from 1; 0 when unknown.
        column: column in the line, from 1; 0 when unknown.
        hint: the next step; may be empty.
        severity: an error refuses the commit, a warning does not.
        related: other relevant locations, in reading order; omitted in formats with one line for a problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: Line
    file: Line = ""
    line: int = 0
    column: int = 0
    hint: Line = ""
    severity: Literal["error", "warning"] = "error"
    related: tuple[Related, ...] = ()

    @property
    def place(self) -> str:
        """The location as `file:line:column`, which editors and terminals link; without the parts that are unknown."""
        return _place(self.file, self.line, self.column)

    def __str__(self) -> str:
        """Returns the problem as one line: location, message, hint."""
        location = f"{self.place}: " if self.file else ""
        return f"{location}{self.message}" + (f"; {self.hint}" if self.hint else "")


def _place(file: str, line: int, column: int) -> str:
    return ":".join([file, *(str(number) for number in (line, column if line else 0) if number)])


def has_errors(problems: Iterable[Problem]) -> bool:
    """Returns whether any of the problems is an error, which refuses the commit."""
    return any(p.severity == "error" for p in problems)


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Returns the problems sorted by file, line and column, without duplicates."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.column, p.code, p.message)))
