"""Values that would not arrive at a chart are refused, each at its place."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.validation.lost_values import find_lost_config, find_lost_values
from reconciler.formats.yaml.documents import load
from tests.support.lost_values import LOST


@pytest.mark.parametrize(("data", "path", "words"), LOST)
def test_what_would_not_arrive_is_named_with_its_path(data: Any, path: tuple[str | int, ...], words: str) -> None:
    (found,) = find_lost_values(data)
    assert (found.path, words in found.message) == (path, True)


def test_what_arrives_is_left_alone() -> None:
    numbers = [2**53 - 1, -(2**53) + 1, 1e300, 0.1, True, None]
    text = "\x00\x1b\ta\n\r\u00a0\u2028\ufeff\U0010ffff"
    assert list(find_lost_values({"n": numbers, "t": text, "<": 1, "": {}})) == []


def test_no_message_quotes_a_value() -> None:
    assert all("secret" not in lost.message for lost in find_lost_values({"a": "secret\u0085", "b": 2**60}))


def test_an_application_is_refused_at_the_place_of_what_would_not_arrive() -> None:
    text = b'spec:\n  config:\n    n: 9223372036854775808\n    u: "a\\u0093b"\n    "<<": 1\n'
    problems = [*find_lost_config(load(text, "web.yaml"))]
    assert [(problem.line, problem.column, problem.code) for problem in problems] == [
        (3, 8, "InvalidConfig"),
        (4, 8, "InvalidConfig"),
        (5, 5, "InvalidConfig"),
    ]
