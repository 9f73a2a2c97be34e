"""Splits a CEL expression into tokens, to see and mend where the library departs from CEL's specification.

The library (common-expression-language 0.10) parses and evaluates; held against the specification's conformance cases, it
departs in few places. `size` of a text counts bytes, and `string` takes no boolean and any bytes: functions of ours replace
both. What cannot be replaced is refused, since a wrong answer is worse than none: a minus before anything but a number (`-true`
is an error in CEL), unsigned numbers beside a mapping (`2u` is not found among its keys), and a mapping's key written twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_FUNCTIONS: Final = {"size": "_size", "string": "_string"}
_TOKEN: Final = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*)+)
    |(?P<text>(?i:b?r|rb)(?:'{3}[\s\S]*?'{3}|"{3}[\s\S]*?"{3}|'[^'\n]*'|"[^"\n]*")
     |(?i:b?)(?:'{3}(?:\\.|[\s\S])*?'{3}|"{3}(?:\\.|[\s\S])*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
    |(?P<number>0x[0-9a-fA-F]+[uU]?|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING: Final = {"{": "}", "[": "]", "(": ")"}


def with_own_functions(text: str) -> str:
    """Returns the expression with its calls of functions replaced by calls of OWN_FUNCTIONS."""
    tokens = list(_TOKEN.finditer(text))
    return "".join(
        OWN_FUNCTIONS.get(token[0], token[0]) if _follows(tokens, index) == "(" else token[0]
        for index, token in enumerate(tokens)
    )


def departure(text: str, functions: list[str]) -> str | None:
    """Returns what in an expression the library would evaluate otherwise than CEL says, in words for its author, or None.

    Args:
        text: valid CEL.
        functions: the names of the functions and operators that it calls, as the library lists them.
    """
    if "-_" in functions:
        return "has a minus before something that is not a number; write `0 - ` before it"
    tokens = [token for token in _TOKEN.finditer(text) if token.lastgroup != "space"]
    has_unsigned = any(token.lastgroup == "number" and token[0][-1] in "uU" for token in tokens)
    if has_unsigned and any(token[0] == "{" for token in tokens):
        return "has an unsigned number (`1u`) and a mapping, which is not offered; leave the `u` out"
    keys = [key for mapping in _mappings([token[0] for token in tokens]) for key in mapping]
    if len(keys) != len(set(keys)):
        return "has a mapping with the same key twice; remove one of them"
    return None


def _follows(tokens: list[re.Match[str]], index: int) -> str:
    return next((token[0] for token in tokens[index + 1 :] if token.lastgroup != "space"), "")


def _mappings(tokens: list[str]) -> Iterator[list[tuple[int, str]]]:
    """Yields the keys of each mapping that is written out, as their text, each with the position of its mapping."""
    open_brackets: list[tuple[str, int]] = []
    keys: dict[int, list[tuple[int, str]]] = {}
    start: dict[int, int | None] = {}
    for position, symbol in enumerate(tokens):
        if symbol in _CLOSING:
            open_brackets.append((symbol, position))
            if symbol == "{":
                keys[position], start[position] = [], position + 1
        elif open_brackets and symbol == _CLOSING[open_brackets[-1][0]]:
            open_brackets.pop()
        elif open_brackets and open_brackets[-1][0] == "{":
            mapping = open_brackets[-1][1]
            begin = start[mapping]
            if symbol == "," and begin is None:
                start[mapping] = position + 1
            elif symbol == ":" and begin is not None and tokens[begin:position].count("?") == tokens[begin:position].count(":"):
                keys[mapping].append((mapping, _plain(tokens[begin:position])))
                start[mapping] = None
    yield from keys.values()


def _plain(tokens: list[str]) -> str:
    text = "".join(tokens)
    return f"'{text[1:-1]}'" if len(tokens) == 1 and text[0] == '"' and "'" not in text else text
