"""Expressions give what CEL's specification says, or are refused; the facts are those of its conformance cases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.values.expressions import ExpressionError, evaluate, expression_problem

ERROR = object()
MIN, MAX = -(2**63), 2**63 - 1

FACTS: list[tuple[str, Any]] = [
    # size: characters of a text, bytes of bytes, entries of a list or mapping
    ("size('')", 0),
    ("size('ÿ')", 1),
    ("size('πέντε')", 5),
    ("'😀é'.size()", 2),
    ("size(b'ÿ')", 2),
    ("size([])", 0),
    ("[1, 2, 3].size()", 3),
    ("size({})", 0),
    ("size({1: 'a', 2: 'b'})", 2),
    ("size(config.text) <= 5", True),
    ("size(3)", ERROR),
    ("size (\n'ab' // two\n)", 2),
    ("'size(' + string(size('é'))", "size(1"),
    ("{'size': 7}.size", 7),
    # text
    ("'foobar'.startsWith('foo')", True),
    ("'foobar'.startsWith('')", True),
    ("'foobar'.endsWith('bar')", True),
    ("'foobar'.contains('ooba')", True),
    ("'é'.contains('e')", False),
    ("'' < 'a'", True),
    ("'a' < 'B'", False),
    ("'foo' + 'bar'", "foobar"),
    ("'\\u00e9' == 'é'", True),
    ("r'\\n'.size()", 2),
    ("'''a\n'b' '''", "a\n'b' "),
    ("'a' + 1", ERROR),
    # whole numbers: 64 bits, and no others
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 % 3", 1),
    ("-7 % 3", -1),
    ("7 % -3", 1),
    ("1 / 0", ERROR),
    ("1 % 0", ERROR),
    (f"{MAX} + 0", MAX),
    (f"{MAX} + 1", ERROR),
    (f"{MIN} - 1", ERROR),
    (f"{MIN} / -1", ERROR),
    (f"{MAX} * 2", ERROR),
    ("0x10", 16),
    ("1 + 1.0", ERROR),
    ("-(-9223372036854775808)", ERROR),
    ("-false", ERROR),
    ("-config.flag", ERROR),
    # fractions
    ("1.0 / 0.0 > 1.0", True),
    ("0.0 / 0.0 == 0.0 / 0.0", False),
    ("-1.5 + 2.0", 0.5),
    ("1e3", 1000.0),
    ("2.5 % 1.0", ERROR),
    # numbers of different types are compared by their value
    ("1 == 1.0", True),
    ("1 == 1u", True),
    ("2u > 1", True),
    ("1 < 1.5", True),
    ("0.1 > 0", True),
    ("1 in [1.0, 2.0]", True),
    ("[1] == [1.0]", True),
    ("1 == '1'", False),
    ("null == false", False),
    ("null == null", True),
    # conversions
    ("int(3.9)", 3),
    ("int(-3.9)", -3),
    ("int('-12')", -12),
    ("int('a')", ERROR),
    ("int(1e99)", ERROR),
    ("int('1.5')", ERROR),
    ("double(3)", 3.0),
    ("double('-2.5')", -2.5),
    ("double('x')", ERROR),
    ("string(1)", "1"),
    ("string(true)", "true"),
    ("string(-4.5)", "-4.5"),
    ("string('x')", "x"),
    ("string(b'ab')", "ab"),
    ("string(b'\\xff')", ERROR),
    ("string([])", ERROR),
    # logic: an error is absorbed by what decides without it
    ("true || 1 / 0 > 1", True),
    ("1 / 0 > 1 || true", True),
    ("false && 1 / 0 > 1", False),
    ("1 / 0 > 1 && false", False),
    ("1 / 0 > 1 || false", ERROR),
    ("true ? 1 : 1 / 0", 1),
    ("false ? 1 / 0 : 2", 2),
    ("!true", False),
    ("true && 'a'", ERROR),
    # lists and mappings
    ("[1, 2][1]", 2),
    ("[1, 2][2]", ERROR),
    ("[1] + [2]", [1, 2]),
    ("2 in [1, 2]", True),
    ("'a' in {'a': 1}", True),
    ("{'a': 1} == {'a': 1.0}", True),
    ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
    ("{'a': 1}.b", ERROR),
    ("{1: 'x'}[1]", "x"),
    ("has({'a': null}.a)", True),
    ("has({'a': 1}.b)", False),
    ("{'a': 1, 'a': 2}", ERROR),
    ("{true: 1, false: 2, true: 3}[true]", ERROR),
    ("{'a': 1, \"a\": 2}.a", ERROR),
    ("{1: 1.0, 2u: 3u} == {1u: 1, 2: 3.0}", ERROR),
    ("2u in {2: 1}", ERROR),
    ("{'x': {'a': 1}, 'y': {'a': 2}}.y.a", 2),
    ("{'a': true ? 1 : 2, 'b': 3}.a", 1),
    ("{(true ? 'a' : 'b'): 1, 'b': 2}.b", 2),
]


@pytest.mark.parametrize(("text", "expected"), FACTS)
def test_an_expression_gives_what_the_specification_says(text: str, expected: Any) -> None:
    scope = {"config": {"text": "Größe", "flag": True}}
    if expected is ERROR:
        with pytest.raises(ExpressionError):
            evaluate(text, scope)
        return
    result = evaluate(text, scope)
    assert (type(result), result) == (type(expected), expected)


@given(st.text())
def test_the_size_of_a_text_is_its_number_of_characters_as_json_schema_counts_them(text: str) -> None:
    assert evaluate("size(config.text)", {"config": {"text": text}}) == len(text)


def test_what_is_refused_says_what_to_write_instead() -> None:
    assert (
        expression_problem("-config.n") == "`-config.n` has a minus before something that is not a number; write `0 - ` before it"
    )
    assert "leave the `u` out" in str(expression_problem("2u in {2: 1}"))
