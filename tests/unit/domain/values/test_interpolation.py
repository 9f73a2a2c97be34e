"""Values with expressions in them, and without."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.domain.values.expressions import MAX_WEIGHT, ExpressionError
from reconciler.domain.values.interpolation import MAX_EXPRESSIONS, check_templates, interpolate
from tests.support.expressions import CONFIG, SCOPE, outcome, plain, texts


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("} }} {", "} }} {"),
        ("{{ .config.postgres.size }}", 3),
        ("{{ .config.share }}", 0.5),
        ("{{ config.tls }}", True),
        ("{{ config.nothing }}", None),
        ("{{ config.users }}", ["ann", "bob"]),
        ("{{config.postgres}}", {"mode": "embedded", "size": 3}),
        ("{{ config.users[0] }}", "ann"),
        ("{{ config.tls }} ", "true "),
        ("{{ application.name }}.{{ environment.name }}.example", "shop.acme-prod.example"),
        ("{{ config.postgres.size }}{{ config.share }}", "30.5"),
        ("{{ config.big }}", 2**63),
        ("n={{ config.big }}/{{ 2.0 }}", f"n={2**63}/2"),
        ("{{ '{{' }}", "{{"),
        ("{{ '{{' }} .Release.Name }}", "{{ .Release.Name }}"),
        ("{{ 'a }} b' }}c", "a }} bc"),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{{'a': 1}}}", {"a": 1}),
        ("{{ config.users.size() == 2 ? 'two' : 'more' }} users", "two users"),
    ],
)
def test_a_text_is_filled_in(written: str, expected: Any) -> None:
    values = {"{{ key }}": {"list": [written, 1]}}
    assert check_templates(values) is None
    found = interpolate(values, SCOPE)
    assert found == {"{{ key }}": {"list": [expected, 1]}}
    assert type(found["{{ key }}"]["list"][0]) is type(expected)
    assert values == {"{{ key }}": {"list": [written, 1]}}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a {{ config.a", "its {{ is not closed by }} within 256 characters"),
        ("{{ config.users }} {{", "its {{ is not closed"),
        ("{{" + " " * 300 + "1 }}", "its {{ is not closed"),
        ("{{ }}", "not an expression in CEL"),
        ("{{ config. }} and {{ config.tls }}", "`config.` is not an expression in CEL"),
        ("{{ .Values.a }}", "reads Values, which does not exist"),
        ("{{ config.users.map(u, u + u) }}", "iterates over"),
    ],
)
def test_what_an_author_is_told(written: str, words: str) -> None:
    values = {"a": [{"b": written}]}
    fault = check_templates(values)
    assert fault is not None
    assert fault.startswith("a.0.b: ")
    assert words in fault
    with pytest.raises(ExpressionError) as error:
        interpolate(values, SCOPE)
    assert str(error.value) == fault


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{{ config.absent }}", "a.0.b: `config.absent` cannot be evaluated: there is no key absent"),
        ("is {{ config.users }}", "a.0.b: `config.users` gives a list, which cannot be part of a text"),
        ("is {{ config.nothing }}", "gives null, which cannot be part of a text"),
    ],
)
def test_what_cannot_be_filled_in(written: str, words: str) -> None:
    values = {"a": [{"b": written}]}
    assert check_templates(values) is None
    with pytest.raises(ExpressionError) as error:
        interpolate(values, SCOPE)
    assert words in str(error.value)


def test_expressions_are_counted() -> None:
    assert check_templates({"a": ["{{ 1 }}"] * MAX_EXPRESSIONS}) is None
    assert check_templates({"a": ["{{ 1 }}"] * MAX_EXPRESSIONS, "b": "{{ 1 }}"}) == "the values have more than 50 expressions"


def test_results_are_bounded_together() -> None:
    large = {"config": {"text": "x" * (MAX_WEIGHT // 2 - 1000)}}
    assert interpolate({"a": "{{ config.text }}", "b": "{{ config.text }}"}, large)["b"] == large["config"]["text"]
    with pytest.raises(ExpressionError, match="c: the expressions up to here give more than fits"):
        interpolate({"a": "{{ config.text }}", "b": "{{ config.text }}", "c": "{{ config.text }}"}, large)


def test_what_comes_out_shares_nothing() -> None:
    values = {"plain": {"list": [1]}, "one": "{{ config.users }}", "two": "{{ config.users }}"}
    found = interpolate(values, SCOPE)
    for part in (found["plain"]["list"], found["one"]):
        part.append("more")
    assert values["plain"] == {"list": [1]}
    assert CONFIG["users"] == found["two"] == ["ann", "bob"]


@given(st.dictionaries(st.text(max_size=5), plain, max_size=4))
def test_values_without_expressions_stay_as_they_are(values: dict[str, Any]) -> None:
    assume("{{" not in json.dumps(values))
    assert check_templates(values) is None
    assert interpolate(values, {}) == values


@given(st.lists(texts | texts.map("{{{{{}}}}}".format) | texts.map("a {{{{ {} }}}} b".format), max_size=4))
def test_any_text_gives_values_or_an_error_of_ours(written: list[str]) -> None:
    refused = check_templates({"a": written})
    found = outcome(lambda: interpolate({"a": written}, SCOPE))
    if isinstance(found, ExpressionError):
        assert refused in {None, str(found)}
    else:
        assert refused is None
        assert json.loads(json.dumps(found)) == found
