"""Puts what libyaml cannot read into words, with the place and the fix."""

from __future__ import annotations

import re
from typing import Any, Final

from reconciler.model.problem import Problem, Related

# Control characters, which YAML forbids, and those that YAML 1.1 (Flux, Helm) takes for the end of a line.
UNREADABLE: Final = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LINE_END: Final = re.compile(r"\r\n?|\n")
_ESCAPE: Final = "found invalid Unicode character escape code"
# Fragments of libyaml's messages, and the fix.
_HINTS: Final = {
    "mapping values are not allowed": "quote a value that contains ': ', or correct the indentation",
    "unexpected end of stream": "close the quotation mark",
    "expected ',' or": "close the bracket",
    "expected node content": "close the bracket",
    "expected key": "correct the indentation",
    "expected '-' indicator": "correct the indentation",
    "could not find expected ':'": "a key is followed by a colon and a space",
    "expected <document start>": "a key is followed by a colon and a space; documents are separated by ---",
    "incompatible YAML document": "remove the line",
    "unknown escape character": "write the backslash twice, or use single quotation marks",
}
_TABS: Final = "YAML is indented with spaces, not tabs"


def problem_at(mark: Any, file: str, code: str, message: str, hint: str = "") -> Problem:
    """Returns a problem at one of libyaml's marks."""
    return Problem(code=code, message=message, file=file, line=mark.line + 1, column=mark.column + 1, hint=hint)


def unreadable_problem(text: str, position: int, file: str) -> Problem:
    """Returns the problem of a character that no YAML may have, or that others take for the end of a line."""
    line, column = _place(text, position)
    message = f"not YAML: the character U+{ord(text[position]):04X} may not stand in a text as it is"
    hint = f'remove it, or write it as "\\u{ord(text[position]):04x}" in double quotation marks'
    return Problem(code="NotYaml", message=message, file=file, line=line, column=column, hint=hint)


def syntax_problem(error: Any, text: str, file: str) -> Problem:
    """Returns the problem of one of libyaml's errors."""
    mark, context_mark = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    mark = mark or context_mark
    if mark is None:
        message = " ".join(str(error).split())[:200]
        return Problem(code="NotYaml", message=f"not YAML: {message}", file=file, line=1, column=1)
    words = " ".join(part for part in (error.context, error.problem) if part)
    if error.problem == _ESCAPE and _SURROGATE.match(text, text.rfind("\\", 0, mark.index + 1)):
        message = "half a surrogate pair is not a character"
        return problem_at(mark, file, "NotUnicode", message, "write the character itself")
    related: tuple[Related, ...] = ()
    if context_mark is not None and (context_mark.line, context_mark.column) != (mark.line, mark.column):
        place = {"line": context_mark.line + 1, "column": context_mark.column + 1}
        related = (Related(message="the surrounding construct begins here", file=file, **place),)
    hint = _hint(error.problem or "", text[mark.index : mark.index + 1])
    problem = problem_at(mark, file, "NotYaml", f"not YAML: {words[:200]}", hint)
    line, column = _place(text, len(text))
    if problem.line > line:  # libyaml adds a line end to a text that has none
        problem = problem.model_copy(update={"line": line, "column": column})
    return problem.model_copy(update={"related": related})


def _place(text: str, position: int) -> tuple[int, int]:
    """Returns the line and column of a position, from 1."""
    *ends, begin = [0, *(match.end() for match in _LINE_END.finditer(text, 0, position))]
    return len(ends) + 1, position - begin + 1


def _hint(message: str, character: str) -> str:
    if character == "\t" or "tab character" in message:
        return _TABS
    if "cannot start any token" in message:
        return f"quote a value that begins with {character}" if character.strip() else ""
    return next((hint for fragment, hint in _HINTS.items() if fragment in message), "")
