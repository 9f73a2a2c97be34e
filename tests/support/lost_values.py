"""Values that do not arrive at a chart as they are, each with its path and a word of what is said of it."""

from __future__ import annotations

from typing import Any

from reconciler.domain.validation.lost_values import MAX_KEY

LOST: list[tuple[Any, tuple[str | int, ...], str]] = [
    ({"n": 2**53}, ("n",), "2^53"),
    ({"n": -(2**53)}, ("n",), "2^53"),
    ({"n": 2**63}, ("n",), "2^53"),
    ({"l": [1, {"n": 2**64 - 1}]}, ("l", 1, "n"), "2^53"),
    ({"t": "a\u0093b\u0094"}, ("t",), "U+0093"),
    ({"t": "\u007f"}, ("t",), "U+007F"),
    ({"t": "a\u0085b"}, ("t",), "U+0085"),
    ({"t": "\ufffe"}, ("t",), "U+FFFE"),
    ({"t": "\uffff"}, ("t",), "U+FFFF"),
    ({"<<": {"a": 1}}, ("<<",), "merge key"),
    ({"a": {"<<": 1}}, ("a", "<<"), "merge key"),
    ({"a\u0085": 1}, ("a\u0085",), "U+0085"),
    ({"k" * (MAX_KEY + 1): 1}, ("k" * (MAX_KEY + 1),), "120 characters"),
]
