"""Finds the parts of a JSON text without recursion, for texts that are nested too deeply for the standard parser.

Used only after the parser gave up, to keep one object that cannot be read from making all the others unreadable. It finds where
parts begin and end, and leaves it to the parser whether a part is valid.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]++|[\]}]++', re.DOTALL)
_BEFORE_VALUE: Final = re.compile(rb"\s*:\s*")


def members(text: bytes) -> dict[bytes, bytes]:
    """Returns the members of an object that are strings, objects or lists, by the bytes of their names with their quotes."""
    found: dict[bytes, bytes] = {}
    key: bytes | None = None
    for start, end in _parts(text):
        part = text[start:end]
        if key is None:
            is_name = part.startswith(b'"') and _BEFORE_VALUE.match(text, end)
            key = part if is_name else None
        elif part.startswith(b'"') and _BEFORE_VALUE.match(text, end):  # the value was a number, true, false or null
            key = part
        else:
            found[key], key = part, None
    return found


def elements(text: bytes) -> list[bytes]:
    """Returns the elements of a list that are strings, objects or lists."""
    return [text[start:end] for start, end in _parts(text)]


def _parts(text: bytes) -> Iterator[tuple[int, int]]:
    """Yields where the strings, objects and lists directly inside an object or a list begin and end."""
    depth = start = 0
    for token in _TOKEN.finditer(text):
        first, size = text[token.start() : token.start() + 1], token.end() - token.start()
        if first == b'"':
            if depth == 1:
                yield token.span()
        elif first in b"[{":
            if depth <= 1 < depth + size:
                start = token.start() + 1 - depth
            depth += size
        else:
            if depth > 1 >= depth - size:
                yield start, token.start() + depth - 1
            depth -= size
            if depth <= 0:
                return
