"""Formats Markdown for Gitea, with text of any origin escaped in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Gitea renders formulas, `$..$`, `\(..\)` and `\[..\]`: a backslash does not escape a bracket there, an entity does.
# It detects addresses, mentions and references in the rendered text: an empty comment breaks them up.
_BREAK: Final = "<!-- -->"
_ESCAPES: Final[Mapping[str, str]] = (
    {c: f"&#{ord(c)};" for c in "&<>$[]()"}
    | {c: f"\\{c}" for c in "\\`*_{}+|~"}
    | {"@": f"@{_BREAK}", "#": f"\\#{_BREAK}", "!": f"\\!{_BREAK}"}
)


def escape(text: str) -> str:
    """Escapes text for a Markdown table cell: shown as it is, never a link, a mention, an image, markup or a new cell."""
    line = "".join(c if c.isprintable() else " " for c in text)
    escaped = "".join(_ESCAPES.get(c, c) for c in line).replace("://", f":{_BREAK}//")
    return re.sub(r"(?i)\b(www|mailto|xmpp)([.:])", rf"\1{_BREAK}\2", escaped)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Yields the lines of a table whose cells are Markdown already."""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
