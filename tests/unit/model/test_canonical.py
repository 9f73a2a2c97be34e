"""Digests over data."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.canonical import digest_of, release_spec_digest


def test_the_order_of_keys_does_not_count_and_everything_else_does() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    different = [{"a": 1}, {"a": "1"}, {"a": 1.5}, {"a": True}, {"a": None}, {}, [], {"a": [1, 2]}, {"a": [2, 1]}, {"é": 1}]
    assert len({digest_of(one) for one in different}) == len(different)


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        ({"values": {"a": 1.0, "b": 1e20}}, {"values": {"a": 1, "b": 100000000000000000000}}),
        ({"values": {}}, {}),
        ({"values": {"a": None, "b": [None]}, "valuesFrom": None}, {"values": {"b": [None], "a": None}}),
        ({"values": {"a": 1}}, {"values": {"a": 1}, "interval": "5m", "suspend": True, "timeout": "1m"}),
    ],
)
def test_what_runs_is_the_same_after_its_way_through_an_api_server(sent: dict[str, Any], back: dict[str, Any]) -> None:
    assert release_spec_digest(sent) == release_spec_digest(back)


@pytest.mark.parametrize(
    "other",
    [
        {"values": {"a": 2}},
        {"values": {"a": "1"}},
        {"values": {"a": True}},
        {"values": {"a": 1, "b": {}}},
        {"values": {"a": 1, "b": None}},
        {"values": {"a": 1}, "valuesFrom": [{"kind": "Secret", "name": "s"}]},
        {"values": {"a": 1}, "postRenderers": [{"kustomize": {"images": []}}]},
        {"values": {"a": 1}, "targetNamespace": "elsewhere"},
        {"values": {"a": 1}, "chartRef": {"kind": "OCIRepository", "name": "another"}},
        {"values": {"a": 1}, "kubeConfig": {"secretRef": {"name": "s"}}},
    ],
)
def test_whatever_makes_something_else_run_is_another_digest(other: dict[str, Any]) -> None:
    assert release_spec_digest({"values": {"a": 1}}) != release_spec_digest(other)
