"""Suggests the known name nearest to an unknown one."""

from __future__ import annotations

import difflib
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_WORD: Final = 64  # characters of a word that may be a misspelling
MAX_KNOWN: Final = 1_000  # known words that it is compared with


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns a hint with the nearest known word, or with all of them when none is near and they are at most 12."""
    words = sorted(known)
    near = nearest(word, words)
    if near:
        return f"did you mean {near}?"
    return f"known: {', '.join(words)}" if 0 < len(words) <= 12 else ""  # noqa: PLR2004 - a list that is read at a glance


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns the known word most similar to another one; an empty string when none is, or the search would take too long."""
    words = sorted(islice((w for w in known if len(w) <= MAX_WORD), MAX_KNOWN + 1))
    if len(word) > MAX_WORD or len(words) > MAX_KNOWN:
        return ""
    return next(iter(difflib.get_close_matches(word, words, n=1, cutoff=0.6)), "")
