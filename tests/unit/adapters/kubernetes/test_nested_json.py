"""The parts of a JSON text, however deep it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.kubernetes.nested_json import elements, members

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}]
)
PARTS = (str, list, dict)


@given(st.dictionaries(st.text(max_size=4), data, max_size=5), layouts)
def test_members_are_those_that_the_parser_finds(whole: dict[str, Any], layout: dict[str, Any]) -> None:
    found = {json.loads(key): json.loads(part) for key, part in members(json.dumps(whole, **layout).encode()).items()}
    assert found == {key: part for key, part in whole.items() if isinstance(part, PARTS)}


@given(st.lists(data, max_size=6), layouts)
def test_elements_are_those_that_the_parser_finds(whole: list[Any], layout: dict[str, Any]) -> None:
    found = [json.loads(part) for part in elements(json.dumps(whole, **layout).encode())]
    assert found == [part for part in whole if isinstance(part, PARTS)]


def test_depth_costs_nothing_but_time() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert members(b'{"a": ' + deep + b', "b": "x"}') == {b'"a"': deep, b'"b"': b'"x"'}


@given(st.binary(max_size=40) | st.text(alphabet='{}[]:,"\\ a1', max_size=40).map(str.encode))
def test_garbage_raises_nothing(text: bytes) -> None:
    members(text)
    elements(text)


@pytest.mark.parametrize("text", [b'{"a": "x', b'{"a": {"b": [', b'{"a" "b"', b"", b'"a": 1'])
def test_what_does_not_end_is_no_member(text: bytes) -> None:
    assert members(text) == {}
