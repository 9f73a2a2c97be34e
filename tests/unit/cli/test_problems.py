"""How problems look on a terminal, and that no text of a stranger changes it."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from reconciler.cli.problem_report import MAX_SHOWN, summary
from reconciler.cli.problems import by_lines, on_disk, show_problems
from reconciler.formats.yaml.documents import load
from reconciler.model.problem import Problem, Related

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TEXT = """\
apiVersion: catalyst.openova.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  blueprint: {name: "bp-wordpress", version: >=1.2 <2}  # the shop
  sice: small
  config: {a: [1, 2], b: x}
"""


def shown(
    *problems: Problem, texts: Mapping[str, str] | None = None, width: int = 60, colour: bool = False, terminal: bool = True
) -> str:
    """What is printed."""
    files = {"shop.yaml": TEXT, **(texts or {})}
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=terminal, width=width, color_system="standard" if colour else None, highlight=False, emoji=False
    )
    show_problems(problems, by_lines(lambda file: files[file].encode() if file in files else None), console)
    return out.getvalue()


def problem(line: int = 0, column: int = 0, *, file: str = "shop.yaml", **more: object) -> Problem:
    return Problem.model_validate({"code": "Any", "message": "m", "file": file, "line": line, "column": column, **more})


def test_a_problem_shows_its_line_what_is_wrong_in_it_and_a_way_out() -> None:
    one = Problem(
        code="UnknownField",
        message="unknown field spec.sice",
        file="shop.yaml",
        line=6,
        column=3,
        hint="did you mean size?",
    )
    assert shown(one) == (
        "error[UnknownField]: unknown field spec.sice\n"
        " --> shop.yaml:6:3\n"
        "  |\n"
        "6 |   sice: small\n"
        "  |   ^^^^\n"
        "  = help: did you mean size?\n"
        "\n"
        "1 error in 1 file\n"
    )


def test_other_places_follow_with_their_lines() -> None:
    base = "x\n" * 9 + "  cnpg: ^1.20\n"
    one = problem(
        5,
        46,
        code="Conflict",
        message="no one version suits",
        hint="widen a range",
        related=(
            Related(message="this asks for another", file="base.yaml", line=10, column=9),
            Related(message="gone", file="gone.yaml", line=3, column=1),
            Related(message="a Blueprint says so"),
        ),
    )
    assert shown(one, texts={"base.yaml": base}) == (
        "error[Conflict]: no one version suits\n"
        "  --> shop.yaml:5:46\n"
        "   |\n"
        ' 5 | ...e: "bp-wordpress", version: >=1.2 <2}  # the shop\n'
        "   |                                ^^^^^^^^\n"
        "   = help: widen a range\n"
        "note: this asks for another\n"
        "  --> base.yaml:10:9\n"
        "   |\n"
        "10 |   cnpg: ^1.20\n"
        "   |         -----\n"
        "note: gone\n"
        "  --> gone.yaml:3:1\n"
        "   = note: a Blueprint says so\n"
        "\n"
        "1 error in 1 file\n"
    )


def test_severities_have_colours() -> None:
    text = shown(problem(2, 1), problem(4, 1, severity="warning"), colour=True)
    assert "\x1b[1;31merror[Any]\x1b[0m\x1b[1m: m\x1b[0m\n" in text
    assert "\x1b[1;33mwarning[Any]\x1b[0m" in text
    assert "\x1b[1;31m^^^^\x1b[0m\n" in text
    assert text.endswith("\x1b[1m1 error, 1 warning in 1 file\x1b[0m\n")


@pytest.mark.parametrize(
    ("one", "place"),
    [
        (problem(8, 1), " --> shop.yaml:8:1\n  |\n8 |\n  | ^\n"),  # the file ends with line 7's end
        (problem(9, 1), " --> shop.yaml:9:1\n"),
        (problem(2, 99), " --> shop.yaml:2:99\n  |\n2 | kind: Application\n  |                  ^\n"),
        (problem(2, 0), " --> shop.yaml:2\n  |\n2 | kind: Application\n"),
        (problem(0, 0), " --> shop.yaml\n"),
        (problem(2, 1, file="gone.yaml"), " --> gone.yaml:2:1\n"),
        (problem(file=""), ""),
    ],
)
def test_what_cannot_be_shown_is_left_out(one: Problem, place: str) -> None:
    assert shown(one).startswith(f"error[Any]: m\n{place}\n")


def test_a_pipe_gets_a_line_for_a_problem() -> None:
    one = problem(6, 3, hint="h", related=(Related(message="r", file="shop.yaml", line=1),))
    assert (
        shown(one, problem(file="", severity="warning"), terminal=False, width=10) == "shop.yaml:6:3: error: m; h\nwarning: m\n"
    )


def test_no_problem_prints_nothing() -> None:
    assert shown() == ""


def test_too_many_are_counted_and_errors_are_shown_first() -> None:
    many = [problem(1, 1, severity="warning", message=f"w{i}") for i in range(MAX_SHOWN)]
    many += [problem(2, 1, message=f"e{i}") for i in range(3)]
    text = shown(*many)
    heads = [line for line in text.splitlines() if line.startswith(("error", "warning"))]
    assert heads == [f"warning[Any]: w{i}" for i in range(MAX_SHOWN - 3)] + [f"error[Any]: e{i}" for i in range(3)]
    assert text.endswith("\n\nand 3 more, which --format json and a pipe show too\n3 errors, 20 warnings in 1 file\n")
    assert len(shown(*many, terminal=False).splitlines()) == len(many)


@pytest.mark.parametrize(
    ("problems", "text"),
    [
        ([problem(1)], "1 error in 1 file"),
        ([problem(1), problem(2), problem(1, file="b.yaml", severity="warning")], "2 errors, 1 warning in 2 files"),
        ([problem(file="", severity="warning")] * 2, "2 warnings"),
    ],
)
def test_the_summary_counts(problems: Sequence[Problem], text: str) -> None:
    assert summary(problems) == text


# Hostile text


def test_a_stranger_writes_no_lines_colours_or_commands_of_his_own() -> None:
    evil = "\x1b[2J\x9b31m[red]x[/red]:smile:\rfake.yaml:1:1: error\x08\u202e"
    one = Problem(
        code="Any",
        message=evil,
        file=evil,
        line=1,
        column=1,
        hint=evil,
        related=(Related(message=evil, file=evil, line=1, column=1), Related(message=evil)),
    )
    for terminal in (True, False):
        text = shown(one, texts={one.file: f"{evil}: 1\n"}, width=400, terminal=terminal)
        assert text.replace("\n", "").isprintable()
        assert "[red]x[/red]:smile:" in text
        assert not [line for line in text.splitlines() if line.startswith("fake")]
    assert "1 | \\x1b[2J\\x9b31m[red]x[/red]:smile:\n" in shown(one, texts={one.file: f"{evil}: 1\n"}, width=400)


def test_a_line_that_holds_a_secret_is_not_shown() -> None:
    one = problem(6, 3, code="PlaintextSecret", hint="h", related=(Related(message="r", file="shop.yaml", line=6, column=3),))
    assert shown(one).startswith("error[PlaintextSecret]: m\n --> shop.yaml:6:3\n  = help: h\nnote: r\n --> shop.yaml:6:3\n\n")


def test_files_are_read_as_far_as_documents_are_and_never_waited_for(tmp_path: Path) -> None:
    assert on_disk(str(tmp_path / "gone")) is None
    assert on_disk(str(tmp_path)) is None
    assert on_disk("nul\0") is None
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert on_disk(str(pipe)) is None
    big = tmp_path / "big"
    big.write_bytes(b"x" * 3_000_000)
    assert len(on_disk(str(big)) or b"") == 1024 * 1024


def test_a_file_is_asked_for_once() -> None:
    asked: list[str] = []
    lines = by_lines(lambda file: asked.append(file) or b"a\nb")  # type: ignore[func-returns-value]
    assert (lines("f"), lines("f"), asked) == (["a", "b"], ["a", "b"], ["f"])


# What YAML itself says


@pytest.mark.parametrize(
    ("text", "place", "related", "hint"),
    [
        ("a: {b: c\n", (2, 1), [(1, 4)], "close the bracket"),
        ('a: "x\n', (2, 1), [(1, 4)], "close the quotation mark"),
        ("a: b: c\n", (1, 5), [], "quote a value that contains ': ', or correct the indentation"),
        ("kind: 1\nx: 2\nkind: 3\n", (3, 1), [(1, 1)], "remove one of them"),
        ("a: *b\n", (1, 4), [], "an alias needs an anchor (&) before it; quote a value that begins with *"),
    ],
)
def test_a_broken_text_is_told_with_where_it_began(
    text: str, place: tuple[int, int], related: list[tuple[int, int]], hint: str
) -> None:
    (one,) = load(text.encode(), "f.yaml").problems
    assert ((one.line, one.column), [(r.line, r.column) for r in one.related], one.hint) == (place, related, hint)
