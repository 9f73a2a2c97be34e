"""The graph of a lock, drawn."""

from __future__ import annotations

import pytest

from reconciler.domain.locking.dependency_graph import is_declared, mermaid, tree, why
from reconciler.model.lock import EnvironmentLock, Requirer
from tests.support.builders import lock_of, package


def by(application: str, range_: str = "*", file: str = "bp-x@1.0.0") -> Requirer:
    return Requirer(application=application, range=range_, in_=file)


@pytest.fixture
def lock() -> EnvironmentLock:
    """Two that people declared, both of which need an api, which needs a database."""
    return lock_of(
        package("api", depends_on=["db"], required_by=[by("shop", "^1"), by("web")]),
        package("db", required_by=[by("api", "~1.0")]),
        package("shop", depends_on=["api"], required_by=[by("shop", "^1", "applications/shop.yaml")]),
        package("web", depends_on=["api"], required_by=[by("web", "*", "applications/web.yaml")]),
    )


def test_a_tree_begins_at_what_nobody_needs_and_shows_what_is_shared_once(lock: EnvironmentLock) -> None:
    rows = [(row.depth, row.package.application, row.requirer.range if row.requirer else None, row.again) for row in tree(lock)]
    assert rows == [
        (0, "shop", None, False),
        (1, "api", "^1", False),
        (2, "db", "~1.0", False),
        (0, "web", None, False),
        (1, "api", "*", True),
    ]


def test_why_goes_up_to_what_people_declared(lock: EnvironmentLock) -> None:
    rows = [(row.depth, row.package.application, row.requirer.range if row.requirer else None) for row in why(lock, "db")]
    assert rows == [(0, "db", None), (1, "api", "~1.0"), (2, "shop", "^1"), (2, "web", "*")]
    assert [is_declared(row.package) for row in why(lock, "db")] == [False, False, True, True]
    with pytest.raises(KeyError):
        why(lock, "nothing")


def test_a_declared_application_that_others_need_too_stands_below_them(lock: EnvironmentLock) -> None:
    declared = lock_of(*(p for p in lock.packages if p.application != "db"), package("db", required_by=[by("api"), by("db")]))
    assert [row.package.application for row in tree(declared)] == ["shop", "api", "db", "web", "api"]
    assert is_declared(next(row.package for row in why(declared, "db")))


def test_mermaid_draws_each_once(lock: EnvironmentLock) -> None:
    assert mermaid(lock) == (
        "flowchart LR\n"
        '  n0(["api<br/>bp-api 1.0.0"])\n'
        '  n1(["db<br/>bp-db 1.0.0"])\n'
        '  n2["shop<br/>bp-shop 1.0.0"]\n'
        '  n3["web<br/>bp-web 1.0.0"]\n'
        "  n0 --> n1\n"
        "  n2 --> n0\n"
        "  n3 --> n0\n"
    )


def test_a_graph_with_a_million_ways_through_it_is_drawn_all_the_same() -> None:
    layers = 20
    names = [[f"l{layer}-{side}" for side in "ab"] for layer in range(layers)]
    packages = [
        package(
            name,
            depends_on=names[layer + 1] if layer + 1 < layers else [],
            required_by=[by(above) for above in (names[layer - 1] if layer else [name])],
        )
        for layer, row in enumerate(names)
        for name in row
    ]
    assert len(tree(lock_of(*packages))) < 100
    assert len(why(lock_of(*packages), "l19-a")) < 100


def test_a_chain_may_be_longer_than_python_recurses() -> None:
    names = [f"n{number:04}" for number in range(2000)]
    packages = [package(a, depends_on=[b], required_by=[by(x)]) for x, a, b in zip(names, names[1:], names[2:], strict=False)]
    assert len(tree(lock_of(*packages))) == len(packages)
    assert len(why(lock_of(*packages), packages[-1].application)) == len(packages)
