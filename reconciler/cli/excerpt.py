"""A line of somebody's file as a terminal may show it, and which part of it to underline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from rich.cells import cell_len

from reconciler.cli.console import strip_control

CUT = "..."
TAB = "    "

# What stands behind such a key, or before an = as in `password=x`, is not shown on a terminal either.
_SECRET = re.compile(
    r"(?:pass(?:word|wd|phrase)?|pwd|token|secret|credentials?|(?:api|access|private)[_-]?key)"
    r"""[\w-]{0,40}["']?[ \t]{0,8}[:=][ \t]{0,8}""",
    re.IGNORECASE,
)
_BREAK = re.compile(r"\r\n|\n|\r")  # what ends a line in YAML 1.2, where places come from
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?)"""
_STRING = re.compile(_QUOTED)
# A quotation mark inside a word, as in `don't`, begins nothing.
_BRACKET = re.compile(rf"(?:(?<=[\s\[{{,:])|^){_QUOTED}|[\[\]{{}}]")
_END_IN_BLOCK = re.compile(r":(?=\s|$)|\s#|$")
_END_IN_FLOW = re.compile(r":(?=[\s,\[\]{}]|$)|\s#|[,\[\]{}]|$")


@dataclass(frozen=True)
class Excerpt:
    """What to print of a line.

    Attributes:
        text: the line, cut to the room there is; nothing in it commands a terminal.
        before: how many cells stand before the underlined part.
        width: how many cells to underline; at least 1.
    """

    text: str
    before: int
    width: int


def lines_of(text: bytes) -> list[str]:
    """A file's lines, numbered as problems number them; what is not UTF-8 is replaced by a sign."""
    return _BREAK.split(text.decode("utf-8-sig", "replace"))


def excerpt(line: str, column: int, room: int) -> Excerpt:
    """Show a line around a column.

    Args:
        line: without its end.
        column: of the token to underline, in characters from 1; beyond the line's end its end is underlined.
        room: how many cells the text may take; at least 20.
    """
    if (secret := _SECRET.search(line)) is not None and secret.end() < len(line):
        line = line[: secret.end()] + CUT
    start = min(max(column, 1) - 1, len(line))
    first, last = _cut(line, start, end := _end_of_token(line, start), room)
    head = CUT if first else ""
    before = head + _shown(line[first:start])
    token = _shown(line[start : min(end, last)])
    text = before + token + _shown(line[max(start, min(end, last)) : last]) + (CUT if last < len(line) else "")
    return Excerpt(text, cell_len(before), max(1, cell_len(before + token) - cell_len(before)))


def _cut(line: str, start: int, end: int, room: int) -> tuple[int, int]:
    """From which to which character a line is shown: all of it where it fits, else the token and what stands around it."""
    if cell_len(_shown(line[: 2 * room])) <= room and len(line) <= 2 * room:
        return 0, len(line)
    room -= 2 * len(CUT)
    reach = max(0, start - room)  # beyond it nothing can be shown; a line may be a megabyte
    cells = [cell_len(_shown(c)) for c in line[reach : start + room]]
    sums = list(accumulate(cells, initial=0))
    at, stop = start - reach, min(end - reach, len(cells))
    # A token may be longer than the room: then its beginning is shown, after a little of what stands before it.
    lead = min(room // 2, max(room // 3, room - (sums[stop] - sums[at])))
    first = next(i for i in range(at + 1) if sums[at] - sums[i] <= lead)
    last = max(i for i in range(at, len(sums)) if sums[i] - sums[first] <= room)
    first = next(i for i in range(first + 1) if sums[last] - sums[i] <= room)  # room that the line's end has left
    return reach + first, reach + last


def _shown(text: str) -> str:
    """Text with tabs as spaces and without anything that a terminal would obey."""
    return strip_control(text.replace("\t", TAB))


def _end_of_token(line: str, start: int) -> int:
    """Where the key, value or collection ends that begins at `start`, as far as this line tells."""
    opening = line[start : start + 1]
    if not opening or opening.isspace():
        return start + 1
    if opening in {'"', "'"}:
        match = _STRING.match(line, start)
        return match.end() if match else start + 1
    if opening in {"[", "{"}:
        return _end_of_collection(line, start)
    in_flow = _depth(line[:start]) > 0
    end = _END_IN_FLOW.search(line, start) if in_flow else _END_IN_BLOCK.search(line, start)
    text = line[start : end.start() if end else len(line)].rstrip().rstrip(",")
    return start + max(1, len(text))


def _end_of_collection(line: str, start: int) -> int:
    depth = 0
    for match in _BRACKET.finditer(line, start):
        depth += _step(match[0])
        if depth == 0:
            return match.end()
    return max(start + 1, len(line.rstrip()))


def _depth(text: str) -> int:
    """How many brackets are open at the end of a text."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth = max(0, depth + _step(match[0]))
    return depth


def _step(token: str) -> int:
    return {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
