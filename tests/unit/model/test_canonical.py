"""Digests over data."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.rendering.flux_objects import RenderContext, render
from reconciler.model.canonical import API_DEFAULTS, digest_of, release_digest
from tests.support.builders import FSN, lock_of, package

SPEC = {
    "interval": "10m",
    "timeout": "5m",
    "install": {"remediation": {"retries": 3}},
    "upgrade": {"remediation": {"retries": 3}},
    "driftDetection": {"mode": "enabled"},
    "values": {"a": 1},
}


def of_spec(spec: dict[str, Any]) -> str:
    return release_digest({"spec": spec})


def test_the_order_of_keys_does_not_count_and_everything_else_does() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    different = [{"a": 1}, {"a": "1"}, {"a": 1.5}, {"a": True}, {"a": None}, {}, [], {"a": [1, 2]}, {"a": [2, 1]}, {"é": 1}]
    assert len({digest_of(one) for one in different}) == len(different)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_the_same_as_go_writes_it(number: float) -> None:
    written = Decimal(repr(number))  # the fewest digits that name it; Go writes them out in full below 1e21
    back = int(written) if number.is_integer() and abs(number) < 1e21 else float(written)
    assert of_spec({"values": {"a": number}}) == of_spec({"values": {"a": back}})


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        ({"values": {"a": 1.0, "b": 1e20}}, {"values": {"a": 1, "b": 100000000000000000000}}),
        ({"values": {}}, {}),
        ({"values": {"a": None, "b": [None]}, "valuesFrom": None}, {"values": {"b": [None], "a": None}}),
        ({"uninstall": {"keepHistory": True}}, {"uninstall": {"keepHistory": True, "deletionPropagation": "background"}}),
        (SPEC, {**SPEC, "suspend": False, "dependsOn": [], "test": {}}),
        (SPEC, {**SPEC, "maxHistory": 3, "persistentClient": False}),
    ],
)
def test_it_is_the_same_after_its_way_through_an_api_server(sent: dict[str, Any], back: dict[str, Any]) -> None:
    assert of_spec(sent) == of_spec(back)


# Fields that somebody may set beside ours: server-side apply leaves them there, and each changes what runs, or what Ready means.
BESIDE_OURS: list[dict[str, Any]] = [
    {"upgrade": {"disableWait": True, "remediation": {"retries": 3}}},
    {"install": {"disableWait": True, "remediation": {"retries": 3}}},
    {"upgrade": {"preserveValues": True, "remediation": {"retries": 3}}},
    {"install": {"disableHooks": True, "remediation": {"retries": 3}}},
    {"driftDetection": {"mode": "disabled"}},
    {"driftDetection": {"mode": "enabled", "ignore": [{"paths": [""]}]}},
    {"test": {"enable": True, "ignoreFailures": True}},
    {"waitStrategy": {"name": "legacy"}},
    {"healthCheckExprs": [{"apiVersion": "v1", "kind": "A", "current": "true"}]},
    {"interval": "8760h"},
    {"timeout": "1s"},
    {"suspend": True},
    {"values": {"a": 2}},
    {"values": {"a": "1"}},
    {"values": {"a": True}},
    {"values": {"a": 1, "b": {}}},
    {"values": {"a": 1, "b": None}},
    {"valuesFrom": [{"kind": "Secret", "name": "s"}]},
    {"postRenderers": [{"kustomize": {"images": []}}]},
    {"targetNamespace": "elsewhere"},
    {"storageNamespace": "elsewhere"},
    {"serviceAccountName": "admin"},
    {"chartRef": {"kind": "OCIRepository", "name": "another"}},
    {"kubeConfig": {"secretRef": {"name": "s"}}},
    {"commonMetadata": {"annotations": {"helm.toolkit.fluxcd.io/driftDetection": "disabled"}}},
    {"inventedTomorrow": True},
]


@pytest.mark.parametrize("beside", BESIDE_OURS, ids=str)
def test_whatever_is_more_or_other_is_another_digest(beside: dict[str, Any]) -> None:
    assert of_spec({**SPEC, **beside}) != of_spec(SPEC)


(_, _, RENDERED) = render(lock_of(package("shop", values={"a": {"b": [1, "x"]}}, depends_on=["db"])), RenderContext("o", {}))[
    f"clusters/{FSN}/shop.yaml"
]
PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
EMPTY: tuple[Any, ...] = (None, [], {})


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The mappings in data."""
    if not isinstance(data, dict):
        return [] if not isinstance(data, list) else [p for i, part in enumerate(data) for p in places(part, (*path, i))]
    return [path, *(place for key, part in data.items() for place in places(part, (*path, key)))]


@given(st.sampled_from(places(RENDERED["spec"])), st.text("xyz", min_size=1, max_size=3), PLAIN)
def test_a_field_added_anywhere_in_the_rendered_spec_is_another_digest(place: tuple[Any, ...], key: str, value: Any) -> None:
    changed = copy.deepcopy(dict(RENDERED))
    part = changed["spec"]
    for step in place:
        part = part[step]
    part[key] = value
    is_dropped = place == () and value in EMPTY and not isinstance(value, bool | int)
    assert (release_digest(changed) == release_digest(RENDERED)) == is_dropped


def test_the_defaults_are_filled_in_only_where_their_parent_is() -> None:
    assert of_spec({}) == release_digest({})
    for (*parents, last), default in API_DEFAULTS.items():
        inner: dict[str, Any] = {"x": 1}
        outer: Any = inner
        for step in reversed(parents):
            outer = {step: outer}
        without = of_spec(outer)
        inner[last] = default
        assert of_spec(outer) == without
        inner[last] = "other"
        assert of_spec(outer) != without


@pytest.mark.parametrize("data", [{"spec": None}, {"spec": []}, {"metadata": 5}, {"metadata": {"labels": ["x"]}}, {}])
def test_what_has_an_odd_shape_is_as_if_it_were_not_there(data: dict[str, Any]) -> None:
    assert release_digest(data) == release_digest({})
