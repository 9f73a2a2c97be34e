"""Digests over data."""

from __future__ import annotations

from reconciler.decide.canonical import digest_of


def test_the_order_of_keys_does_not_count_and_everything_else_does() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    different = [{"a": 1}, {"a": "1"}, {"a": 1.5}, {"a": True}, {"a": None}, {}, [], {"a": [1, 2]}, {"a": [2, 1]}, {"é": 1}]
    assert len({digest_of(one) for one in different}) == len(different)
