"""Substitution of Flux's placeholders in text."""

from __future__ import annotations

import pytest

from reconciler.domain.flux_import.substitutions import substitute

# Placeholders and values


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a: ${N}", "a: 3"),
        ("a: ${N:=1}-${N:-1}", "a: 3-3"),
        ("a: ${OTHER} $N $(N) ${{N}}", "a: ${OTHER} $N $(N) ${{N}}"),
        ("a: $${N}", "a: $${N}"),
    ],
)
def test_placeholders_are_filled_in_before_the_text_is_parsed(text: str, filled: str) -> None:
    assert substitute(text, {"N": "3"}) == filled
