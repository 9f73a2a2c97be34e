"""Shortened lists say how many entries they leave out."""

from __future__ import annotations

import pytest

from reconciler.domain.text.listing import and_more, join_first


@pytest.mark.parametrize(
    ("entries", "limit", "separator", "text"),
    [
        ([], 2, ", ", ""),
        (["a", "b"], 2, ", ", "a, b"),
        (["a", "b", "c"], 2, ", ", "a, b and 1 more"),
        (["a", "b", "c"], 1, "; ", "a; and 2 more"),
        ([1, 2], 2, "; ", "1; 2"),
    ],
)
def test_a_list_is_shortened_with_the_number_of_those_left_out(
    entries: list[object], limit: int, separator: str, text: str
) -> None:
    assert join_first(entries, limit, separator) == text


def test_nothing_is_said_of_a_list_that_is_shown_whole() -> None:
    assert (and_more(3, 3), and_more(3, 4), and_more(3, 2)) == ("", "", "and 1 more")
