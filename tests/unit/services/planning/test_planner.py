"""A plan brings what was reviewed, whatever main and the Catalog do meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.errors import UnavailableError
from reconciler.model.forge import PullRequest
from tests.support.environment_files import application, files, gate_of
from tests.support.fakes import verified
from tests.support.pull_request_environment import (
    PLAN,
    EnvironmentWithPullRequests,
    HeldEnvironment,
    planned_versions,
    policies_with,
    shop_files,
)


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_reviewed_is_what_is_applied_although_a_newer_version_came(
    scene: EnvironmentWithPullRequests, restart: bool
) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.merge(3, files("shop", "blog"))
    (scene.start() if restart else running).run()
    assert scene.stage.trees("resolved")[0] == plan
    assert scene.stage.head("plan/pr-3") is None


def test_a_plan_that_was_not_made_of_what_was_merged_decides_nothing(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(files("shop", "other"))
    scene.start().run()
    assert planned_versions(scene) == {"other": "1.1.0", "shop": "1.0.0"}


def test_a_plan_that_was_not_made_again_since_something_else_was_resolved_is_still_what_was_reviewed(
    scene: EnvironmentWithPullRequests,
) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    stale = scene.stage.head("plan/pr-3")
    scene.forge.fault = UnavailableError("no answer")  # so that nobody plans anew
    scene.stage.push(files("shop", "other"))
    scene.start().run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(files("shop", "blog"))
    scene.start().run()
    assert scene.stage.head("plan/pr-3") == stale
    assert planned_versions(scene) == {"blog": "1.0.0", "shop": "1.0.0"}


@pytest.mark.parametrize(
    "trailers", ["Changes: x [", "Changes: ", "Changes: x " + "[" * 100_000, "Changes: x [1]\nBrings: shop -"]
)
def test_a_plan_that_somebody_else_pushed_keeps_nothing_up(scene: EnvironmentWithPullRequests, trailers: str) -> None:
    made = scene.stage.git("commit-tree", "resolved^{tree}", "-m", f"words\n\n{trailers}\n")
    scene.stage.git("update-ref", "refs/heads/plan/pr-4", made)
    scene.forge.closed[4] = PullRequest(4, "main", made)
    scene.propose(3, files("shop", "blog"))
    scene.stage.push(files("shop", "other"))
    scene.start().run()
    assert planned_versions(scene) == {"other": "1.0.0", "shop": "1.0.0"}
    assert "| blog | added |" in scene.text(3)


def test_where_one_is_made_upon_another_what_holds_more_is_what_was_reviewed(scene: EnvironmentWithPullRequests) -> None:
    running = scene.start()
    scene.propose(1, files("shop", "blog", "site"))
    running.run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.propose(2, files("shop", "blog"))
    running.run()
    scene.merge(1, files("shop", "blog", "site") | {"README.md": "words"})
    scene.start().run()
    assert planned_versions(scene) == {"blog": "1.0.0", "shop": "1.0.0", "site": "1.0.0"}


def test_a_plan_takes_nothing_back_that_was_resolved_since(scene: EnvironmentWithPullRequests) -> None:
    scene.stage.shelf.put(verified("bp-web", "1.0.0", "bp-shop"))
    scene.propose(3, files("shop") | {"applications/web.yaml": application("web", "bp-web")} | shop_files("~1.1"))
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.start().run()
    assert "Brings: shop sha256:" in scene.stage.message("plan/pr-3")
    scene.forge.fault = UnavailableError("no answer")
    scene.stage.shelf.put(verified("bp-shop", "1.1.1"))
    scene.stage.push(shop_files("1.1.1"))
    scene.start().run()
    scene.stage.push(shop_files("~1.1") | {"applications/web.yaml": application("web", "bp-web")})
    scene.start().run()
    assert planned_versions(scene) == {"shop": "1.1.1", "web": "1.0.0"}


def test_versions_that_were_reviewed_stay_when_main_moves_beside_them(scene: EnvironmentWithPullRequests) -> None:
    head = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    told = scene.forge.marks[head][PLAN][1].partition("; diff ")[2].partition(";")[0]
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(files("shop", "other"))
    running.run()
    assert planned_versions(scene) == {"other": "1.1.0", "shop": "1.0.0"}
    assert "| blog | added |" in scene.text(3)
    assert "bp-shop 1.0.0" in scene.text(3)
    assert told in scene.forge.marks[head][PLAN][1], "an approval stands"
    scene.propose(3, files("shop", "blog", "site"))
    running.run()
    assert "| blog | added | bp-shop 1.0.0 |" in scene.text(3)
    assert "| site | added | bp-shop 1.1.0 |" in scene.text(3)
    changed = {"applications/blog.yaml": application("blog", version="^1.0")}
    scene.propose(3, files("shop") | changed)
    running.run()
    assert "| blog | added | bp-shop 1.1.0 |" in scene.text(3), "who proposes something else gets what is newest now"


def test_what_is_only_proposed_decides_for_nobody_else(scene: EnvironmentWithPullRequests) -> None:
    running = scene.start()
    scene.propose(1, files("shop", "blog"))
    scene.propose(2, files("shop", "site"))
    running.run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.propose(3, files("shop", "blog", "site"))
    scene.propose(4, files("shop", "blog"))
    running.run()
    assert "| blog | added | bp-shop 1.0.0 |" in scene.text(1)
    assert "| blog | added | bp-shop 1.1.0 |" in scene.text(4)
    scene.merge(1, files("shop", "blog"))
    scene.merge(2, files("shop", "blog", "site"))
    running.run()
    assert planned_versions(scene) == {"blog": "1.0.0", "shop": "1.0.0", "site": "1.0.0"}


def test_what_main_waits_with_is_not_brought_by_what_is_planned_upon_it(waiting: HeldEnvironment) -> None:
    scene, running = waiting.scene, waiting.start(verified("bp-shop", "1.1.0"), wants="~1.1")
    scene.propose(3, shop_files("~1.1") | {"README.md": "words"})
    running.run()
    scene.stage.push(files("shop"))
    waiting.open()
    running.run()
    assert planned_versions(scene) == {"shop": "1.0.0"}


@pytest.mark.parametrize("wants", ["1.1.0", "^2"])
def test_what_takes_back_what_main_waits_with_moves_nothing(waiting: HeldEnvironment, wants: str) -> None:
    scene, newer = waiting.scene, [verified("bp-shop", version) for version in ("1.1.0", "2.0.0")]
    running = waiting.start(*newer, wants=wants)
    scene.propose(3, files("shop"))
    running.run()
    assert "bp-shop" not in scene.text(3)
    scene.merge(3, files("shop"))
    waiting.open()
    running.run()
    assert planned_versions(scene) == {"shop": "1.0.0"}


def test_what_main_waits_with_is_no_step_on_the_way(waiting: HeldEnvironment) -> None:
    scene, next_ = waiting.scene, verified("bp-shop", "2.0.0", upgrades={"blocks": ["<1.1"]})
    running = waiting.start(verified("bp-shop", "1.1.0"), next_, wants="~1.1")
    head = scene.propose(3, shop_files("^2"))
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "failure"
    scene.merge(3, shop_files("^2"))
    waiting.open()
    running.run()
    assert planned_versions(scene) == {"shop": "1.0.0"}


def test_what_main_moves_itself_is_not_brought_in_another_version_either(waiting: HeldEnvironment) -> None:
    newer = verified("bp-shop", "1.1.0"), verified("bp-site", "1.0.0")
    scene, running = waiting.scene, waiting.start(*newer, wants="^1.1")
    scene.stage.shelf.put(verified("bp-shop", "1.2.0"))
    site = {"applications/site.yaml": application("site", "bp-site")}
    scene.propose(3, shop_files("^1.1") | site)
    running.run()
    scene.stage.push(files("shop"))
    running.run()
    scene.merge(3, files("shop") | site)
    waiting.open()
    running.run()
    assert planned_versions(scene) == {"shop": "1.0.0", "site": "1.0.0"}


@pytest.mark.parametrize("restart", [False, True])
def test_a_plan_upon_what_main_waits_with_is_applied_as_a_whole(waiting: HeldEnvironment, restart: bool) -> None:
    newer = verified("bp-shop", "1.1.0"), verified("bp-site", "1.0.0")
    scene, running = waiting.scene, waiting.start(*newer, wants="^1.1")
    both = shop_files("^1.1") | {"applications/site.yaml": application("site", "bp-site")}
    scene.propose(3, both)
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.put(verified("bp-shop", "1.2.0"))
    scene.merge(3, both)
    waiting.open()
    (scene.start() if restart else running).run()
    assert scene.stage.trees("resolved")[0] == plan


def test_what_main_waits_with_stays_while_words_are_added(waiting: HeldEnvironment) -> None:
    scene, running = waiting.scene, waiting.start(verified("bp-shop", "1.1.0"), wants="^1.1")
    scene.stage.shelf.put(verified("bp-shop", "1.2.0"))
    scene.stage.push(shop_files("^1.1") | {"README.md": "words"})
    waiting.open()
    running.run()
    assert planned_versions(scene) == {"shop": "1.1.0"}


def test_what_waits_may_need_again_what_is_installed_and_lost_its_trust(waiting: HeldEnvironment) -> None:
    scene, shelf = waiting.scene, waiting.scene.stage.shelf
    for one in (verified("bp-db", "1.0.0"), verified("bp-web", "1.0.0", "bp-db"), verified("bp-web", "2.0.0")):
        shelf.put(one)
    web = {"environment.yaml": files()["environment.yaml"]}
    scene.stage.push(web | {"applications/web.yaml": application("web", "bp-web", "^1")})
    scene.start().run(wait=1)
    scene.retry = 0.0
    running = waiting.start(wants="*")
    scene.stage.push(web | {"applications/web.yaml": application("web", "bp-web", "^2")})
    assert running.run().blocker is not None
    again = verified("bp-web", "2.0.0", "bp-db")
    shelf.put(replace(again, artifact=f"{again.artifact.partition('@')[0]}@sha256:{'a' * 64}"))
    shelf.put_unsigned("bp-db", "1.0.0")
    blocker = running.run().blocker
    assert blocker is not None
    assert "is locked to bp-db 1.0.0, which may no longer be used" in blocker.message


@pytest.mark.parametrize("restart", [False, True])
def test_a_plan_that_somebody_else_pushed_takes_nothing_back(scene: EnvironmentWithPullRequests, restart: bool) -> None:
    old = scene.stage.git("rev-parse", "resolved^{tree}")
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(shop_files("~1.1"))
    running = scene.start()
    running.run()
    (now,) = scene.stage.lock().packages
    made = scene.stage.git("commit-tree", old, "-p", "resolved", "-m", f"words\n\nBrings: shop {now.digest}\n")
    scene.stage.git("update-ref", "refs/heads/plan/pr-9", made)
    scene.stage.push(shop_files("^1.0"))
    (scene.start() if restart else running).run()
    assert planned_versions(scene) == {"shop": "1.1.0"}


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_reviewed_is_what_is_applied_when_its_window_opens(scene: EnvironmentWithPullRequests, restart: bool) -> None:
    policies = policies_with({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)

    def clock() -> float:
        return now.timestamp()

    scene.gate = gate_of(lambda: policies, clock)
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.merge(3, files("shop", "blog"))
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    running.run()
    assert "**Merged, and not applied yet**: OutsideWindow: p: the change window opens at 2026-12-01 14:00" in scene.text(3)
    now += timedelta(hours=5)
    (scene.start() if restart else running).run()
    assert scene.stage.trees("resolved")[0] == plan
    assert "**Merged, and applied as planned**" in scene.text(3)
