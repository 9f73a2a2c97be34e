"""No schema, however it multiplies, makes the check of values or their defaults a hang."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.values.application_values import application_values, config_schema_problem
from reconciler.domain.values.json_schema import TOO_MUCH, is_valid, schema_problem, violations
from reconciler.domain.values.schema_cost import exceeds_cost_limit
from tests.support.builders import application, blueprint, wish

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(60)


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels else {}


def chain(length: int, make: Callable[[int], dict[str, Any]], **root: Any) -> dict[str, Any]:
    """Definitions, each of which `make` ties to the next."""
    return {"$defs": {f"d{n}": make(n) for n in range(length)} | {f"d{length}": {"type": "object"}}, "$ref": "#/$defs/d0"} | root


def twice(reference: str, word: str = "allOf") -> dict[str, Any]:
    return {word: [{"$ref": reference}, {"$ref": reference}]}


BOMBS = {
    "forms": chain(40, lambda n: twice(f"#/$defs/d{n + 1}", "oneOf")),
    "rules": chain(40, lambda n: twice(f"#/$defs/d{n + 1}")),
    "percent signs": chain(40, lambda n: twice(f"#/%24defs/d{n + 1}")),
    "anchors": chain(40, lambda n: {"$anchor": f"a{n}", **twice(f"#a{n + 1}" if n < 39 else "#/$defs/d40")}),
    "names": chain(
        40,
        lambda n: {"$id": f"http://x/a{n}", **twice(f"a{n + 1}" if n < 39 else "#")},
        **{"$id": "http://x/r", "$ref": "http://x/a0"},
    ),
    "ways through lists": {"allOf": [twice(f"#/allOf/{n + 1}") for n in range(40)] + [{}]},
    "a long chain": chain(2000, lambda n: {"$ref": f"#/$defs/d{n + 1}"}),
}
CIRCLE = {"$defs": {"d": {"properties": {"a": twice("#/$defs/d")}}}, "$ref": "#/$defs/d"}


@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS)
def test_a_schema_that_multiplies_is_refused_before_any_value_is_seen(schema: dict[str, Any]) -> None:
    assert schema_problem(schema) == TOO_MUCH
    assert not is_valid(schema, {})


def test_a_circle_that_doubles_with_each_level_is_refused_for_deep_values_only() -> None:
    assert schema_problem(CIRCLE) is None
    assert list(violations(CIRCLE, nested(8))) == []
    (complaint,) = violations(CIRCLE, nested(50))
    assert complaint.message == TOO_MUCH


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$ref": "#"}, {}),
        ({"allOf": [{"$ref": "#"}]}, {}),
        ({"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}, nested(60)),
        ({"properties": {"a": {"items": {"$ref": "#"}}}}, {"a": [{"a": [{}] * 100}] * 100}),
        ({"additionalProperties": {"$ref": "#"}}, nested(60)),
        ({"properties": {"list": {"items": {"enum": list(range(1000))}}}}, {"list": list(range(1000))}),
        ({"dependentSchemas": {"a": {"required": ["b"]}}, "if": {"required": ["a"]}, "then": {"minProperties": 1}}, {}),
    ],
)
def test_what_people_write_is_not_too_much(schema: dict[str, Any], value: Any) -> None:
    assert not exceeds_cost_limit(schema, value)


@pytest.mark.parametrize(
    "word", ["additionalProperties", "items", "contains", "unevaluatedProperties", "propertyNames", "not", "if", "anyOf"]
)
def test_whatever_leads_on_is_counted(word: str) -> None:
    schema = chain(20, lambda n: {word: [twice(f"#/$defs/d{n + 1}")] if word == "anyOf" else twice(f"#/$defs/d{n + 1}")})
    values: Any = {}
    for _ in range(20):
        values = [values] if word in {"items", "contains"} else {"k": values}
    assert exceeds_cost_limit(schema, values)


def test_whatever_is_sorted_by_keys_is_counted() -> None:
    for word in ("patternProperties", "dependentSchemas", "properties"):
        schema = chain(20, lambda n, word=word: {word: {"k": twice(f"#/$defs/d{n + 1}")}})  # type: ignore[misc]
        values: Any = {}
        for _ in range(20):
            values = {"k": values}
        assert exceeds_cost_limit(schema, values)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(
            {
                "$defs": {"b": {"default": {f"k{n}": n for n in range(1000)}}},
                "properties": {f"p{n}": {"$ref": "#/$defs/b"} for n in range(1000)},
            },
            id="a large default, many times",
        ),
        pytest.param(
            chain(40, lambda n: {"properties": {key: {"$ref": f"#/$defs/d{n + 1}"} for key in "ab"}}), id="defaults of defaults"
        ),
        pytest.param(
            {
                "$defs": {f"d{n}": {"properties": {f"p{m}": {"$ref": f"#/$defs/d{m}"} for m in range(14)}} for n in range(14)},
                "properties": {"a": {"$ref": "#/$defs/d0"}},
            },
            id="everything refers to everything",
        ),
    ],
)
def test_a_schema_with_endless_defaults_is_refused(schema: dict[str, Any]) -> None:
    fault = config_schema_problem(blueprint("shop", configSchema=schema))
    assert fault is not None
    assert "collecting its defaults takes more than" in fault


def test_forms_without_number_are_not_tried_for_ever() -> None:
    forms = [{"properties": {"x": {"const": n}, "y": {"default": n}}, "required": ["x"]} for n in range(5000)]
    one = blueprint("shop", configSchema={"oneOf": forms})
    values, problems = application_values(one, wish(application("shop", config={"x": 7})).declared["shop"], [])
    assert (values, problems) == ({"x": 7}, ())


def test_wrong_keys_without_number_are_told_in_part() -> None:
    schema = {"properties": {f"known{n}": {} for n in range(5000)}, "additionalProperties": False}
    one = blueprint("shop", configSchema=schema)
    _, problems = application_values(
        one, wish(application("shop", config={f"k{n}": n for n in range(20000)})).declared["shop"], []
    )
    assert len(problems) == 200
