"""What was used last is kept, within the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.formats.lru_cache import LruCache


def test_what_was_not_used_for_longest_goes_first() -> None:
    recent = LruCache[str](3)
    for key in "abc":
        recent.put(key, key.upper(), 1)
    assert recent.get("a") == "A"
    recent.put("d", "D", 1)
    assert [recent.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_a_value_that_is_too_heavy_is_not_kept_and_drives_nothing_out() -> None:
    recent = LruCache[str](3)
    recent.put("a", "A", 2)
    recent.put("b", "B", 4)
    assert (recent.get("a"), recent.get("b")) == ("A", None)
    recent.put("a", "A2", 4)
    assert recent.get("a") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=30))
def test_all_together_never_weigh_more_than_the_bound(puts: list[tuple[int, int]]) -> None:
    recent, weights = LruCache[int](8), dict[int, int]()
    for key, weight in puts:
        recent.put(key, weight, weight)
        weights[key] = weight
        kept = [found for key in weights if (found := recent.get(key)) is not None]
        assert sum(kept) <= 8
        assert recent.get(key) == weight
