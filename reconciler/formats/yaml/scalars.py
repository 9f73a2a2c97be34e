"""Resolves plain scalars by YAML 1.2's core schema, as far as JSON can represent them."""

from __future__ import annotations

import math
import re
from typing import Final

from reconciler.model.errors import IntegrityError

# Numbers of other schemas (1_000, 0b1, 1:20) remain strings; so do `1e3` and the commit 12e4567.
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NULLS: Final = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_FIRST: Final = frozenset("-+.0123456789")  # the first characters of numbers
_MAX_DIGITS: Final = 66  # of a number of 64 bits in any notation


class UnrepresentableNumberError(IntegrityError):
    """A number that JSON or Helm cannot carry."""


def parse_plain_scalar(text: str) -> str | float | bool | None:
    """Returns the value of a scalar without quotes and without a tag.

    Raises:
        UnrepresentableNumberError: it is infinite, not a number, or an integer of more than 64 bits.
    """
    if text[:1] in _FIRST and text:
        return _number(text)
    return None if text in _NULLS else _BOOLEANS.get(text, text)


def _number(text: str) -> str | float:
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
    elif not _NOT_FINITE.fullmatch(text):
        return text
    raise UnrepresentableNumberError(f"{text[:40]} is not a number that JSON can represent")


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    value = int(text, base) if len(text) <= _MAX_DIGITS else None
    if value is None or not -(2**63) <= value < 2**64:
        raise UnrepresentableNumberError(
            "a number of more than 64 bits: Helm would round it", hint="quote it"
        )  # not quoted: it may be a secret
    return value
