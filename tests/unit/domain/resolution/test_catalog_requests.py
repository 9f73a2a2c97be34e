"""What one decision asks a catalog, however often it needs the answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from reconciler.domain.resolution.resolver import resolve
from reconciler.domain.validation.environment import MAX_PROBLEMS
from tests.support.builders import BlueprintCatalog, application, blueprint, need, wish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
    from reconciler.model.blueprint import Blueprint


class CountingCatalog(BlueprintCatalog):
    """Counts each listing and each version fetched."""

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        self.asked[name] += 1
        return super().find(name)

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        self.asked[catalog, name, version, digest] += 1
        return super().get(catalog, name, version, digest)

    def __init__(self, *blueprints: Blueprint) -> None:
        super().__init__(*blueprints)
        self.asked: Counter[object] = Counter()


@pytest.mark.parametrize("number", [1, 120, 1000])
def test_each_unknown_name_is_listed_once(number: int) -> None:
    catalog = CountingCatalog(blueprint("shop"))
    resolution, problems = resolve(wish(*(application(f"no{n}") for n in range(number))), {}, catalog)
    assert resolution is None
    assert {problem.code for problem in problems} == {"UnknownBlueprint"}
    assert len(problems) == min(number, MAX_PROBLEMS)
    assert len(catalog.asked) <= number
    assert set(catalog.asked.values()) == {1}


def test_a_known_name_is_still_suggested() -> None:
    catalog = CountingCatalog(blueprint("shop"))
    _, (problem,) = resolve(wish(application("shop"), application("shpo")), {}, catalog)
    assert problem.hint == "did you mean shop?"


def test_a_conflict_is_explained_with_each_version_fetched_once() -> None:
    versions = [blueprint("web", f"1.{n}.0", depends=[need("db", "<1.3.0")]) for n in range(5)]
    catalog = CountingCatalog(*versions, *(blueprint("db", f"1.{n}.0") for n in range(6)))
    resolution, (problem,) = resolve(wish(application("web"), application("db", version=">=1.3.0")), {}, catalog)
    assert (resolution, problem.code) == (None, "Conflict")
    assert max(catalog.asked.values()) == 1
