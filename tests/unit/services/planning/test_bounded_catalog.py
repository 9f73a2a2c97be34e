"""What one decision may ask of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.errors import TooLargeError, UnavailableError
from reconciler.services.planning.bounded_catalog import MAX_NAMES, BoundedCatalog
from tests.support.fakes import FakeCatalog

if TYPE_CHECKING:
    from collections.abc import Mapping


class CountingCatalog(FakeCatalog):
    """Counts what is listed, and moves on between two listings, as a registry does."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[str] = []

    def find(self, name: str) -> Mapping[str, tuple[str, ...]]:
        self.listed.append(name)
        return {"ghcr.io/openova": tuple(f"1.0.{n}" for n in range(self.listed.count(name)))}


def test_a_name_is_listed_once_and_the_answer_stays_during_a_decision() -> None:
    catalog = CountingCatalog()
    bounded = BoundedCatalog(catalog)
    assert [bounded.find("bp-shop") for _ in range(3)] == [{"ghcr.io/openova": ("1.0.0",)}] * 3
    assert catalog.listed == ["bp-shop"]
    assert BoundedCatalog(catalog).find("bp-shop") == {"ghcr.io/openova": ("1.0.0", "1.0.1")}


def test_names_have_a_limit_with_words() -> None:
    catalog = CountingCatalog()
    bounded = BoundedCatalog(catalog)
    for n in range(MAX_NAMES):
        bounded.find(f"bp-{n}")
    bounded.find("bp-0")
    with pytest.raises(TooLargeError, match=f"more than {MAX_NAMES} Blueprints.*split the Environment"):
        bounded.find("bp-one-more")
    assert len(catalog.listed) == MAX_NAMES


def test_after_its_time_nothing_more_is_requested() -> None:
    catalog = CountingCatalog()
    bounded = BoundedCatalog(catalog, seconds=-1)
    with pytest.raises(UnavailableError, match="goes on with the next attempt"):
        bounded.find("bp-shop")
    with pytest.raises(UnavailableError):
        bounded.get("ghcr.io/openova", "bp-shop", "1.0.0", None)
    assert catalog.listed == []
