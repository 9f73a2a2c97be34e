"""An Application's values: defaults, overlay, then what the person wrote; checked, and never repeated in a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.values.application_values import application_values, config_schema_problem, merge_values
from tests.support.builders import application, blueprint, wish

if TYPE_CHECKING:
    from reconciler.domain.validation.environment import DeclaredApplication

CANARY = "c4nary-s3cret"


def declared(**spec: Any) -> DeclaredApplication:
    return wish(application("web", **spec)).declared["web"]


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def test_what_a_person_wrote_wins_over_the_overlay_and_that_over_the_defaults() -> None:
    one = blueprint(
        "web",
        configSchema=schema(a={"default": 1}, b={"default": 1}, c={"default": 1}, d={"type": "integer"}),
        overlays={"small": {"b": 2, "c": 2}},
    )
    values, problems = application_values(one, declared(size="small", config={"c": 3, "d": 3}), [])
    assert (values, problems) == ({"a": 1, "b": 2, "c": 3, "d": 3}, ())


def test_values_of_requirers_lie_between_the_overlay_and_the_person() -> None:
    one = blueprint("web", overlays={"small": {"a": 1, "b": 1, "c": 1}})
    values, _ = application_values(one, declared(size="small", config={"c": 3}), [{"b": 2, "c": 2}])
    assert values == {"a": 1, "b": 2, "c": 3}


def test_nested_defaults_are_filled_in_where_there_are_any() -> None:
    one = blueprint("web", configSchema=schema(tls={"properties": {"on": {"default": True}, "x": {}}}, none={"properties": {}}))
    assert application_values(one, None, [])[0] == {"tls": {"on": True}}


def test_the_defaults_of_the_form_that_a_person_chose_are_filled_in_last() -> None:
    embedded = {"properties": {"mode": {"const": "embedded"}, "size": {"default": "10Gi"}}, "required": ["mode"]}
    external = {"properties": {"mode": {"const": "external"}, "port": {"default": 5432}}, "required": ["mode"]}
    one = blueprint("web", configSchema=schema(postgres={"oneOf": [embedded, external]}))
    values, problems = application_values(one, declared(config={"postgres": {"mode": "external"}}), [])
    assert (values, problems) == ({"postgres": {"mode": "external", "port": 5432}}, ())
    _, (problem,) = application_values(one, declared(config={"postgres": {"mode": "extern"}}), [])
    assert (problem.place, problem.message, problem.hint) == (
        "applications/web.yaml:14:13",
        "config.postgres.mode: must be one of embedded, external",
        "did you mean external?",
    )


def test_what_is_for_the_console_alone_is_carried_and_changes_nothing() -> None:
    keys = {"type": "string", "default": "a", "x-catalyst-ui-widget": "select", "x-catalyst-ui-order": 1}
    one = blueprint("web", configSchema=schema(a=keys) | {"x-catalyst-ui-layout": [["a"]]})
    assert config_schema_problem(one) is None
    assert application_values(one, declared(), []) == ({"a": "a"}, ())
    assert one.spec.config_schema is not None
    assert one.spec.config_schema["properties"]["a"] == keys


def test_values_can_be_had_without_a_check() -> None:
    one = blueprint("web", configSchema=schema(a={"type": "string", "default": "x"}), overlays={"small": {"b": 1}})
    assert merge_values(one, declared(size="tiny", config={"c": 1}), [{"a": 2}]) == {"a": 2, "c": 1}


def test_merging_leaves_what_is_laid_over_untouched() -> None:
    one = blueprint("web", configSchema=schema(a={"default": {"x": 1}}), overlays={"small": {"a": {"y": 2}}})
    for _ in range(2):
        values, _ = application_values(one, declared(size="small", config={"a": {"z": 3}}), [])
        assert values == {"a": {"x": 1, "y": 2, "z": 3}}
    assert one.spec.overlays == {"small": {"a": {"y": 2}}}


def test_an_unknown_size_is_told_with_the_known_ones() -> None:
    _, (problem,) = application_values(blueprint("web", overlays={"small": {}}), declared(size="smal"), [])
    assert (problem.code, problem.place, problem.hint) == ("UnknownSize", "applications/web.yaml:12:11", "did you mean small?")
    _, (problem,) = application_values(blueprint("web"), declared(size="small"), [])
    assert problem.hint == "bp-web has no sizes; leave the field out"


def test_every_error_is_told_at_its_line() -> None:
    one = blueprint(
        "web", configSchema=schema(port={"type": "integer", "maximum": 9}, domain={"type": "string"}) | {"required": ["x"]}
    )
    _, problems = application_values(one, declared(config={"port": 10, "domain": 1, "domian": "a"}), [])
    assert {(p.place, p.message, p.hint) for p in problems} == {
        ("applications/web.yaml:12:13", "config.x: is required", ""),
        ("applications/web.yaml:13:12", "config.port: must be at most 9", ""),
        ("applications/web.yaml:14:14", "config.domain: must be a string", ""),
        ("applications/web.yaml:15:4", "config.domian: is not a key that the Blueprint knows", "did you mean domain?"),
    }


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "integer"},
        {"const": "x"},
        {"enum": ["x", "y"]},
        {"maxLength": 1},
        {"minLength": 99},
        {"pattern": "^x$"},
        {"format": "email"},
        {"not": {}},
        {"oneOf": [{"const": 1}, {"const": 2}]},
        {"anyOf": [{"type": "null"}, {"type": "object"}]},
        {"allOf": [{"maxLength": 1}]},
        {"if": {"type": "string"}, "then": {"const": 1}},
        {"contentEncoding": "base64", "const": "x"},
        False,
    ],
)
@pytest.mark.parametrize("nest", [lambda v: v, lambda v: [v], lambda v: {"deep": v}], ids=["plain", "list", "mapping"])
def test_no_message_repeats_the_offending_value(rule: Any, nest: Any) -> None:
    inner = {"items": rule, "additionalProperties": rule} | (rule if isinstance(rule, dict) else {})
    one = blueprint("web", configSchema={"properties": {"motto": rule if nest(1) == 1 else inner}})
    _, problems = application_values(one, declared(config={"motto": nest(CANARY)}), [])
    assert problems
    assert not [str(p) for p in problems if CANARY in str(p)]


@pytest.mark.parametrize("where", ["http://evil.example/x.json", "https://evil.example/x", "file:///etc/passwd", "ftp://a/b"])
def test_no_reference_is_ever_fetched(where: str) -> None:
    fault = config_schema_problem(blueprint("web", configSchema={"properties": {"a": {"$ref": where}}}))
    assert fault is not None
    assert "is not fetched" in fault


@pytest.mark.timeout(10)
def test_a_pattern_runs_in_linear_time() -> None:
    one = blueprint("web", configSchema=schema(a={"pattern": "^(a+)+$"}))
    assert config_schema_problem(one) is None
    assert len(application_values(one, declared(config={"a": "a" * 5000 + "b"}), [])[1]) == 1


@pytest.mark.parametrize("pattern", ["(a)\\1", "(?=a)", "((a{1000}){1000}){1000}", "("])
def test_a_pattern_that_cannot_run_in_linear_time_is_a_fault(pattern: str) -> None:
    assert config_schema_problem(blueprint("web", configSchema=schema(a={"pattern": pattern}))) is not None


@pytest.mark.parametrize(
    "hostile",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$dynamicAnchor": "x", "$dynamicRef": "#x"},
        {"properties": {"a": {"maximum": 10**400}}},
        {"properties": {"a": {"multipleOf": 1e-308}}},
    ],
)
def test_a_schema_that_bites_its_own_tail_harms_nobody(hostile: dict[str, Any]) -> None:
    one = blueprint("web", configSchema=hostile)
    assert config_schema_problem(one) is None
    application_values(one, declared(config={"a": 2**52}), [])


@pytest.mark.parametrize("bad", [{"type": "banana"}, {"type": 5}, {"properties": []}, {"required": "a"}, {"minimum": "1"}])
def test_what_is_no_schema_is_a_fault(bad: dict[str, Any]) -> None:
    assert config_schema_problem(blueprint("web", configSchema=bad)) is not None


def test_a_schema_that_speaks_of_itself_checks_every_depth() -> None:
    one = blueprint("web", configSchema=schema(child={"$ref": "#"}))
    _, (problem,) = application_values(one, declared(config={"child": {"child": {"x": 1}}}), [])
    assert problem.message == "config.child.child.x: is not a key that the Blueprint knows"


def test_values_of_a_blueprints_own_making_blame_no_file() -> None:
    _, (problem,) = application_values(blueprint("db", configSchema=schema(a={"type": "string"})), None, [{"a": 1}])
    assert (problem.code, problem.file) == ("InvalidConfig", "")


@pytest.mark.parametrize("key", ["a.b", "with space", "é", "0", "a/b", "~1", "properties"])
def test_any_key_is_only_a_key(key: str) -> None:
    one = blueprint("web", configSchema=schema(**{key: {"type": "object", "default": {}}}))
    assert application_values(one, declared(config={key: {"x": 1}}), []) == ({key: {"x": 1}}, ())
    _, problems = application_values(one, declared(config={key: 1}), [])
    assert [p.line for p in problems] == [13]


PARTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["object", "string", "#", "a", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "default", "$ref", "items", "anyOf", "required", "a"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["type", "properties", "$ref", "allOf", "default", "additionalProperties"]), PARTS, max_size=3
    ),
    PARTS,
)
def test_no_schema_and_no_config_makes_the_check_raise(any_schema: dict[str, Any], config: Any) -> None:
    one = blueprint("web", configSchema=any_schema)
    if config_schema_problem(one) is None:
        application_values(one, None, [{"a": config}])


def test_values_of_the_blueprint_that_would_not_arrive_are_told_of_the_application() -> None:
    one = blueprint("bp-web", configSchema={"properties": {"text": {"default": "a\u0093b"}}})
    _, problems = application_values(one, declared(config={"a": 1}), [])
    (problem,) = problems
    assert (problem.code, "config.text: contains U+0093" in problem.message) == ("InvalidConfig", True)
