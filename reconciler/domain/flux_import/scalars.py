"""Reads the numbers of values as Flux does, by YAML 1.1: `0775` is 509, `1_000` is 1000 and `1e3` is 1000.

Flux reads with Go's YAML library, the reconciler with YAML 1.2: `0775` is 775 there. What an import writes is what Flux gets.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.source import KeyPath, Source

# A plain scalar that may be a number; a quoted one begins with its quote, a block scalar with | or >.
_SCALAR: Final = re.compile(r"[-+.0-9][-+.0-9A-Za-z_]*(?=\s*(?:$|[,\]}]|\s#))")
_INTEGER: Final = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]+|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEAST: Final = -(2**63)
_LIMIT: Final = 2**64
_EXACT: Final = 2**53  # integral floats below are written as integers, as JSON has them


def number_of_yaml11(text: str) -> int | float | None:
    """Returns the number that a plain scalar is to Go's YAML library; None when it is a string to it."""
    digits = text.replace("_", "") if text[:1] != "." else text
    if match := _INTEGER.fullmatch(digits):
        number = int(match[2], 8 if re.fullmatch("0[0-7]+", match[2]) else 0) * (-1 if match[1] == "-" else 1)
        if _LEAST <= number < _LIMIT:
            return number
    if not _FLOAT.fullmatch(digits) or not math.isfinite(value := float(digits)):
        return None
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def with_flux_numbers(source: Source, lines: Sequence[str]) -> Source:
    """Returns a document with each number of `spec.values` as Flux reads it.

    Args:
        source: the document.
        lines: the lines of its file.
    """
    values = mapping(mapping(source.data).get("spec")).get("values")
    if not isinstance(values, dict):
        return source
    data = {**source.data, "spec": {**source.data["spec"], "values": _read(values, ("spec", "values"), source, lines)}}
    return replace(source, data=data)


def _read(value: Any, path: KeyPath, source: Source, lines: Sequence[str]) -> Any:
    if isinstance(value, dict):
        return {key: _read(part, (*path, key), source, lines) for key, part in value.items()}
    if isinstance(value, list):
        return [_read(part, (*path, index), source, lines) for index, part in enumerate(value)]
    location = source.locations.get(path)
    if location is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    line = lines[location.value_line - 1] if location.value_line <= len(lines) else ""
    match = _SCALAR.match(line, location.value_column - 1)
    if match is None or (isinstance(value, str) and value != match[0]):
        return value
    number = number_of_yaml11(match[0])
    return value if number is None else number
