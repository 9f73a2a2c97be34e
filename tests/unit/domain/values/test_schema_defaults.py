"""Defaults: what holds whatever the values are, and what the one form brings that the values have."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.values.schema_defaults import apply_one_of_defaults, defaults, merge_defaults


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"properties": {"a": {"default": 1}, "b": {}}}, {"a": 1}),
        ({"properties": {"a": {"default": None}}}, {"a": None}),
        ({"properties": {"a": {"properties": {"b": {"default": 1}}}}}, {"a": {"b": 1}}),
        ({"allOf": [{"properties": {"a": {"default": 1}}}, {"properties": {"b": {"default": 2}}}]}, {"a": 1, "b": 2}),
        ({"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"properties": {"b": {"default": 1}}}}}, {"a": {"b": 1}}),
        ({"properties": {"a": {"$ref": "#/definitions/x"}}, "definitions": {"x": {"default": 1}}}, {"a": 1}),
        ({"properties": {"a": {"$ref": "#/definitions/x", "default": 2}}, "definitions": {"x": {"default": 1}}}, {"a": 2}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"b": {"default": 1}}}}}, {"b": 1}),
        ({"properties": {"a": {"$ref": "#/$defs/a~1b"}}, "$defs": {"a/b": {"default": 1}}}, {"a": 1}),
        ({"properties": {"a": {"$ref": "https://evil.example/x"}}}, {}),
        ({"properties": {"a": {"$ref": "#/nowhere/at/all"}}}, {}),
        ({"properties": {"a": {"$ref": "#"}, "b": {"default": 1}}}, {"a": {"b": 1}, "b": 1}),
        ({"oneOf": [{"properties": {"a": {"default": 1}}}]}, {}),
        ({"properties": {"a": {"items": {"properties": {"b": {"default": 1}}}}}}, {}),
        ({"properties": [], "allOf": 3, "$ref": 5}, {}),
    ],
)
def test_what_holds_whatever_the_values_are(schema: dict[str, Any], values: dict[str, Any]) -> None:
    assert defaults(schema) == values


FORMS = {
    "oneOf": [
        {"properties": {"mode": {"const": "embedded"}, "size": {"type": "integer", "default": 10}}, "required": ["mode", "size"]},
        {"properties": {"mode": {"const": "external"}, "port": {"default": 5432}}, "required": ["mode"]},
    ]
}


@pytest.mark.parametrize(
    ("values", "filled"),
    [
        ({"mode": "embedded"}, {"mode": "embedded", "size": 10}),
        ({"mode": "embedded", "size": 3}, {"mode": "embedded", "size": 3}),
        ({"mode": "external"}, {"mode": "external", "port": 5432}),
        ({"mode": "external", "port": None}, {"mode": "external", "port": None}),
        ({"mode": "embedded", "size": "x"}, {"mode": "embedded", "size": "x"}),
        ({"mode": "other"}, {"mode": "other"}),
        ({}, {}),
    ],
)
@pytest.mark.parametrize("where", [(), ("postgres",), ("a", "b")])
def test_the_form_that_the_values_have_fills_in_the_rest(
    values: dict[str, Any], filled: dict[str, Any], where: tuple[str, ...]
) -> None:
    schema: dict[str, Any] = FORMS
    given: dict[str, Any] = dict(values)
    wanted: dict[str, Any] = filled
    for step in reversed(where):
        schema, given, wanted = {"properties": {step: schema}}, {step: given}, {step: wanted}
    apply_one_of_defaults(schema, given)
    assert given == wanted


def test_where_several_forms_fit_nobody_knows_which_is_meant() -> None:
    values: dict[str, Any] = {"c": 1}
    apply_one_of_defaults({"anyOf": [{"properties": {"a": {"default": 1}}}, {"properties": {"b": {"default": 2}}}]}, values)
    assert values == {"c": 1}


def test_a_form_may_refer_to_the_rest_of_the_schema() -> None:
    values: dict[str, Any] = {"on": True}
    form = {"$ref": "#/$defs/on"}
    shared = {"on": {"properties": {"on": {"const": True}, "level": {"default": 3}}}}
    apply_one_of_defaults({"oneOf": [form, {"properties": {"on": {"const": False}}}], "$defs": shared}, values)
    assert values == {"on": True, "level": 3}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"a": {"$ref": "#"}}},
        {"oneOf": [{"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"oneOf": [{"type": "banana"}, 3, {"$ref": "https://evil.example"}]},
    ],
)
def test_a_schema_that_bites_its_own_tail_ends(schema: dict[str, Any]) -> None:
    values: dict[str, Any] = {"a": {"a": {"a": 1}}}
    defaults(schema)
    apply_one_of_defaults(schema, values)
    assert values == {"a": {"a": {"a": 1}}}


def test_mappings_are_merged_and_all_else_is_replaced_whole() -> None:
    old: dict[str, Any] = {"map": {"a": 1, "b": 1}, "list": [1, 2], "word": "x", "gone": {"a": 1}}
    merge_defaults(old, {"map": {"b": 2, "c": 2}, "list": [3], "word": {"a": 1}, "gone": None})
    assert old == {"map": {"a": 1, "b": 2, "c": 2}, "list": [3], "word": {"a": 1}, "gone": None}
