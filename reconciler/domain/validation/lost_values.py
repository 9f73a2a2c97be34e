"""Finds values that would not arrive: something between a document and a chart's templates changes them, or cannot read them.

On the way are kustomize (go-yaml v3, and a second reading of what it wrote), the API server and Helm, where every number is a
float64. One character that kustomize cannot read keeps the whole Environment from being applied. What survives was found by
sending values through the real programs, and a test sends generated ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reconciler.model.plain_data import value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

MAX_KEY: Final = 120  # characters: kustomize cannot read again what it writes of keys of a thousand, escapes counted
MAX_INTEGER: Final = 2**53 - 1  # as in JavaScript: above it a float64 has no neighbours
_CONFIG: Final = ("spec", "config")
_LOST: Final = re.compile("[\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_MERGE_KEY: Final = "<<"


class LostValue(NamedTuple):
    """A value that would not arrive.

    Attributes:
        path: its path.
        message: the message, to follow the path.
        hint: the fix.
        at_key: whether its key is at fault.
    """

    path: KeyPath
    message: str
    hint: str
    at_key: bool = False


def find_lost_config(source: Source) -> Iterator[Problem]:
    """Yields a problem for every part of an Application's config that would not arrive."""
    for lost in find_lost_values(value_at(source.data, _CONFIG)):
        message = f"{'.'.join(map(str, ('config', *lost.path)))}: {lost.message}"
        yield source.problem("InvalidConfig", message, (*_CONFIG, *lost.path), hint=lost.hint, at_value=not lost.at_key)


def find_lost_values(data: Any, path: KeyPath = ()) -> Iterator[LostValue]:
    """Yields the parts of JSON data that would not arrive at a chart as they are; no message quotes a value."""
    kind = type(data)
    if kind is str:
        if (lost := _LOST.search(data)) is not None:
            yield LostValue(path, *_character(lost[0]))
    elif kind is dict:
        for key, value in data.items():
            yield from _lost_key(key, (*path, key))
            yield from find_lost_values(value, (*path, key))
    elif kind is list:
        for index, value in enumerate(data):
            yield from find_lost_values(value, (*path, index))
    elif kind is int and not -MAX_INTEGER <= data <= MAX_INTEGER:
        yield LostValue(path, "is a whole number of 2^53 or more: Helm would round it", "quote it")


def _lost_key(key: str, path: KeyPath) -> Iterator[LostValue]:
    if key == _MERGE_KEY:
        yield LostValue(path, "is a key that kustomize takes for a merge key and drops", "choose another key", at_key=True)
    elif len(key) > MAX_KEY:
        yield LostValue(path, f"is a key of more than {MAX_KEY} characters", "shorten it", at_key=True)
    elif (lost := _LOST.search(key)) is not None:
        yield LostValue(path, *_character(lost[0]), at_key=True)


def _character(character: str) -> tuple[str, str]:
    return f"contains U+{ord(character):04X}, which does not survive the way to the cluster", "remove the character"
