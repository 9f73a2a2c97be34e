"""Markdown as Gitea reads it, with text from anywhere in it that stays text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Gitea's Markdown knows formulas, `$..$`, `\(..\)` and `\[..\]`: a backslash does not help against a bracket, an entity does.
# It looks for addresses, mentions and references in the text that has come out of all that: an empty comment parts them.
_APART: Final = "<!-- -->"
_ESCAPES: Final[Mapping[str, str]] = (
    {c: f"&#{ord(c)};" for c in "&<>$[]()"}
    | {c: f"\\{c}" for c in "\\`*_{}+|~"}
    | {"@": f"@{_APART}", "#": f"\\#{_APART}", "!": f"\\!{_APART}"}
)


def escape(text: str) -> str:
    """Text for a Markdown table cell: shown as it is, never a link, a mention, an image, markup or a new cell."""
    line = "".join(c if c.isprintable() else " " for c in text)
    escaped = "".join(_ESCAPES.get(c, c) for c in line).replace("://", f":{_APART}//")
    return re.sub(r"(?i)\b(www|mailto|xmpp)([.:])", rf"\1{_APART}\2", escaped)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """The lines of a table of cells that are Markdown already."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
