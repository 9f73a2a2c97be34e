"""From parsed files to documents: every problem at once, each where it stands and with a way out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.validation.document_parser import MAX_DOCUMENT_PROBLEMS, kind_of, parse_document
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.application import Application
from reconciler.model.blueprint import Blueprint
from reconciler.model.environment import Environment
from reconciler.model.lock import EnvironmentLock
from reconciler.model.problem import Problem
from reconciler.model.trust import TrustPolicy
from tests.support.builders import application, blueprint_data, environment, source

if TYPE_CHECKING:
    from pydantic import BaseModel

MODELS: list[type[BaseModel]] = [Application, Blueprint, Environment, TrustPolicy, EnvironmentLock]

TEXT = b"""\
apiVersion: catalyst.openova.io/v1alpha1
kind: Application
metadata: {name: Web}
spec:
  blueprnt: {name: bp-wordpress, version: ^1.3}
  blueprint:
    name: bp-wordpress
  size: 3
  config: [a]
"""


def lines(problems: tuple[Problem, ...]) -> dict[str, str]:
    return {p.place: f"{p.code}: {p.message}" + (f" ({p.hint})" if p.hint else "") for p in problems}


def test_every_problem_is_told_at_once_each_at_its_place() -> None:
    document, problems = parse_document(load(TEXT, "web.yaml"), Application)
    assert document is None
    assert lines(problems) == {
        "web.yaml:3:18": "InvalidValue: metadata.name is 'Web'; it must match ^[a-z]([a-z0-9-]*[a-z0-9])?$ (write web)",
        "web.yaml:5:3": "UnknownField: unknown field spec.blueprnt (did you mean blueprint?)",
        "web.yaml:6:3": "MissingField: spec.blueprint.version is required",
        "web.yaml:8:9": "InvalidType: spec.size must be a string, not 3 (quote it)",
        "web.yaml:9:11": "InvalidType: spec.config must be a mapping of fields, not a list",
    }


def test_a_file_that_could_not_be_read_gives_its_own_problems() -> None:
    document, problems = parse_document(load(b"a: 1\na: 2\n", "web.yaml"), Application)
    assert document is None
    assert [p.code for p in problems] == ["DuplicateKey"]


@pytest.mark.parametrize(
    ("text", "what"), [("null", "null"), ("[]", "a list"), ("7", "a number"), ("word", "a string"), ("---", "null")]
)
def test_what_is_no_mapping_is_told_so(text: str, what: str) -> None:
    _, problems = parse_document(load(text.encode(), "web.yaml"), Application)
    assert list(lines(problems).values()) == [
        f"InvalidType: the document must be a mapping of fields, not {what} (its fields are apiVersion, kind, metadata, spec)"
    ]


def test_a_value_of_the_wrong_type_is_told_with_what_to_write_instead() -> None:
    data = application("web", suspend="Yes", size=None, placement={"mode": "m", "regions": "fsn"}, bind={"db": "My_DB"})
    data["spec"]["blueprint"] = "s3cr3t"
    _, problems = parse_document(source(data), Application)
    assert {(p.message, p.hint) for p in problems} == {
        ("spec.blueprint must be a mapping of fields, not a string", "its fields are catalog, name, version"),
        ("spec.placement.regions must be a list, not 'fsn'", "write [fsn]"),
        ("spec.bind.db is 'My_DB'; it must match ^[a-z]([a-z0-9-]*[a-z0-9])?$", "write my-db"),
        ("spec.suspend must be true or false, not 'Yes'", "write true"),
    }


def test_limits_and_choices_are_told_in_words() -> None:
    data = environment(placements=[], envType="prd") | {"metadata": {"name": None}}
    _, problems = parse_document(source(data), Environment)
    assert {(p.message, p.hint) for p in problems} == {
        ("metadata.name must be a string, not null", "give it a value"),
        ("spec.envType is 'prd'; it must be 'prod', 'stg', 'uat', 'dev' or 'poc'", "did you mean prod?"),
        ("spec.placements must have at least 1 item, not 0", ""),
    }
    assert lines(parse_document(source(application("w" * 54)), Application)[1]) == {
        "file.yaml:5:11": "InvalidValue: metadata.name has 54 characters; at most 53 are allowed (shorten it)"
    }
    blueprint = blueprint_data("web", placementSchema={"minRegions": 0, "maxRegions": "2"})
    assert [p.message for p in parse_document(source(blueprint), Blueprint)[1]] == [
        "spec.placementSchema.minRegions is 0; it must be at least 1",
        "spec.placementSchema.maxRegions must be a whole number, not '2'",
    ]


def test_a_misspelt_field_is_not_told_as_missing_too() -> None:
    data = application("web") | {"metdata": {"name": "web"}}
    del data["metadata"]
    _, problems = parse_document(source(data), Application)
    assert [(p.message, p.hint) for p in problems] == [("unknown field metdata", "did you mean metadata?")]


def test_another_kind_or_version_is_refused_with_the_right_one() -> None:
    _, problems = parse_document(source(environment() | {"apiVersion": "catalyst.openova.io/v2"}), Application)
    messages = [p.message for p in problems]
    assert "apiVersion is 'catalyst.openova.io/v2'; it must be 'catalyst.openova.io/v1alpha1'" in messages
    assert "kind is 'Environment'; it must be 'Application'" in messages


def test_a_field_has_one_spelling() -> None:
    data = environment()
    data["spec"]["env_type"] = "dev"
    document, problems = parse_document(source(data), Environment)
    assert document is None
    assert [(p.code, p.hint) for p in problems] == [("UnknownField", "did you mean envType?")]


def test_nothing_is_coerced() -> None:
    for suspend in ("true", 1, "yes"):
        assert parse_document(source(application("web", suspend=suspend)), Application)[0] is None


def test_unknown_fields_of_a_published_blueprint_are_warnings() -> None:
    data = blueprint_data("web", depends=[{"blueprint": "bp-db", "versions": "^1"}], extra={"a": 1}, placementSchema={"mode": 1})
    document, problems = parse_document(source(data), Blueprint, lenient=True)
    assert document is not None
    assert document.spec.depends[0].version == "*"
    assert {p.severity for p in problems} == {"warning"}
    assert sorted((p.message, p.hint) for p in problems) == [
        ("unknown field spec.depends.0.versions", "did you mean version?"),
        ("unknown field spec.extra", ""),
        ("unknown field spec.placementSchema.mode", "did you mean modes?"),
    ]
    assert parse_document(source(data), Blueprint)[0] is None


def test_lenience_forgives_unknown_fields_and_nothing_else() -> None:
    data = blueprint_data("web", extra=1, visibility="secret")
    document, problems = parse_document(source(data), Blueprint, lenient=True)
    assert document is None
    assert {p.severity for p in problems} == {"error"}


def test_lenience_does_not_hide_what_is_wrong_beside_the_unknown_fields() -> None:
    data = blueprint_data("web") | {"spec": {"extra": 1}}
    document, problems = parse_document(source(data), Blueprint, lenient=True)
    assert document is None
    assert [(p.severity, p.message) for p in problems] == [
        ("warning", "unknown field spec.extra"),
        ("error", "neither spec.version nor metadata.version is given"),
    ]


def test_a_problem_is_one_printable_line_of_bounded_length() -> None:
    data = application("web") | {"x\x1b[31m\nInput-Commit: forged": 1, "kind": "y" * 100_000}
    _, problems = parse_document(source(data), Application)
    assert len(problems) == 2
    assert all(str(p).isprintable() and len(str(p)) < 200 for p in problems)
    assert len(str(Problem(code="Any", message="y" * 100_000, file="f.yaml", hint="z" * 100_000))) < 2100


def test_the_kind_is_what_the_document_says_if_it_says_a_word() -> None:
    assert kind_of(source({"kind": "Application"})) == "Application"
    assert [kind_of(source(data)) for data in NO_KIND] == [""] * 5


NO_KIND: list[Any] = [{}, [], 1, {"kind": 1}, {"kind": ["Application"]}]

# Names that the models know, with anything under them: more likely to reach deep than wholly random data.
KNOWN = ["apiVersion", "kind", "metadata", "name", "spec", "version", "depends", "blueprint", "placements", "config", "overlays"]

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=5), inner, max_size=5),
    max_leaves=15,
)

WHOLE: list[dict[str, Any]] = [application("web"), environment(), blueprint_data("web", depends=["bp-db"])]


@given(ANYTHING, st.sampled_from(MODELS), st.booleans())
def test_any_data_gives_a_document_or_an_error(data: Any, model: type[BaseModel], lenient: bool) -> None:
    document, problems = parse_document(load(json.dumps(data).encode(), "f.yaml"), model, lenient=lenient)
    assert (document is None) == any(p.severity == "error" for p in problems)


@given(st.sampled_from(WHOLE), ANYTHING, st.data(), st.booleans())
def test_anything_in_the_place_of_a_field_gives_a_document_or_an_error(
    whole: dict[str, Any], anything: Any, data: st.DataObject, lenient: bool
) -> None:
    changed = json.loads(json.dumps(whole))
    part = data.draw(st.sampled_from([changed, changed["metadata"], changed["spec"]]))
    part[data.draw(st.sampled_from([*part, "placement", "bind", "manifests", "upgrades", "?"]))] = anything
    for model in (Application, Environment, Blueprint):
        document, problems = parse_document(load(json.dumps(changed).encode(), "f.yaml"), model, lenient=lenient)
        assert (document is None) == any(p.severity == "error" for p in problems)


@pytest.mark.timeout(60)
def test_mistakes_without_number_are_told_in_part() -> None:
    data = application("shop")
    data["spec"] |= {f"sise{n}": n for n in range(20_000)}
    document, problems = parse_document(load(dump(data), "shop.yaml"), Application)
    assert document is None
    assert len(problems) == MAX_DOCUMENT_PROBLEMS
