"""From a wish to one version of everything, or to a refusal that says why."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.resolution.resolver import resolve
from reconciler.domain.validation.environment import DeclaredApplication, ValidatedInput
from reconciler.domain.versions import satisfies
from tests.support.builders import (
    SHOP,
    BlueprintCatalog,
    application,
    blueprint,
    need,
    package,
    prior,
    refused,
    resolved,
    sha,
    versions,
    wish,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from reconciler.model.blueprint import Blueprint
    from reconciler.model.problem import Problem

OTHER = "registry.example/acme"


def only(problems: tuple[Problem, ...]) -> tuple[str, str, str]:
    (problem,) = problems
    return problem.code, problem.place, str(problem)


def many(name: str, *all_versions: str, **spec: Any) -> list[Blueprint]:
    return [blueprint(name, version, **spec) for version in all_versions]


def test_the_newest_version_in_the_range_is_chosen() -> None:
    shelf = BlueprintCatalog(*many("web", "1.2.0", "1.10.0", "1.9.0", "2.0.0", "1.11.0-rc.1"))
    assert versions(resolved(wish(application("web", version="^1.2")), shelf)) == {"web": "1.10.0"}


def test_a_pre_release_is_chosen_only_where_the_range_names_one() -> None:
    shelf = BlueprintCatalog(*many("web", "1.0.0", "1.1.0-rc.1"))
    assert versions(resolved(wish(application("web")), shelf)) == {"web": "1.0.0"}
    assert versions(resolved(wish(application("web", version=">=1.1.0-rc.0")), shelf)) == {"web": "1.1.0-rc.1"}


def test_a_shared_dependency_is_one_application_in_a_version_that_suits_all() -> None:
    shelf = BlueprintCatalog(
        blueprint("web", depends=[need("db", "^1.1")]),
        blueprint("shop", depends=[need("db", "<1.3")]),
        *many("db", "1.0.0", "1.2.0", "1.3.0"),
    )
    found = resolved(wish(application("web"), application("shop")), shelf)
    assert versions(found) == {"db": "1.2.0", "shop": "1.0.0", "web": "1.0.0"}
    assert found.edges == {"db": (), "shop": ("db",), "web": ("db",)}
    assert [(n.requirer, n.range, n.written) for n in found.needs["db"]] == [
        ("shop", "<1.3", "bp-shop@1.0.0"),
        ("web", "^1.1", "bp-web@1.0.0"),
    ]


def test_a_dependency_with_values_is_dedicated_and_has_its_own_version() -> None:
    shelf = BlueprintCatalog(
        blueprint("web", depends=[need("db", "^1", values={"a": 1})]),
        blueprint("shop", depends=[need("db", "^2", values={})]),
        *many("db", "1.0.0", "2.0.0"),
    )
    found = versions(resolved(wish(application("web"), application("shop")), shelf))
    assert found == {"web": "1.0.0", "web-db": "1.0.0", "shop": "1.0.0", "shop-db": "2.0.0"}


@pytest.mark.parametrize("values", [None, {"a": 1}])
def test_a_bound_dependency_is_the_application_that_it_is_bound_to(values: Any) -> None:
    shelf = BlueprintCatalog(blueprint("web", depends=[need("db", alias="store", values=values)]), blueprint("db"))
    found = resolved(wish(application("web", bind={"store": "mine"}), application("mine", "bp-db")), shelf)
    assert found.edges == {"mine": (), "web": ("mine",)}


def test_a_dependency_can_only_be_bound_to_an_application_of_its_blueprint() -> None:
    shelf = BlueprintCatalog(blueprint("web", depends=[need("db")]), blueprint("cache"), blueprint("db"))
    code, _, text = only(refused(wish(application("web", bind={"db": "cache"}), application("cache")), shelf))
    assert code == "Conflict"
    assert "web needs bp-db *" in text
    assert "cache needs bp-cache *" in text


def test_binding_what_is_no_dependency_is_told_at_its_line() -> None:
    shelf = BlueprintCatalog(blueprint("web", depends=[need("db")]), blueprint("db"))
    code, place, text = only(refused(wish(application("web", bind={"bd": "db"}), application("db")), shelf))
    assert (code, place) == ("UnknownDependency", "applications/web.yaml:13:4")
    assert "it has db" in text


def test_dependencies_are_followed_to_any_depth() -> None:
    names = [f"a{i}" for i in range(60)]
    shelf = BlueprintCatalog(*(blueprint(a, depends=[f"bp-{b}"]) for a, b in itertools.pairwise(names)), blueprint(names[-1]))
    assert len(versions(resolved(wish(application("a0")), shelf))) == 60


def test_the_locked_version_stays_while_it_fits() -> None:
    shelf = BlueprintCatalog(*(b for v in ("1.0.0", "1.1.0") for b in (blueprint("web", v, depends=["db"]), blueprint("db", v))))
    before = prior(package("web"), package("db"))
    assert versions(resolved(wish(application("web", version="^1")), shelf, before)) == {"web": "1.0.0", "db": "1.0.0"}
    moved = resolved(wish(application("web", version="^1.1")), shelf, before)
    assert versions(moved) == {"web": "1.1.0", "db": "1.0.0"}


@pytest.mark.parametrize(
    ("installed", "reviewed", "range_", "chosen"),
    [
        ("1.0.0", "1.1.0", "^1", "1.1.0"),
        (None, "1.1.0", "^1", "1.1.0"),
        ("1.0.0", "1.1.0", "~1.0", "1.0.0"),  # what was reviewed does not fit any more, what is installed does: nothing moves
        ("1.0.0", "1.1.0", "^2", "2.1.0"),
        ("1.2.0", "1.1.0", "^1", "1.2.0"),  # nobody asked to go back
        ("1.2.0", "1.1.0", "~1.1", "1.1.0"),
        ("1.0.0", "3.0.0", ">=1", "1.0.0"),  # `blocks` is of what is installed, and not of what was reviewed
        ("1.2.0", "3.0.0", ">=1", "3.0.0"),
    ],
)
def test_what_was_reviewed_stays_where_one_can_come_to_it(installed: str | None, reviewed: str, range_: str, chosen: str) -> None:
    shelf = BlueprintCatalog(
        *many("web", "1.0.0", "1.1.0", "1.2.0", "2.1.0"), blueprint("web", "3.0.0", upgrades={"blocks": ["<1.2"]})
    )
    before = prior(package("web", installed)) if installed else {}
    found, _ = resolve(wish(application("web", version=range_)), before, shelf, preferences=prior(package("web", reviewed)))
    assert found is not None
    assert versions(found) == {"web": chosen}


def test_the_locked_artifact_stays_whatever_its_tag_points_at_now() -> None:
    found = resolved(wish(application("web")), BlueprintCatalog(blueprint("web")), prior(package("web")))
    assert found.choices["web"].artifact == package("web").artifact


def test_a_locked_artifact_that_is_gone_gives_way_to_the_same_version_published_again() -> None:
    before = prior(package("web", artifact=f"oci://{SHOP}/bp-web@{sha('gone')}"))
    assert versions(resolved(wish(application("web")), BlueprintCatalog(blueprint("web")), before)) == {"web": "1.0.0"}


@pytest.mark.parametrize("fields", [{"version": "not a version"}, {"artifact": "oci://"}, {"blueprint": "bp-other"}])
def test_a_damaged_lock_costs_only_its_preference(fields: dict[str, Any]) -> None:
    found = resolved(wish(application("web")), BlueprintCatalog(*many("web", "1.0.0", "1.1.0")), prior(package("web", **fields)))
    assert versions(found) == {"web": "1.1.0"}


def test_an_untrusted_version_is_passed_over_and_the_next_one_is_chosen() -> None:
    shelf = BlueprintCatalog(*many("web", "1.0.0", "1.1.0", "1.2.0"), untrusted=[("web", "1.2.0"), ("web", "1.1.0")])
    assert versions(resolved(wish(application("web")), shelf)) == {"web": "1.0.0"}


def test_trust_that_is_lost_blocks_and_moves_nobody() -> None:
    # Lost trust "blocks new commits that contain it, and never touches what runs".
    shelf = BlueprintCatalog(*many("web", "1.0.0", "1.1.0"), untrusted=[("web", "1.0.0")])
    (problem,) = refused(wish(application("web")), shelf, prior(package("web", version="1.0.0")))
    assert problem.code == "Untrusted"
    assert "web is locked to bp-web 1.0.0, which may no longer be used" in problem.message


def test_a_person_moves_away_from_a_version_that_lost_its_trust() -> None:
    shelf = BlueprintCatalog(*many("web", "1.0.0", "1.1.0"), untrusted=[("web", "1.0.0")])
    found = resolved(wish(application("web", version="^1.1")), shelf, prior(package("web", version="1.0.0")))
    assert found.choices["web"].verified.blueprint.version == "1.1.0"


def test_where_no_trusted_version_is_left_the_refusal_says_what_was_passed_over() -> None:
    shelf = BlueprintCatalog(*many("web", "1.0.0", "1.1.0", "2.0.0"), untrusted=[("web", "1.0.0"), ("web", "1.1.0")])
    code, place, text = only(refused(wish(application("web", version="^1")), shelf))
    assert (code, place) == ("Untrusted", "applications/web.yaml:10:15")
    assert "found 3, in range 2, signed 0: 1.1.0: no signature holds; 1.0.0: no signature holds" in text


def test_an_unknown_blueprint_is_told_at_its_name() -> None:
    code, place, text = only(refused(wish(application("web")), BlueprintCatalog()))
    assert (code, place) == ("UnknownBlueprint", "applications/web.yaml:9:12")
    assert "web needs bp-web *, which is not in any catalog" in text


def test_an_unknown_dependency_is_told_where_the_chain_to_it_begins() -> None:
    shelf = BlueprintCatalog(blueprint("web", depends=["api"]), blueprint("api", depends=[need("db", "^2")]))
    code, place, text = only(refused(wish(application("web")), shelf))
    assert (code, place) == ("UnknownBlueprint", "applications/web.yaml:9:12")
    assert "api needs bp-db ^2 (through web -> api, in bp-api@1.0.0)" in text


def test_a_range_without_a_version_names_the_newest_ones() -> None:
    code, place, text = only(refused(wish(application("web", version="^3")), BlueprintCatalog(*many("web", "1.0.0", "2.0.0"))))
    assert (code, place) == ("NoVersion", "applications/web.yaml:10:15")
    assert "the newest are 2.0.0, 1.0.0" in text


def test_all_hopeless_wishes_are_told_at_once() -> None:
    problems = refused(
        wish(application("a"), application("b", version="^9"), application("c")), BlueprintCatalog(blueprint("b"), blueprint("c"))
    )
    assert [(p.code, p.file) for p in problems] == [
        ("UnknownBlueprint", "applications/a.yaml"),
        ("NoVersion", "applications/b.yaml"),
    ]


def test_a_conflict_names_every_requirer_with_its_range_and_chain() -> None:
    shelf = BlueprintCatalog(
        blueprint("web", depends=["api"]),
        blueprint("api", depends=[need("db", "^1")]),
        blueprint("shop", depends=[need("db", "^2")]),
        *many("db", "1.0.0", "2.0.0"),
    )
    code, place, text = only(refused(wish(application("web"), application("shop")), shelf))
    assert code == "Conflict"
    assert place.startswith(("applications/shop.yaml:10", "applications/web.yaml:10"))
    assert "shop needs bp-db ^2 (bp-shop@1.0.0)" in text
    assert "web -> api needs bp-db ^1 (bp-api@1.0.0)" in text


def test_a_conflict_reads_the_same_every_time() -> None:
    names = ("u", "v", "w", "x", "y")
    shelf = BlueprintCatalog(
        blueprint("web", depends=[need("db", "^1")]), blueprint("shop", depends=[need("db", "^2")]), *many("db", "1.0.0", "2.0.0")
    )
    wanted = wish(application("shop"), *(application(name, "bp-web") for name in names))
    _, _, text = only(refused(wanted, shelf))
    told = [name for name in text.replace(";", "").split() if name in names]
    assert told == sorted(told)


def test_an_older_version_of_a_requirer_is_chosen_where_the_newest_would_conflict() -> None:
    shelf = BlueprintCatalog(
        blueprint("web", "1.0.0", depends=[need("db", "^1")]),
        blueprint("web", "2.0.0", depends=[need("db", "^2")]),
        blueprint("shop", depends=[need("db", "^1")]),
        *many("db", "1.0.0", "2.0.0"),
    )
    assert versions(resolved(wish(application("web"), application("shop")), shelf))["web"] == "1.0.0"


def test_a_name_in_two_catalogs_is_refused_until_the_application_says_which() -> None:
    shelf = BlueprintCatalog(blueprint("web"), homes={OTHER: [blueprint("web", "2.0.0")]})
    code, _, text = only(refused(wish(application("web")), shelf))
    assert code == "AmbiguousBlueprint"
    assert f"{OTHER}, {SHOP}" in text
    for catalog, version in ((SHOP, "1.0.0"), (OTHER, "2.0.0")):
        assert versions(resolved(wish(application("web", catalog=catalog)), shelf)) == {"web": version}


def test_a_dependency_in_two_catalogs_is_refused_too_until_it_is_declared() -> None:
    shelf = BlueprintCatalog(blueprint("web", depends=["db"]), blueprint("db"), homes={OTHER: [blueprint("db", "2.0.0")]})
    assert only(refused(wish(application("web")), shelf))[0] == "AmbiguousBlueprint"
    assert versions(resolved(wish(application("web"), application("db", catalog=OTHER)), shelf))["db"] == "2.0.0"


def test_a_catalog_that_does_not_have_the_blueprint_is_named() -> None:
    _, _, text = only(refused(wish(application("web", catalog=OTHER)), BlueprintCatalog(blueprint("web"))))
    assert f"which is not in the catalog {OTHER}" in text


def test_the_locked_version_of_another_catalog_is_not_taken() -> None:
    shelf = BlueprintCatalog(blueprint("web"), homes={OTHER: [blueprint("web", "2.0.0")]})
    assert versions(resolved(wish(application("web", catalog=OTHER)), shelf, prior(package("web")))) == {"web": "2.0.0"}


def test_a_cycle_is_named_whole() -> None:
    shelf = BlueprintCatalog(
        blueprint("web", depends=["api"]), blueprint("api", depends=["db"]), blueprint("db", depends=["api"])
    )
    code, place, text = only(refused(wish(application("web")), shelf))
    assert (code, place) == ("Cycle", "applications/web.yaml:8:3")
    assert "api -> db -> api" in text


def test_a_blueprint_that_needs_itself_is_a_cycle() -> None:
    assert "web -> web" in only(refused(wish(application("web")), BlueprintCatalog(blueprint("web", depends=["web"]))))[2]


def test_applications_bound_to_each_other_are_a_cycle() -> None:
    shelf = BlueprintCatalog(blueprint("a", depends=["b"]), blueprint("b", depends=["a"]))
    wanted = wish(application("x", "bp-a", bind={"b": "y"}), application("y", "bp-b", bind={"a": "x"}))
    assert "x -> y -> x" in only(refused(wanted, shelf))[2]


@pytest.mark.timeout(10)
def test_blueprints_that_each_bring_along_the_next_without_end_are_a_cycle() -> None:
    shelf = BlueprintCatalog(
        *many("a", "1.0.0", "1.1.0", depends=[need("b", values={"x": 1}), need("c", values={"x": 1})]),
        *many("b", "1.0.0", "1.1.0", depends=[need("a", values={"x": 1})]),
        *many("c", "1.0.0", "1.1.0", depends=[need("a", values={"x": 1})]),
    )
    code, _, text = only(refused(wish(application("web", "bp-a")), shelf))
    assert code == "Cycle"
    assert "bp-a -> bp-b -> bp-a" in text


def test_a_dedicated_chain_that_ends_is_no_cycle() -> None:
    shelf = BlueprintCatalog(
        blueprint("a", depends=[need("b", values={})]),
        blueprint("b", depends=[need("c", values={}), need("d")]),
        blueprint("c"),
        blueprint("d"),
    )
    assert list(versions(resolved(wish(application("a")), shelf))) == ["a", "a-b", "a-b-c", "d"]


@pytest.mark.timeout(10)
def test_a_hundred_applications_resolve_quickly() -> None:
    shelf = BlueprintCatalog(
        *many("web", *(f"1.{i}.0" for i in range(50)), depends=["db"]), *many("db", *(f"1.{i}.0" for i in range(50)))
    )
    wanted = wish(*(application(f"a{i}", "bp-web", f"^1.{i % 50}") for i in range(100)))
    assert set(versions(resolved(wanted, shelf)).values()) == {"1.49.0"}


# Small random acyclic graphs: `bp-n0` may need `bp-n1` and so on, never the other way round.
NAMES = ("n0", "n1", "n2", "n3")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
RANGES = ("*", "^1", "^2", "1.0.0", ">=1.1", "<1.1")


@st.composite
def shelves(draw: st.DrawFn) -> list[Blueprint]:
    found = []
    for index, name in enumerate(NAMES):
        for version in draw(st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=3, unique=True)):
            later = draw(st.lists(st.sampled_from(NAMES[index + 1 :]), max_size=2, unique=True)) if index + 1 < len(NAMES) else []
            found.append(blueprint(name, version, depends=[need(n, draw(st.sampled_from(RANGES))) for n in later]))
    return found


WISHES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(RANGES), min_size=1, max_size=3)


def consistent(chosen: Mapping[str, Blueprint], asked: Mapping[str, str]) -> bool:
    """Whether every demand on a choice is met, and nothing is in it that nobody demands."""
    demands = [*asked.items(), *((d.name.removeprefix("bp-"), d.version) for b in chosen.values() for d in b.spec.depends)]
    met = all(name in chosen and satisfies(chosen[name].version, range_) for name, range_ in demands)
    return met and {name for name, _ in demands} == set(chosen)


def solutions(held: list[Blueprint], asked: Mapping[str, str]) -> list[dict[str, Blueprint]]:
    """Every consistent choice, found by trying all."""
    options: list[list[Blueprint | None]] = [[None, *(b for b in held if b.name == f"bp-{name}")] for name in NAMES]
    tried = ({n: b for n, b in zip(NAMES, one, strict=True) if b is not None} for one in itertools.product(*options))
    return [one for one in tried if consistent(one, asked)]


def wanted_of(asked: Mapping[str, str]) -> ValidatedInput:
    return wish(*(application(name, version=range_) for name, range_ in asked.items()))


@settings(max_examples=200)
@given(shelves(), WISHES)
def test_a_choice_is_found_exactly_where_there_is_one_and_it_is_consistent(held: list[Blueprint], asked: dict[str, str]) -> None:
    resolution, problems = resolve(wanted_of(asked), {}, BlueprintCatalog(*held))
    if resolution is None:
        assert solutions(held, asked) == []
        assert problems
    else:
        assert consistent({name: c.verified.blueprint for name, c in resolution.choices.items()}, asked)


@given(shelves(), WISHES, st.data())
def test_a_lock_that_still_holds_is_kept_whole(held: list[Blueprint], asked: dict[str, str], data: st.DataObject) -> None:
    possible = solutions(held, asked)
    if possible:
        kept = data.draw(st.sampled_from(possible))
        before = prior(*(package(name, one.version) for name, one in kept.items()))
        assert versions(resolved(wanted_of(asked), BlueprintCatalog(*held), before)) == {
            n: b.version for n, b in sorted(kept.items())
        }


@given(shelves(), WISHES, st.randoms(use_true_random=False))
def test_the_order_of_files_and_tags_does_not_count(held: list[Blueprint], asked: dict[str, str], order: random.Random) -> None:
    wanted = wanted_of(asked)
    mixed_held, mixed = list(held), list(wanted.declared.items())
    order.shuffle(mixed_held)
    order.shuffle(mixed)
    again = resolve(ValidatedInput(wanted.environment, dict[str, DeclaredApplication](mixed)), {}, BlueprintCatalog(*mixed_held))
    assert again == resolve(wanted, {}, BlueprintCatalog(*held))


def test_a_circle_that_only_a_search_finds_is_told_as_one() -> None:
    shelf = BlueprintCatalog(
        *many("b", "1.0.0", "1.2.3", depends=["c", "d"]),
        blueprint("b", "1.2.0", depends=[need("d", "^1"), "c", "e"]),
        blueprint("b", "1.2.3+build.7", depends=[need("c", "^1")]),
        blueprint("c", "2.0.0"),
        *many("d", "1.0.0", "1.2.0", "2.0.0", depends=["e"]),
        blueprint("e", depends=[need("b", alias="back")]),
    )
    assert only(refused(wish(application("own0", "bp-b")), shelf))[0] == "Cycle"
