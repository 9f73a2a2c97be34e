"""File names that deceive or cannot be printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.formats.git_names import name_problem, printable


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (b"shop.yaml", ""),
        ("größe.yaml".encode(), ""),
        (b".gitea", ""),
        (b"a\x01b", "control"),
        (b"a\x7fb", "control"),
        ("a\u202eb".encode(), "control or invisible"),
        ("\u200c.git".encode(), "control or invisible"),
        (b"\xff.yaml", "UTF-8"),
        (b"a\\b", "separator"),
        (b"a/b", "separator"),
        (b"..", "dots"),
        (b". .", "dots"),
        (b".Git", ".git"),
        (b".git. .", ".git"),
        (b"GIT~1", ".git"),
        (b".git::$INDEX_ALLOCATION", ".git"),
        (b"n" * 256, "longer"),
    ],
)
def test_names_that_deceive_are_named(name: bytes, fault: str) -> None:
    found = name_problem(name)
    assert fault in found
    assert bool(fault) == bool(found)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_anything_can_be_printed_on_one_line(anything: bytes | str) -> None:
    assert printable(anything).isprintable()


def test_long_text_is_cut() -> None:
    assert printable("x" * 500, 10) == "xxxxxxxxx…"
