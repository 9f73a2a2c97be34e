"""A problem in something a person wrote, with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TEXT = 1000


def _line(text: Any) -> Any:
    """Text from anywhere as a status, a commit message or a terminal may show it: one printable line, not endless."""
    if not isinstance(text, str):
        return text
    line = "".join(c if c.isprintable() else " " for c in text[: MAX_TEXT + 1])
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3] + "..."


Line = Annotated[str, BeforeValidator(_line)]


class Related(BaseModel):
    """Another place that has to do with a problem, such as the other side of a conflict.

    Attributes:
        message: what that place says, in one sentence.
        file: as a Problem's.
        line: as a Problem's.
        column: as a Problem's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    message: Line
    file: Line = ""
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        """As a Problem's."""
        return _place(self.file, self.line, self.column)


class Problem(BaseModel):
    """One thing wrong (or doubtful) in a file, said so that its author can mend it.

    Attributes:
        code: a stable word for the kind of problem, such as `UnknownField`.
        message: what is wrong and why, in one sentence.
        file: path inside the repository or on disk; empty when no file is to blame.
        line: line in the file, from 1; 0 when unknown.
        column: column in the line, from 1; 0 when unknown.
        hint: what to do next; may be empty.
        severity: an error refuses the commit, a warning does not.
        related: other places to look at, in the order to read them; left out where there is one line for a problem.
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
        """`file:line:column`, as editors and terminals link it; shorter where parts are unknown."""
        return _place(self.file, self.line, self.column)

    def __str__(self) -> str:
        """Return the problem as one line: place, message, hint."""
        where = f"{self.place}: " if self.file else ""
        return f"{where}{self.message}" + (f"; {self.hint}" if self.hint else "")


def _place(file: str, line: int, column: int) -> str:
    return ":".join([file, *(str(number) for number in (line, column if line else 0) if number)])


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether any of the problems refuses the commit."""
    return any(p.severity == "error" for p in problems)


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by file, line and column, each once."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.column, p.code, p.message)))
