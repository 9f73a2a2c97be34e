"""A problem in something a person wrote, with its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

MAX_TEXT = 1000


def _line(text: Any) -> Any:
    """Text from anywhere as a status, a commit message or a terminal may show it: one printable line, not endless."""
    if not isinstance(text, str):
        return text
    line = "".join(c if c.isprintable() else " " for c in text[: MAX_TEXT + 1])
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3] + "..."


Line = Annotated[str, BeforeValidator(_line)]


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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: Line
    file: Line = ""
    line: int = 0
    column: int = 0
    hint: Line = ""
    severity: Literal["error", "warning"] = "error"

    @property
    def place(self) -> str:
        """`file:line:column`, as editors and terminals link it; shorter where parts are unknown."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        """Return the problem as one line: place, message, hint."""
        where = f"{self.place}: " if self.file else ""
        return f"{where}{self.message}" + (f"; {self.hint}" if self.hint else "")
