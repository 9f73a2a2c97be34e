"""Every shape in which Blueprints come, and what stands against one."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.blueprints.blueprint_rules import blueprint_defects, blueprint_faults
from reconciler.domain.validation.document_parser import parse_document
from reconciler.model.blueprint import Blueprint
from tests.support.builders import blueprint, blueprint_data, need, source


def read(data: dict[str, Any]) -> Blueprint:
    document, problems = parse_document(source(data), Blueprint)
    assert document is not None, problems
    return document


def whole(metadata: dict[str, Any], spec: dict[str, Any], api: str = "v1alpha1") -> dict[str, Any]:
    return {"apiVersion": f"catalyst.openova.io/{api}", "kind": "Blueprint", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    "data",
    [
        whole({"name": "bp-web"}, {"version": "1.2.3"}),
        whole({"name": "web"}, {"version": "1.2.3"}),
        whole({"name": "web", "version": "1.2.3"}, {}),
        whole({"name": "bp-web", "version": "1.2.3"}, {"version": "1.2.3"}, "v1"),
    ],
)
def test_name_and_version_are_read_wherever_they_stand(data: dict[str, Any]) -> None:
    assert (read(data).name, read(data).version) == ("bp-web", "1.2.3")


@pytest.mark.parametrize(
    ("metadata", "spec", "words"),
    [({}, {}, "neither"), ({"version": "1.0.0"}, {"version": "1.0.1"}, "give one of them")],
)
def test_no_version_or_two_different_ones_are_refused(metadata: dict[str, Any], spec: dict[str, Any], words: str) -> None:
    document, problems = parse_document(source(whole({"name": "web"} | metadata, spec)), Blueprint)
    assert document is None
    assert words in problems[0].message


@pytest.mark.parametrize(
    ("written", "name", "version", "key", "values"),
    [
        ("bp-db", "bp-db", "*", "db", None),
        ("db", "bp-db", "*", "db", None),
        ({"blueprint": "db"}, "bp-db", "*", "db", None),
        ({"blueprint": "bp-db", "version": "^1.0"}, "bp-db", "^1.0", "db", None),
        ({"blueprint": "bp-db", "alias": "main", "values": {"a": 1}}, "bp-db", "*", "main", {"a": 1}),
    ],
)
def test_dependencies_are_words_or_objects(written: Any, name: str, version: str, key: str, values: Any) -> None:
    (found,) = read(blueprint_data("web", depends=[written])).spec.depends
    assert (found.name, found.version, found.bind_key, found.values) == (name, version, key, values)


@pytest.mark.parametrize(
    "manifests",
    [None, {}, {"chart": "./chart"}, {"source": {"kind": "HelmChart", "ref": "https://charts.example/web"}}],
)
def test_a_chart_may_lie_anywhere_or_go_unsaid(manifests: Any) -> None:
    given: dict[str, Any] = {} if manifests is None else {"manifests": manifests}
    data = blueprint_data("web", **given)
    assert list(blueprint_faults(read(data))) == []


def test_all_optional_parts_are_read() -> None:
    spec: dict[str, Any] = {
        "visibility": "unlisted",
        "owner": {"team": "web", "contact": "web@example"},
        "card": {"title": "Web", "tags": ["a"], "anything": {"else": 1}},
        "configSchema": {
            "type": "object",
            "properties": {"a": {"oneOf": [{"type": "string"}, {"type": "null"}], "x-catalyst-ui-a": 1}},
        },
        "placementSchema": {"modes": ["single-region"], "minRegions": 1, "maxRegions": 3, "default": "single-region"},
        "overlays": {"small": {"replicas": 1}},
        "upgrades": {"from": ["1.x"], "blocks": ["0.x"]},
        "outputs": {"url": {"from": "x"}},
        "rotation": [{"secret": "a"}],
        "observability": {"metrics": "prometheus"},
    }
    assert list(blueprint_faults(read(blueprint_data("web", **spec)))) == []


def test_a_blueprint_that_agrees_with_tag_and_chart_has_no_faults() -> None:
    assert blueprint_defects(blueprint("web"), {"name": "bp-web", "version": "1.0.0"}, "bp-web", "1.0.0") == ()
    assert blueprint_defects(blueprint("web"), {"name": "web", "version": "1.0.0"}, "bp-web", "1.0.0") == ()


@pytest.mark.parametrize(
    ("chart", "tag", "words"),
    [
        ({"name": "bp-web", "version": "1.0.0"}, "1.0.1", "its blueprint.yaml describes bp-web 1.0.0"),
        ({"name": "bp-web", "version": "1.0.1"}, "1.0.0", "its Chart.yaml describes bp-web 1.0.1"),
        ({"name": "other", "version": "1.0.0"}, "1.0.0", "its Chart.yaml describes other 1.0.0"),
        ({}, "1.0.0", "its Chart.yaml describes None None"),
        ({"name": "bp-web", "version": 1.0}, "1.0.0", "its Chart.yaml describes bp-web 1.0"),
        ({"name": "bp-web", "version": "1.0.0", "type": "library"}, "1.0.0", "a library chart"),
    ],
)
def test_drift_between_tag_chart_and_blueprint_is_a_fault(chart: dict[str, Any], tag: str, words: str) -> None:
    assert words in "; ".join(blueprint_defects(blueprint("web"), chart, "bp-web", tag))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"manifests": {"source": {"kind": "Kustomize", "ref": "x"}}}, "only Helm charts"),
        ({"depends": [need("db", "banana")]}, "not a version range"),
        (
            {"depends": [need("db", when="{{ .confg.a }}")]},
            "its dependency bp-db has a `when` that cannot be used: `.confg.a` reads confg, which does not exist; did you",
        ),
        (
            {"depends": [need("db", values={"a": {"b": ["{{ .config. }}"]}})]},
            "its dependency bp-db has values that cannot be used: a.b.0: `.config.` is not an expression in CEL: ",
        ),
        ({"depends": [need("db", alias="x"), need("cache", alias="x")]}, "two of its dependencies have the key x"),
        ({"depends": [need("db", alias="x", values={"a": 1}), need("db", alias="y", values={"a": 2})]}, "same Application name"),
        ({"configSchema": {"type": "banana"}}, "configSchema cannot be used"),
    ],
)
def test_what_cannot_be_installed_is_a_fault(spec: dict[str, Any], words: str) -> None:
    (fault,) = blueprint_faults(blueprint("web", **spec))
    assert words in fault


def test_expressions_are_no_fault() -> None:
    depends = [need("db", when="{{ .config.db == 'own' }}", values={"name": "{{ .application.name }}"})]
    assert list(blueprint_faults(blueprint("web", depends=depends))) == []


def test_a_version_must_be_a_semantic_one() -> None:
    (fault,) = blueprint_faults(blueprint("web", "latest"))
    assert "not a semantic version" in fault
