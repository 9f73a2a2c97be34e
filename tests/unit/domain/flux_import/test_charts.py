"""Chart versions of Helm as npm ranges."""

from __future__ import annotations

import pytest

from reconciler.domain.flux_import.charts import as_npm_range

# Charts


@pytest.mark.parametrize(
    ("written", "npm"),
    [
        ("1.1.1", "1.1.1"),
        ("v1.1.1", "1.1.1"),
        ("=1.1.1", "1.1.1"),
        (">= 1.0, < 2.0", ">=1.0 <2.0"),
        (">=1.0,<2.0", ">=1.0 <2.0"),
        ("~> 1.2", "~1.2"),
        ("^v1.2", "^1.2"),
        ("1.x || ^2", "1.x || ^2"),
        ("1.0 - 1.4", "1.0 - 1.4"),
        (">=1.0.0-0", ">=1.0.0-0"),
        ("", "*"),
    ],
)
def test_ranges_in_the_words_of_helm_are_said_in_those_of_npm(written: str, npm: str) -> None:
    assert as_npm_range(written) == npm
