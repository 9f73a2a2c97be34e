"""Hostile texts for the readers' tests: our own fixtures, damaged in every way that YAML and JSON make interesting.

A long campaign by hand, with further seeds: CATALYST_FUZZ_EXAMPLES=20000 CATALYST_FUZZ_SEEDS=FOLDER pytest tests/fuzz
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.paths import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXAMPLES: Final = int(os.environ.get("CATALYST_FUZZ_EXAMPLES", "60"))
# No example has a deadline: a hang is found by pytest's own time limit, a slow machine is no failure.
FUZZ: Final = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

# What YAML 1.1, YAML 1.2, libyaml, JSON and people are known to disagree on.
PIECES: Final = (
    *("'", '"', "|", ">", "|-", ">+\n", "|2\n", "- ", "? ", ": ", ":", "#", " #", "\t", "\n", "\r", "\r\n", " ", "  ", "\n\n"),
    *(
        "&a ",
        "*a",
        "&a\n",
        "<<: *a",
        "<<: {a: 1}",
        "!",
        "! ",
        "!!str ",
        "!!int ",
        "!!binary aGk=",
        "!!set {a}",
        "!<tag:yaml.org,2002:str> ",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        "%",
        "%YAML 1.1\n---\n",
        "%TAG ! x:\n---\n",
        "---\n",
        "--- ",
        "...\n",
        "{a: b, c}",
        '{"a":1}',
        '["a":b]',
    ),
    *(
        "yes",
        "No",
        "off",
        "~",
        "null",
        "=",
        "<<",
        ".nan",
        "-.inf",
        "1:20",
        "1_000",
        "0b1",
        "0o17",
        "012",
        "1e3",
        "2020-01-01",
        "9" * 400,
    ),
    *(
        "2020-01-01T10:00:00Z",
        "1.5e999",
        "18446744073709551616",
        "-9223372036854775809",
        "^1.x || >2 <3",
        "{{ .config.a == 'b' }}",
        "{{",
    ),
    *(
        "\0",
        "\x07",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\xa0",
        "\u2028",
        "\u200b",
        "\ufeff",
        "\uffff",
        "é",
        "\U0001f600",
        "\\ud800",
        "\\x41",
        "\\",
    ),
    *(
        "$ref: '#'",
        "pattern: '('",
        "oneOf: 1",
        "default: *a",
        "__proto__: 1",
        "values: {a: '{{ x }}'}",
        "[" * 80,
        "- " * 80,
        "{a: " * 80,
    ),
)


def seeds(*patterns: str) -> list[bytes]:
    """The texts of our fixtures, and of whatever folder the environment names."""
    folders = [FIXTURES, *(Path(more) for more in filter(None, [os.environ.get("CATALYST_FUZZ_SEEDS")]))]
    found = [file.read_bytes() for folder in folders for pattern in patterns for file in sorted(folder.rglob(pattern))]
    assert found
    return found


def mutated(texts: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of the texts, or a part of it, after up to five changes."""
    return st.builds(_changed, st.sampled_from(texts), st.lists(_CHANGES, max_size=5))


def pieces() -> st.SearchStrategy[str]:
    """A short text of nothing but trouble."""
    return st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=10).map("".join)


def _changed(text: bytes, changes: list[Callable[[bytes], bytes]]) -> bytes:
    for change in changes:
        text = change(text)
    return text


def _at(text: bytes, part: float) -> int:
    return int(part * len(text))


def _flip(part: float, bit: int) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        at = _at(text, part)
        return text[:at] + bytes(byte ^ (1 << bit) for byte in text[at : at + 1]) + text[at + 1 :]

    return change


def _insert(part: float, piece: str) -> Callable[[bytes], bytes]:
    return lambda text: text[: _at(text, part)] + piece.encode() + text[_at(text, part) :]


def _value(part: float, piece: str) -> Callable[[bytes], bytes]:
    """Put a piece in place of what follows a key, which keeps the rest of the document whole."""

    def change(text: bytes) -> bytes:
        lines = text.split(b"\n")
        row = min(_at(text, part) * len(lines) // max(1, len(text)), len(lines) - 1)
        key, colon, _ = lines[row].partition(b":")
        lines[row] = key + colon + b" " + piece.encode()
        return b"\n".join(lines)

    return change


def _lines(part: float, count: int, times: int) -> Callable[[bytes], bytes]:
    """Repeat some lines, or leave them out."""

    def change(text: bytes) -> bytes:
        lines = text.split(b"\n")
        row = int(part * len(lines))
        return b"\n".join(lines[:row] + lines[row : row + count] * times + lines[row + count :])

    return change


def _cut(start: float, length: float) -> Callable[[bytes], bytes]:
    return lambda text: text[: _at(text, start)] + text[_at(text, start) + int(length * (len(text) - _at(text, start))) :]


_PART: Final = st.floats(0, 1, exclude_max=True)
_PIECE: Final = st.sampled_from(PIECES)
_CHANGES: Final = st.one_of(
    st.builds(_flip, _PART, st.integers(0, 7)),
    st.builds(_insert, _PART, _PIECE),
    st.builds(_value, _PART, _PIECE),
    st.builds(_lines, _PART, st.integers(1, 5), st.integers(0, 3)),
    st.builds(_cut, _PART, st.floats(0, 0.2)),
    st.sampled_from(
        [
            lambda text: text.replace(b"\n", b"\r\n"),
            lambda text: b"\xef\xbb\xbf" + text,
            lambda text: text.decode("utf-8", "replace").encode("utf-16"),
        ]
    ),
)
