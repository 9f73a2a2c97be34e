"""Excerpts of files with what is wrong underlined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reconciler.cli.excerpt import excerpt, lines_of
from reconciler.formats.yaml.documents import load


def underlined(line: str, column: int, room: int = 60) -> str:
    """The part of the printed line that stands over the underline; only for text of one cell a character."""
    part = excerpt(line, column, room)
    return part.text[part.before : part.before + part.width]


# What is underlined


@pytest.mark.parametrize(
    ("line", "column", "token"),
    [
        ("  sice: small", 3, "sice"),
        ("  sice: small  # why", 9, "small"),
        ("version: >=1.2 <2  # any", 10, ">=1.2 <2"),
        ("a: b,c}", 4, "b,c}"),  # not between brackets, where these would end it
        ("url: http://x:80/#y", 6, "http://x:80/#y"),
        ("{a: b, c: d}", 5, "b"),
        ("{a: b, c: d}", 8, "c"),
        ("x: {a: [1, 2], b: {c: d}}  # no", 4, "{a: [1, 2], b: {c: d}}"),
        ("x: [a, 'b]', c", 4, "[a, 'b]', c"),  # goes on in the next line
        ("don't: {a: b, c: d}", 15, "c"),
        ('"a\\"b": 1', 1, '"a\\"b"'),
        ("'it''s': 1", 1, "'it''s'"),
        ('"open: 1', 1, '"open: 1'),
        ('  "size": 3,', 11, "3"),
        ("text: |", 7, "|"),
        ("a: b: c", 5, ":"),
        ("   x", 2, " "),
        ("# a comment", 1, "# a comment"),
    ],
)
def test_the_key_or_value_at_the_column_is_underlined(line: str, column: int, token: str) -> None:
    assert underlined(line, column) == token


@pytest.mark.parametrize(
    ("line", "column", "text", "before", "width"),
    [
        ("\t\tname: x", 3, "        name: x", 8, 4),
        ("a\tb: 1", 3, "a    b: 1", 5, 1),
        ("名前: {値: ok}", 6, "名前: {値: ok}", 7, 2),
        ("値: 日本語", 4, "値: 日本語", 4, 6),
        ("e\u0301a: x", 6, "e\u0301a: x", 4, 1),
        ("a\x1b[2Jb: \x07", 1, "a\\x1b[2Jb: \\x07", 0, 9),
        ("\u202ea: b", 5, "\\u202ea: b", 9, 1),
        ("\xa0a: b", 2, "\\xa0a: b", 4, 1),
        ("", 1, "", 0, 1),
    ],
)
def test_wide_and_hidden_characters_keep_the_underline_in_place(
    line: str, column: int, text: str, before: int, width: int
) -> None:
    part = excerpt(line, column, 60)
    assert (part.text, part.before, part.width) == (text, before, width)


@pytest.mark.parametrize("before", [0, 1, 5, 30, 500_000])
@pytest.mark.parametrize("after", [0, 1, 30, 500_000])
def test_a_long_line_is_cut_around_what_is_wrong(before: int, after: int) -> None:
    line = "{" + "x" * before + " token, " + "y" * after + "}"
    part = excerpt(line, before + 3, 40)
    assert part.text[part.before : part.before + part.width] == "token"
    assert cell_len(part.text) <= 40
    cut_left, cut_right = part.text.startswith("..."), part.text.endswith("...")
    assert (cut_left or part.text.startswith("{"), cut_right or part.text.endswith("}")) == (True, True)


def test_of_a_long_token_the_beginning_is_shown() -> None:
    part = excerpt("key: " + "v" * 1000, 6, 40)
    assert part.text == "key: " + "v" * 29 + "..."
    assert (part.before, part.width) == (5, 29)
    part = excerpt("some rather long key before it: " + "v" * 1000, 33, 40)
    assert part.text == "...before it: " + "v" * 23 + "..."
    assert (part.before, part.width) == (14, 23)


@given(st.text(max_size=200), st.integers(0, 250), st.integers(20, 60))
def test_any_text_fits_and_commands_nothing(line: str, column: int, room: int) -> None:
    part = excerpt(line, column, room)
    assert part.text.isprintable()
    assert cell_len(part.text) <= room
    assert 0 <= part.before < room + 1
    assert part.width >= 1
    assert part.before + part.width <= room + 1  # the end of the line is underlined just behind it


def test_lines_are_counted_as_yaml_counts_them() -> None:
    text = "\ufeffa: 1\r\nb: 2\rc: 3\nd: [4]\n".encode()
    lines, places = lines_of(text), load(text, "f").locations
    assert [lines[places[(key,)].line - 1][:1] for key in "abcd"] == ["a", "b", "c", "d"]
    (broken,) = load(text.replace(b"]", b""), "f").problems
    assert (broken.line, lines[broken.line - 1], lines_of(b"\xff")) == (5, "", ["\ufffd"])


@pytest.mark.parametrize(
    "line", ["a: {password: canary}", "token:canary", 'x: "password=canary"', "apiKey: *canary", "  clientSecret: !canary x"]
)
def test_of_a_line_with_a_secret_only_what_stands_before_it_is_shown(line: str) -> None:
    assert "canary" not in excerpt(line, 4, 60).text
    assert excerpt(line, 4, 60).text.endswith("...")
