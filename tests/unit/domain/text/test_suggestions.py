"""Suggestions for misspelt words."""

from __future__ import annotations

import pytest

from reconciler.domain.text.suggestions import did_you_mean


def test_the_nearest_known_word_is_meant_else_all_where_they_are_few() -> None:
    assert did_you_mean("smal", ["small", "large"]) == "did you mean small?"
    assert did_you_mean("zzz", ["small", "large"]) == "known: large, small"
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("zzz", [f"word{i}" for i in range(50)]) == ""


@pytest.mark.timeout(60)
def test_a_hint_is_not_looked_for_for_ever() -> None:
    assert did_you_mean("ab" * 200_000, ["ba" * 200_000, "c"] * 20) == ""
    assert did_you_mean("abc", [f"abc{n}" for n in range(100_000)]) == ""
    assert did_you_mean("shopp-7", [f"shop-{n}" for n in range(500)]) == "did you mean shop-7?"
