"""Resolutions that a reviewer got wrong, unsafe or endless on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.resolution.candidates import MAX_REFUSED
from reconciler.domain.resolution.greedy import MAX_RESOLVED_APPLICATIONS
from reconciler.domain.resolution.resolver import resolve
from reconciler.model.problem import MAX_TEXT
from tests.support.builders import BlueprintCatalog, application, blueprint, need, refused, resolved, versions, wish
from tests.unit.domain.resolution.random_catalogs import locked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
    from reconciler.model.blueprint import Blueprint
    from reconciler.model.lock import Package

MODE = {"type": "object", "properties": {"mode": {"type": "string"}}}


def many(name: str, *numbers: str, **spec: Any) -> list[Blueprint]:
    return [blueprint(name, number, **spec) for number in numbers]


def lock(**runs: Blueprint) -> Mapping[str, Package]:
    return {name.replace("_", "-"): locked(one, name.replace("_", "-")) for name, one in runs.items()}


class Unlisted(BlueprintCatalog):
    """A catalog whose list lacks versions that can still be had by their digest."""

    def __init__(self, *blueprints: Blueprint, unlisted: str, **more: Any) -> None:
        super().__init__(*blueprints, **more)
        self._unlisted = unlisted

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        return {home: [v for v in found if v != self._unlisted] for home, found in super().find(name).items()}


@pytest.mark.parametrize("there", [True, False])
def test_conditions_see_the_values_of_the_version_that_was_chosen_at_last(there: bool) -> None:
    # The first web that is tried gives db other values, and is given up.
    held = [
        blueprint("web", "2.0.0", depends=[need("db", values={"mode": "own"}), need("y", "^9" if there else "*")]),
        blueprint("web", "1.0.0", depends=[need("db", values={"mode": "shared"})]),
        blueprint("db", depends=[need("x", when="config.mode == 'own'")], configSchema=MODE),
        blueprint("y"),
    ]
    shelf = BlueprintCatalog(*held, blueprint("x")) if there else BlueprintCatalog(*held)
    assert versions(resolved(wish(application("web")), shelf)) == {"web": "1.0.0", "web-db": "1.0.0"}


def test_nothing_goes_back_to_a_version_that_lost_its_trust() -> None:
    db = many("db", "1.0.0", "1.1.0")
    web = [blueprint("web", "2.0.0", depends=[need("db", "^1.1")]), blueprint("web", "1.0.0", depends=["db"])]
    shelf = BlueprintCatalog(*web, *db, untrusted=[("db", "1.0.0")])
    found = resolved(wish(application("web"), application("db")), shelf, lock(db=db[0]))
    assert versions(found) == {"db": "1.1.0", "web": "2.0.0"}


def test_no_repair_leads_to_a_version_that_lost_its_trust() -> None:
    web = [blueprint("web", "1.0.0"), blueprint("web", "1.1.0", depends=[need("db", "^1")])]
    shop = blueprint("shop", depends=[need("db", "^2")])
    shelf = BlueprintCatalog(*web, shop, *many("db", "1.0.0", "2.0.0"), untrusted=[("web", "1.0.0")])
    wanted = wish(application("web", version="^1.1"), application("shop"))
    (problem,) = refused(wanted, shelf, lock(web=web[0], shop=shop))
    assert "1.0.0 for web instead" not in problem.hint


def test_the_way_from_a_version_that_lost_its_trust_is_told_and_leads_away() -> None:
    db = many("db", "1.0.0", "1.1.0", "1.2.0")
    web = blueprint("web", depends=[need("db", "<1.2.0")])
    shelf = BlueprintCatalog(web, *db, untrusted=[("db", "1.0.0")])
    before = lock(web=web, db=db[0])
    (by_another,) = refused(wish(application("web")), shelf, before)
    assert by_another.hint.endswith("declare it: applications/db.yaml with bp-db 1.1.0")
    assert versions(resolved(wish(application("web"), application("db", version="1.1.0")), shelf, before))["db"] == "1.1.0"
    (by_a_person,) = refused(wish(application("web"), application("db")), shelf, before)
    assert by_a_person.hint.endswith("to replace it, request bp-db 1.1.0 in applications/db.yaml")


def test_no_way_is_told_from_a_version_that_lost_its_trust_where_there_is_none() -> None:
    db = many("db", "1.0.0", "1.1.0")
    web = blueprint("web", depends=[need("db", "1.0.0")])
    (problem,) = refused(
        wish(application("web")), BlueprintCatalog(web, *db, untrusted=[("db", "1.0.0")]), lock(web=web, db=db[0])
    )
    assert problem.hint == "what runs is left running; no other version of it alone resolves this"


def test_the_way_back_is_told_where_it_leads_back() -> None:
    db = many("db", "1.2.0", "1.5.0")
    shop = blueprint("shop", depends=[need("db", "~1.2")])
    web, strict = blueprint("web", depends=["db"]), blueprint("web", depends=[need("db", "^1.5")])
    wanted = (application("web"), application("shop"))
    (problem,) = refused(wish(*wanted), BlueprintCatalog(web, shop, *db), lock(web=web, db=db[1]))
    assert problem.hint.endswith("to downgrade, declare it: applications/db.yaml with bp-db 1.2.0")
    back = resolved(wish(*wanted, application("db", version="1.2.0")), BlueprintCatalog(web, shop, *db), lock(web=web, db=db[1]))
    assert versions(back)["db"] == "1.2.0"
    (problem,) = refused(wish(*wanted), BlueprintCatalog(strict, shop, *db), lock(web=strict, db=db[1]))
    assert "go back" not in problem.hint


def test_no_repair_leads_to_a_version_without_a_dependency_that_is_bound() -> None:
    web = [blueprint("web", "1.0.0"), blueprint("web", "2.0.0", depends=[need("db", "^2")])]
    wanted = wish(application("web", version="^2", bind={"db": "x"}), application("x", "bp-db", "^1"))
    (problem,) = refused(wanted, BlueprintCatalog(*web, *many("db", "1.0.0", "2.0.0")))
    assert problem.hint.startswith("request bp-db 2.0.0 for x instead of ")


def test_no_repair_makes_a_name_that_is_too_long() -> None:
    long = "a" * 51
    held = [blueprint(long, depends=[need("db", "^1")]), blueprint("shop", depends=[need("db", "^2")])]
    wanted = wish(application(long), application("shop"))
    (problem,) = refused(wanted, BlueprintCatalog(*held, *many("db", "1.0.0", "2.0.0")), lock(shop=held[1]))
    assert "declare shop-db" in problem.hint


def test_a_clash_with_a_version_that_lost_its_trust_is_told() -> None:
    web = blueprint("web", depends=["db"])
    before = dict(lock(web=web, db=blueprint("db")))
    before["web"] = before["web"].model_copy(update={"depends_on": ["db"]})
    shelf = BlueprintCatalog(web, blueprint("db"), blueprint("other"), untrusted=[("web", "1.0.0")])
    (problem,) = refused(wish(application("web"), application("db", "bp-other")), shelf, before)
    assert "db cannot be of more than one Blueprint" in problem.message


def test_a_condition_that_fails_does_not_move_a_locked_version() -> None:
    held = [blueprint("web", "1.0.0", depends=[need("db", when="config.mode == 'own'")]), blueprint("web", "2.0.0")]
    (problem,) = refused(wish(application("web")), BlueprintCatalog(*held, blueprint("db")), lock(web=held[0]))
    assert problem.code == "InvalidExpression"
    assert "web is locked to bp-web 1.0.0, which may no longer be used: `config.mode == 'own'`" in problem.message
    moved = resolved(wish(application("web", version="^2")), BlueprintCatalog(*held, blueprint("db")), lock(web=held[0]))
    assert versions(moved) == {"web": "2.0.0"}


@pytest.mark.parametrize("others", [[], ["1.0.0"], ["1.0.0", "1.2.0"]])
def test_what_may_move_may_also_stay_where_its_version_is_listed_no_more(others: list[str]) -> None:
    web = many("web", "1.1.0", *others)
    found, problems = resolve(wish(application("web")), lock(web=web[0]), Unlisted(*web, unlisted="1.1.0"), {"web"})
    assert found is not None, problems
    assert versions(found) == {"web": "1.2.0" if "1.2.0" in others else "1.1.0"}


def test_what_may_move_does_not_move_to_another_build_that_sorts_before_it() -> None:
    web = many("web", "1.1.0+a", "1.1.0+b")
    found, problems = resolve(wish(application("web")), lock(web=web[1]), BlueprintCatalog(*web), {"web"})
    assert found is not None, problems
    assert versions(found) == {"web": "1.1.0+b"}


def test_a_name_for_two_blueprints_is_told_as_that() -> None:
    held = [blueprint("a", depends=[need("b", values={})]), blueprint("b"), blueprint("z", depends=["a-b"]), blueprint("a-b")]
    (problem,) = refused(wish(application("a"), application("z")), BlueprintCatalog(*held))
    assert "a-b cannot be of more than one Blueprint: a needs bp-b *" in problem.message
    assert "found" not in problem.message


def test_blueprints_that_bring_along_more_than_anyone_can_run_come_to_an_end() -> None:
    width, layers = 10, 6  # a million Applications
    held = [
        blueprint(f"l{layer}x{n}", depends=[need(f"l{layer + 1}x{m}", values={}) for m in range(width) if layer + 1 < layers])
        for layer in range(layers)
        for n in range(width)
    ]
    (problem,) = refused(wish(*(application(f"l0x{n}") for n in range(width))), BlueprintCatalog(*held))
    assert problem.code == "TooDeep"
    assert width ** (layers - 1) > MAX_RESOLVED_APPLICATIONS


def test_what_is_told_of_a_clash_of_many_is_bounded() -> None:
    count, word = 20, "^1.2.3 || " * 20 + "^1"
    others = [" || ".join(f"1.{m}.0" for m in range(count) if m != n) for n in range(count)]
    held = [blueprint(f"a{n:02}", depends=[need("x", others[n])]) for n in range(count)]
    wanted = wish(*(application(f"a{n:02}", version=word) for n in range(count)))
    (problem,) = refused(wanted, BlueprintCatalog(*held, *many("x", *(f"1.{n}.0" for n in range(count)))))
    assert len(problem.message) <= MAX_TEXT
    assert len(problem.hint) <= MAX_TEXT
    assert len(problem.related) <= 8


def test_a_step_on_the_way_is_no_pre_release_goes_up_and_can_be_taken() -> None:
    far = [blueprint("web", "1.0.0"), blueprint("web", "3.0.0", upgrades={"blocks": ["1.0.0"]})]
    steps = [
        blueprint("web", "2.3.0-rc.1"),
        blueprint("web", "2.2.0", depends=["gone"]),
        blueprint("web", "2.1.0", upgrades={"blocks": ["^1"]}),
        blueprint("web", "2.0.0"),
    ]
    wanted = wish(application("web", version="^3"))
    (problem,) = refused(wanted, BlueprintCatalog(*far, *steps), lock(web=far[0]))
    assert problem.hint == "upgrade to 2.0.0 first"
    (problem,) = refused(wanted, BlueprintCatalog(*far, *steps[:-1]), lock(web=far[0]))
    assert problem.hint == "see the upgrade notes of the Blueprint"
    back = [blueprint("web", "1.0.0", upgrades={"blocks": ["^2"]}), *many("web", "2.0.0", "3.0.0")]
    (problem,) = refused(wish(application("web", version="^1")), BlueprintCatalog(*back), lock(web=back[1]))
    assert problem.hint == "see the upgrade notes of the Blueprint"


def test_what_cannot_be_improved_soon_is_left_as_it_is() -> None:
    # To leave ten as they are would take to put eight into seven holes, which no search sees at once to be impossible.
    many_, holes, kept = 8, 7, [f"t{n}" for n in range(10)]
    pairs = [(a, b) for a in range(many_) for b in range(a + 1, many_)]
    held = [blueprint(f"q{a}x{b}", f"1.{x}.{y}") for a, b in pairs for x in range(holes) for y in range(holes) if x != y]
    for a in range(many_):
        for hole in range(holes):
            others = " || ".join(f"1.{x}.{hole}" for x in range(holes) if x != hole)
            depends = [need(f"q{x}x{y}", f"1.{hole}.x" if x == a else others) for x, y in pairs if a in {x, y}]
            held.append(blueprint(f"p{a}", f"1.{hole}.0", depends=depends))
    held += [one for name in kept for one in many(name, "1.0.0", "2.0.0")]
    web = blueprint("web", "2.0.0", depends=[need(name, "^2") for name in kept])
    old = blueprint("web", "1.0.0", depends=[*kept, *(f"p{n}" for n in range(many_))])
    before = lock(**{name: blueprint(name, "1.0.0") for name in kept})
    found = resolved(wish(application("web")), BlueprintCatalog(*held, web, old), before)
    assert versions(found) == {"web": "2.0.0", **dict.fromkeys(kept, "2.0.0")}


@pytest.mark.parametrize(
    ("free", "expected"),
    [({"web"}, {"db": "1.0.0", "web": "1.1.0"}), ({"web", "db"}, {"db": "2.0.0", "web": "2.0.0"}), ({"db"}, None)],
)
def test_only_what_somebody_asked_to_move_moves(free: set[str], expected: dict[str, str] | None) -> None:
    web = [*many("web", "1.0.0", "1.1.0", depends=[need("db", "^1")]), blueprint("web", "2.0.0", depends=[need("db", "^2")])]
    db = many("db", "1.0.0", "2.0.0")
    found, _ = resolve(wish(application("web")), lock(web=web[0], db=db[0]), BlueprintCatalog(*web, *db), free)
    assert found is not None
    assert versions(found) == (expected or {"db": "1.0.0", "web": "1.0.0"})


class Counted(BlueprintCatalog):
    """A catalog that counts how often a version is asked for."""

    asked = 0

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        self.asked += 1
        return super().get(catalog, name, version, digest)


UNSIGNED = [f"1.{number}.0" for number in range(10_000)]


@pytest.mark.parametrize("runs", [None, "1.5.0"])
def test_of_thousands_of_versions_that_nobody_signed_some_are_looked_at(runs: str | None) -> None:
    held = many("web", "1.0.0", *UNSIGNED[1:])
    shelf = Counted(*held, untrusted=[("web", version) for version in UNSIGNED])
    prior = lock(web=blueprint("web", runs)) if runs else {}
    (problem,) = refused(wish(application("web")), shelf, prior)
    assert problem.code == "Untrusted"
    if not runs:
        assert "found 10000, in range 10000, signed 0 of the 32 newest: 1.9999.0: no signature holds" in problem.message
    assert shelf.asked < 10 * MAX_REFUSED


def test_a_blocked_upgrade_among_thousands_that_nobody_signed_is_told_soon() -> None:
    past, newest = blueprint("web", "1.0.0"), blueprint("web", "2.0.0", upgrades={"blocks": ["<1.9000"]})
    shelf = Counted(past, *many("web", *UNSIGNED[1:]), newest, untrusted=[("web", version) for version in UNSIGNED[1:]])
    (problem,) = refused(wish(application("web", version=">1.0.0")), shelf, lock(web=past))
    assert problem.code == "UpgradeBlocked"
    assert shelf.asked < 10 * MAX_REFUSED


def test_what_is_signed_behind_some_that_nobody_signed_is_found() -> None:
    shelf = BlueprintCatalog(*many("web", *UNSIGNED[:20]), untrusted=[("web", version) for version in UNSIGNED[1:20]])
    assert versions(resolved(wish(application("web")), shelf)) == {"web": "1.0.0"}
