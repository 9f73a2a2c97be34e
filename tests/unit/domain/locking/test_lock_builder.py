"""From a resolution to the lock: placements, names, values, and one digest over what is to run."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.blueprints.helm_chart import HelmChart
from reconciler.model.lock import EnvironmentLock, entry_digest
from tests.support.builders import (
    EVIDENCE,
    FSN,
    NBG,
    BlueprintCatalog,
    application,
    blueprint,
    environment,
    locked,
    need,
    pinned,
    wish,
)

BOTH = environment(FSN, NBG)


def placed(one: dict[str, Any], **rule: Any) -> list[str]:
    shelf = BlueprintCatalog(blueprint("web", placementSchema=rule))
    return locked(wish(one, env=BOTH), shelf)["web"].placements


def told(*applications: dict[str, Any], shelf: BlueprintCatalog, env: dict[str, Any] = BOTH) -> list[tuple[str, str, str]]:
    lock, problems = pinned(wish(*applications, env=env), shelf)
    assert lock is None
    return [(p.code, p.file, p.message) for p in problems]


def test_a_package_says_all_that_documents_md_asks_for() -> None:
    shelf = BlueprintCatalog(blueprint("web", "1.3.0", depends=[need("db", "^1", values={"a": 1})]), blueprint("db", "1.1.0"))
    packages = locked(wish(application("web", version="^1.3", config={"x": 1})), shelf)
    web, db = packages["web"], packages["web-db"]
    assert (web.blueprint, web.version, web.depends_on, web.placements, web.values) == (
        "bp-web",
        "1.3.0",
        ["web-db"],
        [FSN],
        {"x": 1},
    )
    assert (web.artifact.partition("@")[0], web.digest) == (
        "oci://registry.example/openova/bp-web",
        web.artifact.partition("@")[2],
    )
    assert [r.model_dump(by_alias=True) for r in web.required_by] == [
        {"application": "web", "range": "^1.3", "in": "applications/web.yaml"}
    ]
    assert [r.model_dump(by_alias=True) for r in db.required_by] == [{"application": "web", "range": "^1", "in": "bp-web@1.3.0"}]
    assert (db.values, db.evidence, db.suspend) == ({"a": 1}, EVIDENCE, False)


def test_packages_are_sorted_and_equal_wishes_give_equal_locks() -> None:
    shelf = BlueprintCatalog(blueprint("web", depends=["db"]), blueprint("api", depends=["db"]), blueprint("db"))
    one, _ = pinned(wish(application("web"), application("api")), shelf)
    two, _ = pinned(wish(application("api"), application("web")), shelf)
    assert one == two
    assert isinstance(one, EnvironmentLock)
    assert [p.application for p in one.packages] == ["api", "db", "web"]
    assert (one.metadata.name, one.flux_namespace) == ("acme-prod", "flux-system")


@pytest.mark.parametrize(
    ("placement", "rule", "clusters"),
    [
        ({}, {}, [FSN, NBG]),
        ({"regions": ["nbg"]}, {}, [NBG]),
        ({"mode": "single-region"}, {}, [FSN]),
        ({"mode": "single-region", "regions": ["nbg"]}, {}, [NBG]),
        ({"mode": "active-active"}, {"modes": ["active-active"], "minRegions": 2}, [FSN, NBG]),
        ({}, {"modes": ["single-region", "active-active"], "default": "single-region"}, [FSN]),
        ({"mode": "active-active"}, {"modes": ["single-region", "active-active"], "default": "single-region"}, [FSN, NBG]),
        ({"regions": ["nbg", "fsn"]}, {"maxRegions": 2}, [FSN, NBG]),
    ],
)
def test_where_an_application_runs(placement: dict[str, Any], rule: dict[str, Any], clusters: list[str]) -> None:
    assert placed(application("web", placement=placement), **rule) == clusters


@pytest.mark.parametrize(
    ("placement", "rule", "words"),
    [
        ({"mode": "active-active"}, {"modes": ["single-region"]}, "cannot be placed active-active"),
        ({"regions": ["fsn"]}, {"minRegions": 2}, "supports at least 2"),
        ({"regions": ["fsn", "nbg"]}, {"maxRegions": 1}, "supports exactly 1"),
        ({"mode": "single-region", "regions": ["fsn", "nbg"]}, {}, "as single-region supports exactly 1"),
        ({}, {"maxRegions": 1}, "supports exactly 1"),
        ({}, {"minRegions": 3}, "supports at least 3"),
        ({"mode": "active-active"}, {"minRegions": 3, "maxRegions": 5}, "supports at least 3 and at most 5"),
    ],
)
def test_a_placement_that_the_blueprint_does_not_allow_is_refused(
    placement: dict[str, Any], rule: dict[str, Any], words: str
) -> None:
    ((code, file, message),) = told(
        application("web", placement=placement), shelf=BlueprintCatalog(blueprint("web", placementSchema=rule))
    )
    assert (code, file) == ("InvalidPlacement", "applications/web.yaml")
    assert words in message


@pytest.mark.parametrize("modes", [{}, {"modes": ["single-region", "active-active"]}])
def test_a_misspelt_mode_is_never_taken_for_every_region(modes: dict[str, Any]) -> None:
    lock, problems = pinned(
        wish(application("web", placement={"mode": "single-regoin"}), env=BOTH),
        BlueprintCatalog(blueprint("web", placementSchema=modes)),
    )
    assert lock is None
    assert [(p.place, p.hint) for p in problems] == [("applications/web.yaml:13:12", "did you mean single-region?")]


def test_what_nobody_declared_runs_wherever_someone_needs_it() -> None:
    shelf = BlueprintCatalog(
        blueprint("a", depends=["mid"]), blueprint("b", depends=["db"]), blueprint("mid", depends=["db"]), blueprint("db")
    )
    packages = locked(
        wish(application("a", placement={"regions": ["fsn"]}), application("b", placement={"regions": ["nbg"]}), env=BOTH), shelf
    )
    assert {name: p.placements for name, p in packages.items()} == {"a": [FSN], "b": [NBG], "db": [FSN, NBG], "mid": [FSN]}


def test_a_declared_dependency_must_run_wherever_it_is_needed() -> None:
    shelf = BlueprintCatalog(blueprint("web", depends=["db"]), blueprint("db"))
    ((code, file, message),) = told(application("web"), application("db", placement={"regions": ["fsn"]}), shelf=shelf)
    assert (code, file) == ("NotPlaced", "applications/db.yaml")
    assert f"db does not run on {NBG}, where web needs it" in message


@pytest.mark.parametrize(
    ("name", "dependency", "code"),
    [
        ("a" * 40, need("b" * 20, values={}), "NameTooLong"),
        ("kube", need("system", values={}), "ReservedName"),
        ("flux", need("system", values={}), "ReservedName"),
        ("web", need("default"), "ReservedName"),
        ("web", need("kustomization"), "ReservedName"),
        ("web", need("ends-with-"), "ReservedName"),
        ("web", need("1st"), "ReservedName"),
        ("web", need("gitops"), "ReservedName"),
    ],
)
def test_a_dependency_whose_name_will_not_do_is_refused_where_it_is_asked_for(
    name: str, dependency: dict[str, Any], code: str
) -> None:
    shelf = BlueprintCatalog(blueprint("x", depends=[dependency]), blueprint(dependency["blueprint"].removeprefix("bp-")))
    ((found, file, _),) = told(application(name, "bp-x"), shelf=shelf, env=environment(fluxNamespace="gitops"))
    assert (found, file) == (code, f"applications/{name}.yaml")


CHART = HelmChart("web", values={"replicas": 1}, schema={"properties": {"replicas": {"maximum": 3}, "host": {"type": "string"}}})


def test_what_the_chart_rejects_is_told_at_the_line_of_the_config() -> None:
    shelf = BlueprintCatalog(blueprint("web"), charts={"bp-web": CHART})
    lock, problems = pinned(wish(application("web", config={"host": "x", "replicas": 9})), shelf)
    assert lock is None
    assert [(p.code, p.place, p.message) for p in problems] == [
        ("InvalidConfig", "applications/web.yaml:14:16", "config.replicas: must be at most 3, according to the chart web")
    ]
    assert locked(wish(application("web", config={"replicas": 3})), shelf)["web"].values == {"replicas": 3}


def test_the_chart_is_asked_only_about_values_that_the_blueprint_accepts() -> None:
    one = blueprint("web", configSchema={"properties": {"replicas": {"maximum": 5}}})
    _, problems = pinned(wish(application("web", config={"replicas": 9})), BlueprintCatalog(one, charts={"bp-web": CHART}))
    assert [p.message for p in problems] == ["config.replicas: must be at most 5"]


def test_values_that_a_chart_gets_from_blueprints_are_told_where_the_need_began() -> None:
    shelf = BlueprintCatalog(
        blueprint("app", depends=[need("web", values={"replicas": 9})]), blueprint("web"), charts={"bp-web": CHART}
    )
    _, problems = pinned(wish(application("app")), shelf)
    assert [(p.place, p.message) for p in problems] == [
        (
            "applications/app.yaml:8:3",
            "the dependency app-web, of bp-web 1.0.0: config.replicas: must be at most 3, according to the chart web",
        )
    ]


def test_all_problems_are_told_at_once() -> None:
    shelf = BlueprintCatalog(
        blueprint("a", configSchema={"additionalProperties": False}), blueprint("b", placementSchema={"maxRegions": 1})
    )
    found = told(application("a", config={"x": 1}, size="s"), application("b"), shelf=shelf)
    assert sorted(code for code, _, _ in found) == ["InvalidConfig", "InvalidPlacement", "UnknownSize"]


def test_the_entry_in_the_lock_is_over_the_package_as_it_stands_there() -> None:
    lock, _ = pinned(wish(application("web", config={"x": 1}, suspend=True)), BlueprintCatalog(blueprint("web")))
    assert lock is not None
    (package,) = lock.packages
    assert package.suspend
    assert package.entry == entry_digest(lock, package)


def test_placements_reach_through_every_level_in_whatever_order_applications_are_named() -> None:
    chain = [blueprint("a", depends=["m"]), blueprint("m", depends=["b"]), blueprint("b", depends=["z"]), blueprint("z")]
    packages = locked(wish(application("a", placement={"regions": ["nbg"]}), env=BOTH), BlueprintCatalog(*chain))
    assert {name: package.placements for name, package in packages.items()} == {key: [NBG] for key in "abmz"}


def test_all_that_is_not_placed_where_it_is_needed_is_told_in_one_order() -> None:
    shelf = BlueprintCatalog(
        blueprint("x", depends=["b", "a"]), blueprint("b", depends=["c"]), blueprint("a", depends=["c"]), blueprint("c")
    )
    narrow = [application(name, placement={"regions": ["fsn"]}) for name in "cba"]
    wide = application("x", placement={"regions": ["fsn", "nbg"]})
    orders = [told(*applications, shelf=shelf) for applications in ([wide, *narrow], [*narrow, wide], [*narrow[::-1], wide])]
    assert [file for _, file, _ in orders[0]] == ["applications/a.yaml", "applications/b.yaml"]
    assert orders[0] == orders[1] == orders[2]
