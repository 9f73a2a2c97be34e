"""What is wrong with values, in plain words: what is allowed, and never what stands there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.values.json_schema import (
    check_schema,
    is_valid,
    schema_problem,
    violations,
)
from reconciler.domain.values.schema_validator import SchemaUnusableError

CANARY = "c4nary-s3cret"
FORMS = {
    "oneOf": [
        {"properties": {"mode": {"const": "embedded"}, "size": {"type": "integer"}}, "required": ["mode"]},
        {"properties": {"mode": {"const": "external"}, "host": {"type": "string"}}, "required": ["mode", "host"]},
    ]
}


def said(rule: Any, value: Any) -> list[str]:
    found = violations({"properties": {"a": rule}}, {"a": value})
    return [f"{'.'.join(map(str, c.path))} {c.message}" + (f"; {c.hint}" if c.hint else "") for c in found]


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ({"type": "integer"}, "x", "a must be a whole number"),
        ({"type": ["string", "null"]}, 1, "a must be a string or null"),
        ({"type": ["null", "array", "object"]}, 1, "a must be a list or a mapping or null"),
        ({"type": "boolean"}, "yes", "a must be true or false"),
        ({"enum": ["small", "large", 3]}, "smal", "a must be one of small, large, 3; did you mean small?"),
        ({"enum": ["small"]}, CANARY, "a must be small"),
        ({"enum": list(range(20))}, 99, "a must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more"),
        ({"const": True}, False, "a must be true"),
        ({"const": ""}, CANARY, 'a must be ""'),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, CANARY, "a must be one of a, b"),
        ({"anyOf": [{"enum": ["a", "b"]}, {"const": None}]}, CANARY, "a must be one of a, b, null"),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, 1, "a must be a string or a mapping"),
        ({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 2}]}, CANARY, "a must have at most 2 characters"),
        ({"oneOf": [{"type": "string"}, {}]}, CANARY, "a matches more than one of the forms of which it must match exactly one"),
        ({"anyOf": [{"maxLength": 1}, {"pattern": "^x"}]}, CANARY, "a matches none of its 2 possible forms"),
        (FORMS, {"mode": "embedded", "size": CANARY}, "a.size must be a whole number"),
        (FORMS, {"mode": "external"}, "a.host is required"),
        (FORMS, {"mode": "extrenal"}, "a.mode must be one of embedded, external; did you mean external?"),
        (FORMS, 1, None),
        ({"maximum": 9}, 10, "a must be at most 9"),
        ({"minimum": 1.5}, 1, "a must be at least 1.5"),
        ({"exclusiveMaximum": 9}, 9, "a must be less than 9"),
        ({"exclusiveMinimum": 9}, 9, "a must be more than 9"),
        ({"multipleOf": 3}, 4, "a must be a multiple of 3"),
        ({"maxLength": 2}, CANARY, "a must have at most 2 characters"),
        ({"minLength": 99}, CANARY, "a must have at least 99 characters"),
        ({"pattern": "^[a-z]$"}, CANARY, "a must match ^[a-z]$"),
        ({"format": "email"}, CANARY, "a must be an e-mail address"),
        ({"format": "hostname"}, "-", "a must be a host name"),
        ({"format": "ipv4"}, CANARY, "a must be an IPv4 address"),
        ({"format": "date"}, CANARY, "a must be a date such as 2030-01-31"),
        ({"format": "json-pointer"}, CANARY, "a must be of the format json-pointer"),
        ({"maxItems": 1}, [1, 2], "a must have at most 1 entries"),
        ({"minItems": 3}, [1, 2], "a must have at least 3 entries"),
        ({"uniqueItems": True}, [CANARY, CANARY], "a must not have an entry twice"),
        ({"contains": {"const": 1}}, [2], "a must have an entry that matches its schema's `contains`"),
        ({"maxProperties": 0}, {"b": 1}, "a must have at most 0 keys"),
        ({"minProperties": 2}, {"b": 1}, "a must have at least 2 keys"),
        ({"required": ["b"]}, {}, "a.b is required"),
        ({"propertyNames": {"pattern": "^x"}}, {"b": 1}, "a has a key that is not allowed: it must match ^x"),
        ({"additionalProperties": False}, {"b": 1}, "a.b is not a key that the Blueprint knows"),
        ({"unevaluatedProperties": False}, {"b": 1}, "a.b is not a key that the Blueprint knows"),
        ({"not": {"const": 1}}, 1, "a must not match its schema's `not`"),
        (False, 1, "a must be left out"),
        ({"items": {"type": "string"}}, ["x", 1], "a.1 must be a string"),
        ({"if": {"const": CANARY}, "then": {"maxLength": 1}}, CANARY, "a must have at most 1 characters"),
    ],
)  # fmt: skip
def test_every_rule_is_told_in_plain_words(rule: Any, value: Any, words: str | None) -> None:
    found = said(rule, value)
    assert len(found) == 1
    assert CANARY not in found[0]
    assert words is None or found == [words]


def test_a_key_behind_a_reference_is_compared_with_those_that_stand_there() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/tls"}},
        "$defs": {"tls": {"additionalProperties": False, "properties": {"secretName": {}}}},
    }
    (found,) = violations(schema, {"a": {"secretNam": "x"}})
    assert (found.path, found.hint, found.at_key) == (("a", "secretNam"), "did you mean secretName?", True)


def test_words_of_the_schemas_own_are_cut_to_a_line() -> None:
    (found,) = said({"pattern": "x" * 500}, "y")
    assert len(found) < 100


@pytest.mark.parametrize("where", ["http://evil.example/x.json", "https://evil.example/x", "file:///etc/passwd"])
@pytest.mark.parametrize("as_helm", [True, False])
def test_no_reference_is_ever_fetched(where: str, as_helm: bool) -> None:
    with pytest.raises(SchemaUnusableError, match="is not fetched"):
        check_schema({"properties": {"a": {"$ref": where}}}, as_helm=as_helm)


# One that made jsonschema-rs 0.60 panic, which no `except Exception` catches: an anchor in a resource whose name is there twice.
PANICS = {
    "items": {
        "patternProperties": {
            "b": {"$id": "http://x/y"},
            "a": {
                "oneOf": [{"anyOf": [{"additionalProperties": {"$dynamicRef": "#x"}}]}],
                "$id": "http://x/y",
                "$anchor": "x",
            },
        }
    }
}


def test_a_schema_that_makes_the_validator_panic_is_refused_or_used() -> None:
    assert schema_problem(PANICS) in {None, "the validator cannot process it"}
    assert [one.path for one in violations(PANICS, {})] in ([], [()])
    assert is_valid(PANICS, {}) in {True, False}
    assert schema_problem({"type": "object"}) is None  # and the next one is judged as ever


_SOME_SCHEMA = st.recursive(
    st.sampled_from([True, {}, {"$ref": "#x"}, {"$dynamicRef": "#x"}, {"$id": "http://x/y"}, {"$anchor": "x", "$id": "y"}]),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(["items", "additionalProperties", "not", "if", "contains", "unevaluatedProperties"]),
            inner,
            max_size=2,
        )
        | st.dictionaries(
            st.sampled_from(["properties", "patternProperties", "$defs", "dependentSchemas"]),
            st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            max_size=2,
        )
        | st.dictionaries(
            st.sampled_from(["oneOf", "anyOf", "allOf", "prefixItems"]), st.lists(inner, min_size=1, max_size=2)
        ).map(lambda forms: {**forms, "$id": "http://x/y", "$dynamicAnchor": "x"})
    ),
    max_leaves=12,
)


@given(_SOME_SCHEMA, st.sampled_from([{}, {"a": {"b": [1]}}, [{"a": 1}], 1]))
def test_whatever_names_and_references_a_schema_has_nothing_but_our_words_comes_out(schema: Any, values: Any) -> None:
    document = schema if isinstance(schema, dict) else {}
    for as_helm in (True, False):
        try:
            check_schema(document, as_helm=as_helm)
        except SchemaUnusableError:
            continue
        list(violations(document, values, as_helm=as_helm))


@pytest.mark.timeout(10)
@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(.*a){20}$", "^([a-z]+)*@"])
def test_a_nasty_pattern_ends_at_once(pattern: str) -> None:
    assert said({"pattern": pattern}, "a" * 50_000 + "!") != []


def test_keys_for_the_console_are_let_through() -> None:
    schema = {"type": "string", "x-catalyst-ui-widget": "textarea", "x-catalyst-ui-order": 3, "x-catalyst-ui-group": {"a": [1]}}
    assert schema_problem({"properties": {"a": schema}, "x-catalyst-ui-layout": []}) is None
    assert said(schema, 1) == ["a must be a string"]


def test_a_required_key_that_is_only_misspelt_is_told_once() -> None:
    rule = {
        "type": "object",
        "required": ["domain", "title"],
        "properties": {"domain": {}, "title": {}},
        "additionalProperties": False,
    }
    assert sorted(said(rule, {"domian": "acme.com"})) == [
        "a.domian is not a key that the Blueprint knows; did you mean domain?",
        "a.title is required",
    ]
