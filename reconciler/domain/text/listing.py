"""Shortens lists in messages, with the number of entries that are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def and_more(total: int, limit: int) -> str:
    """Returns `and N more` when only the first `limit` of `total` entries are shown; empty when all are shown."""
    return f"and {total - limit} more" if total > limit else ""


def join_first(entries: Sequence[object], limit: int, separator: str = ", ") -> str:
    """Returns the first entries in one line, and how many more there are: `a, b and 2 more`, `a; b; and 2 more`."""
    shown = separator.join(str(entry) for entry in entries[:limit])
    more = and_more(len(entries), limit)
    return f"{shown}{' ' if separator == ', ' else separator}{more}" if more else shown
