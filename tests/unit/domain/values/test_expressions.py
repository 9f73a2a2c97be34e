"""Conditions in Blueprints: what holds, what is refused, and what they never do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from reconciler.domain.values.expressions import (
    MAX_EXPRESSION_LENGTH,
    MAX_WEIGHT,
    ExpressionError,
    evaluate,
    evaluate_condition,
    expression_problem,
)
from tests.support.builders import FSN, NBG
from tests.support.expressions import CONFIG, SCOPE, outcome, plain, texts


def fault(text: str) -> str:
    found = expression_problem(text)
    assert found is not None, text
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ .config.postgres.mode == 'embedded' }}", True),
        ("{{.config.postgres.mode == 'external'}}", False),
        ("config.postgres.mode == 'embedded'", True),
        ("  config.tls\n", True),
        ("!.config.tls || .config.postgres.size > 2", True),
        ("config.tls && environment.envType == 'prod' && application.name == 'shop'", True),
        ("'.config.tls' == '.con' + 'fig.tls'", True),
        ("config.config.deep == 7 && .config.config.deep == 7", True),
        ("[.config.postgres][0].mode == 'embedded'", True),
        ("config['.config'] == 1 && config['odd-key'] != ''", True),
        ("has(config.absent) || has(.config.absent)", False),
        ("has(config.postgres.mode) ? config.postgres.mode == 'embedded' : false", True),
        ("config.nothing == null", True),
        ("config.share < 1.0 && config.big > 1", True),
        ("'ann' in config.users && size(config.users) == 2 && config.users[1].startsWith('b')", True),
        ("'hz-fsn-rtz-prod-acme' in environment.clusters && environment.regions == ['fsn', 'nbg']", True),
        ("int('3') == config.postgres.size && 'a' + string(1) == 'a1'", True),
        ("application.blueprint == 'bp-web' && application.version == '1.2.3'", True),
        ("true // with a reason", True),
    ],
)
def test_what_holds(text: str, expected: bool) -> None:
    assert expression_problem(text) is None
    assert evaluate_condition(text, SCOPE) is expected


def test_the_scope_is_plain_data_with_each_place_once() -> None:
    assert json.loads(json.dumps(SCOPE)) == SCOPE
    assert SCOPE["config"] == CONFIG
    assert SCOPE["environment"] == {
        "name": "acme-prod",
        "organization": "acme",
        "envType": "prod",
        "clusters": [FSN, NBG],
        "regions": ["fsn", "nbg"],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not an expression in CEL"),
        ("config.a ==", "`config.a ==` is not an expression in CEL: mismatched input '<EOF>' in line 1, character 12"),
        ("{{ config.a }} && {{ config.b }}", "not an expression in CEL"),
        ("eq .config.a 'x'", "not an expression in CEL"),
        ("confg.a", "reads confg, which does not exist; did you mean config?"),
        (".Release.Name == 'a'", "reads Release, which does not exist; known: application, config, environment"),
        ("x.config.a", "reads x, which"),
        ("config.since < now()", "calls now, which is not offered; known: contains,"),
        (".now() == 1", "calls .now"),
        ("timestamp('2020-01-01T00:00:00Z') == config.a", "calls timestamp"),
        ("config.a.matches('(a{1000}){1000}')", "calls matches"),
        ("optional.none() == config.a", "reads optional"),
        ("config.users.exists(u, u == 'ann')", "iterates over a list or mapping with exists"),
        ("config.users . map  // why\n ( config , 1) == [1]", "with map"),
        ("config.users.existsOne((u), u == 'ann')", "with existsOne"),
        ("['ab']" + ".map(x,x+x)" * 20, "with map"),
        ("'" + "a" * MAX_EXPRESSION_LENGTH + "'", "longer than 256 characters"),
        ("(" * MAX_EXPRESSION_LENGTH, "not an expression in CEL"),
        ("'\ud800' == ''", "not an expression in CEL"),
    ],
)
def test_what_an_author_is_told(text: str, words: str) -> None:
    assert words in fault(text)
    with pytest.raises(ExpressionError) as error:
        evaluate_condition(text, SCOPE)
    assert str(error.value) == fault(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config.absent == 1", "`config.absent == 1` cannot be evaluated: there is no key absent; test for it with `has(...)`"),
        ("config.postgres.absent.deeper", "there is no key absent"),
        ("config.users[2] == 'x'", "no entry at the index"),
        ("1 / 0 == 1", "divides by zero"),
        ("9223372036854775807 + 1 == 0", "too large"),
        ("config.tls == true && config.users", "a type that the operation on it"),
        ("size(1) == 1", "a function with a value of a type that"),
        ("Struct{a: 1} == 1", "a function with a value of a type that"),
        ("{1: 2}", "its result is neither"),
        ("1.0 / 0.0", "its result is neither"),
        ("b'a'", "its result is neither"),
        ("config.postgres.mode", "`config.postgres.mode` gives text, not true or false"),
        ("config.nothing", "gives null, not"),
        ("{{ config.postgres }}", "`config.postgres` gives a mapping, not"),
    ],
)
def test_what_cannot_be_evaluated(text: str, words: str) -> None:
    assert expression_problem(text) is None
    with pytest.raises(ExpressionError) as error:
        evaluate_condition(text, SCOPE)
    assert words in str(error.value)


def test_an_error_quotes_no_value() -> None:
    for text in ("config[config['odd-key']]", "int(config['odd-key'])", "config['odd-key'] < 1", "config['odd-key']"):
        with pytest.raises(ExpressionError) as error:
            evaluate_condition(text, SCOPE)
        assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("text", ["config.list == []", "[" + ",".join(["config"] * 35) + "] == []", "config.text == ''"])
def test_what_reads_too_much_is_refused(text: str) -> None:
    large = {"config": {"list": [{}] * (MAX_WEIGHT // 64), "text": ""}}
    with pytest.raises(ExpressionError, match="reads values that are too large"):
        evaluate_condition(text, large)
    assert evaluate_condition("environment.name == ''", large | {"environment": {"name": ""}})


def test_the_worst_within_the_limits_ends() -> None:
    """Adding up is what still grows, by the square of the length: the time limit of the tests is the measure."""
    parts: dict[str, Any] = {"config": {"l": [{}] * 4000}}
    assert evaluate_condition("(" + "+".join(["config.l"] * 27) + ") != []", parts)
    assert evaluate_condition("(" + "+".join(["config.s"] * 27) + ") != ''", {"config": {"s": "x" * 250_000}})
    with pytest.raises(ExpressionError, match="gives more than fits"):
        evaluate("[" + ",".join(["config"] * 35) + "]", parts)


def test_mappings_come_in_the_order_of_their_keys() -> None:
    given = {letter: {letter: 1, "a": 2} for letter in "qwertyuiop"}
    found = evaluate("[config]", {"config": given})
    assert found == [given]
    assert list(found[0]) == sorted(given)
    assert list(found[0]["q"]) == ["a", "q"]


@given(texts)
def test_any_text_gives_an_answer_or_an_error_of_ours(text: str) -> None:
    refused = expression_problem(text)
    found = outcome(lambda: evaluate(text, SCOPE))
    if isinstance(found, ExpressionError):
        assert refused in {None, str(found)}
    else:
        assert refused is None
        assert json.loads(json.dumps(found)) == found


@given(plain)
def test_a_value_is_read_as_it_is(data: Any) -> None:
    found = evaluate("{{ .config.it }}", {"config": {"it": data}})
    assert found == data
    assert type(found) is type(data)
