"""What a chart says against being installed: values put together as Helm does, and the schemas of charts inside."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.blueprints.chart_values import values_violations
from reconciler.domain.blueprints.helm_chart import Dependency, HelmChart, chart_defects


def said(chart: HelmChart, **given: Any) -> list[tuple[str, str]]:
    return [(".".join(map(str, one.path)), one.message) for one in values_violations(chart, given)]


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


@pytest.mark.parametrize(
    ("own", "given", "together"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({}, {"a": 1}, {"a": 1}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": None}}, {"a": {"y": 2}}),
        ({"a": 1}, {"a": None}, {}),
        ({}, {"a": None}, {"a": None}),
        ({"a": None}, {}, {}),
        ({"a": {"x": None, "y": {"z": None}}}, {}, {"a": {"y": {}}}),
        ({"a": {"x": None}}, {"a": {"y": 1}}, {"a": {"y": 1}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"x": 1}}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": {"y": 2}}, {"a": {"y": 2}}),
        ({"a": None}, {"a": {"y": 2}}, {"a": {"y": 2}}),
    ],
)
def test_values_are_put_together_as_helm_does(own: dict[str, Any], given: dict[str, Any], together: dict[str, Any]) -> None:
    assert said(HelmChart("web", values=own, schema={"const": together}), **given) == []
    assert len(said(HelmChart("web", values=own, schema={"const": {**together, "more": 1}}), **given)) == 1


def test_neither_side_is_changed_by_it() -> None:
    own, given = {"a": {"x": 1}}, {"a": {"x": None}, "b": {}}
    assert said(HelmChart("web", values=own, schema=closed(a={}, b={})), **given) == []
    assert (own, given) == ({"a": {"x": 1}}, {"a": {"x": None}, "b": {}})


def test_a_value_that_the_schema_rejects_is_told_with_whose_value_it_is() -> None:
    chart = HelmChart(
        "web", values={"tag": 1}, schema=closed(tag={"type": "string"}, port={"maximum": 9}, host={}) | {"required": ["host"]}
    )
    assert sorted(said(chart, port=10, prot=1)) == [
        ("host", "is required, according to the chart web"),
        ("port", "must be at most 9, according to the chart web"),
        ("prot", "is not a key that the chart web knows"),
        ("tag", "must be a string, according to the chart web about its own value"),
    ]
    assert said(chart, tag="x", host="y") == []


def test_the_draft_is_2020_12_unless_the_schema_says_another() -> None:
    newer = {"dependentRequired": {"a": ["b"]}}
    assert said(HelmChart("web", schema=newer), a=1) == [("b", "is required, according to the chart web")]
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#", **newer}
    assert said(HelmChart("web", schema=draft_7), a=1) == []
    older = {"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"a": {"maximum": 3, "exclusiveMaximum": True}}}
    assert [way for way, _ in said(HelmChart("web", schema=older), a=3)] == ["a"]


def test_formats_are_asserted_for_the_drafts_for_which_helm_asserts_them() -> None:
    by_format = {"properties": {"a": {"type": "string", "format": "hostname"}}}
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#", **by_format}
    assert said(HelmChart("web", schema=by_format), a="my_host") == []
    assert said(HelmChart("web", schema=draft_7), a="my_host") == [("a", "must be a host name, according to the chart web")]


SUB = HelmChart("db", values={"size": 1, "name": "x"}, schema=closed(size={"type": "integer"}, name={}, **{"global": {}}))


def test_charts_inside_check_their_part_with_their_own_values() -> None:
    assert said(HelmChart("web", subcharts=(SUB,)), db={"size": 2}) == []
    assert said(HelmChart("web", subcharts=(SUB,)), db={"size": "2"}) == [
        ("db.size", "must be a whole number, according to the chart db")
    ]
    assert said(HelmChart("web", values={"db": {"size": "2"}}, subcharts=(SUB,))) == [
        ("db.size", "must be a whole number, according to the chart db about its own value")
    ]
    assert said(HelmChart("web", subcharts=(SUB,)), db=1) == [
        ("db", "must be a mapping, according to the chart web: it holds the values of a subchart")
    ]


def test_the_outer_chart_sees_the_values_of_those_inside() -> None:
    outer = HelmChart("web", subcharts=(SUB,), schema=closed(db={"required": ["size", "name"]}))
    assert said(outer) == []


def test_globals_go_inward_and_the_outer_ones_win() -> None:
    inner = HelmChart(
        "db", values={"global": {"a": 1, "b": 1}}, schema={"properties": {"global": {"const": {"a": 2, "b": 1, "c": 2}}}}
    )
    middle = HelmChart("mid", subcharts=(inner,), values={"global": {"c": 2}})
    assert said(HelmChart("web", subcharts=(middle,)), **{"global": {"a": 2}}) == []


@pytest.mark.parametrize(
    ("switch", "given", "on"),
    [
        ({"condition": ("db.enabled",)}, {"db": {"enabled": False}}, False),
        ({"condition": ("db.enabled",)}, {"db": {"enabled": True}}, True),
        ({"condition": ("db.enabled",)}, {}, True),
        ({"condition": ("db.enabled", "useDb")}, {"useDb": False}, False),
        ({"condition": ("useDb", "db.enabled")}, {"useDb": True, "db": {"enabled": False}}, True),
        ({"condition": ("useDb",)}, {"useDb": "no"}, True),
        ({"tags": ("data",)}, {"tags": {"data": False}}, False),
        ({"tags": ("data", "all")}, {"tags": {"data": False, "all": True}}, True),
        ({"tags": ("data",)}, {}, True),
        ({"tags": ("data",), "condition": ("useDb",)}, {"tags": {"data": False}, "useDb": True}, True),
    ],
)
def test_a_chart_that_is_turned_off_has_nothing_to_say(switch: dict[str, Any], given: dict[str, Any], on: bool) -> None:
    inner = HelmChart("db", "1.0.0", schema={"required": ["never"]})
    assert bool(said(HelmChart("web", subcharts=(inner,), dependencies=(Dependency("db", "1.x", **switch),)), **given)) is on
    deeper = HelmChart("mid", "1.0.0", subcharts=(inner,), dependencies=(Dependency("db", "1.x", condition=("db.enabled",)),))
    outer = HelmChart("web", subcharts=(deeper,), dependencies=(Dependency("mid", "*"),))
    assert said(outer, mid={"db": {"enabled": False}}) == []


def test_a_chart_turned_off_leaves_no_values_behind() -> None:
    inner = HelmChart("db", "1.0.0", values={"size": 1})
    declared = Dependency("db", "^1", condition=("useDb",))
    assert said(HelmChart("web", subcharts=(inner,), dependencies=(declared,), schema=closed(useDb={})), useDb=False) == []


# Hollow ones

LIBRARY = HelmChart("common", library=True)


@pytest.mark.parametrize(
    ("chart", "words"),
    [
        (HelmChart("web"), None),
        (HelmChart("web", renders=False, subcharts=(HelmChart("db"),)), None),
        (HelmChart("web", renders=False, subcharts=(HelmChart("mid", renders=False, subcharts=(HelmChart("db"),)),)), None),
        (HelmChart("web", subcharts=(LIBRARY,)), None),
        (LIBRARY, None),
        (HelmChart("web", renders=False), "bundles no chart that has one"),
        (HelmChart("web", renders=False, subcharts=(LIBRARY,)), "bundles library charts only"),
        (HelmChart("web", renders=False, subcharts=(HelmChart("mid", renders=False, subcharts=(LIBRARY,)),)), "bundles"),
        (
            HelmChart("web", renders=False, dependencies=(Dependency("db"), Dependency("mq"))),
            "lacks dependencies: it declares db, mq and does not bundle it",
        ),
        (HelmChart("web", dependencies=(Dependency("db"),)), "lacks dependencies: it declares db"),
    ],
)
def test_a_chart_that_installs_nothing_or_not_all_is_told(chart: HelmChart, words: str | None) -> None:
    found = list(chart_defects(chart))
    assert len(found) == (words is not None)
    assert words is None or words in found[0]
