"""Comment and commit status of a pull request: written once, restored when somebody changes them."""

from __future__ import annotations

import html

import pytest

from reconciler.domain.review.plan_comment import MARKER
from tests.support.environment_files import application, files
from tests.support.fakes import verified
from tests.support.pull_request_environment import PLAN, US, EnvironmentWithPullRequests


def test_a_pull_request_is_told_once_also_after_a_restart(scene: EnvironmentWithPullRequests) -> None:
    head = scene.propose(3, files("shop", "blog"))
    before = scene.stage.head("resolved")
    running = scene.start()
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert "| blog | added |" in scene.text(3)
    assert scene.stage.head("resolved") == before
    assert scene.stage.git("log", "-1", "--format=%P", "plan/pr-3") == before
    writes, refs = scene.forge.writes, scene.stage.git("for-each-ref")
    running.run()
    scene.start().run()
    assert (scene.forge.writes, scene.stage.git("for-each-ref")) == (writes, refs)


def test_a_status_that_somebody_overwrote_is_posted_again(scene: EnvironmentWithPullRequests) -> None:
    head = scene.propose(3, files("shop") | {"applications/blog.yaml": application("blog", version="^9")})
    running = scene.start()
    running.run()
    told = dict(scene.forge.marks[head])
    scene.forge.marks[head][PLAN] = ("success", "all is well")
    scene.pulls._posted[3].commit_statuses._ttl = 0.0  # as after a while
    running.run()
    assert scene.forge.marks[head] == told


@pytest.mark.parametrize(("stands", "kept"), [(0.0, True), (300.0, False)])
def test_a_comment_that_somebody_edited_is_restored_after_a_while(
    scene: EnvironmentWithPullRequests, stands: float, kept: bool
) -> None:
    scene.stands = stands
    scene.propose(1, files("shop") | {"applications/blog.yaml": application("blog")})
    here = scene.start()
    here.run(wait=1)
    told = scene.text(1)
    scene.forge.edit_comment("", scene.forge.talk[1][0].id, f"{MARKER}\nnothing to see")
    here.run(wait=1)
    assert (scene.text(1) == told) is kept


def test_a_comment_that_somebody_deleted_is_written_again(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(1, files("shop") | {"applications/blog.yaml": application("blog")})
    here = scene.start()
    here.run(wait=1)
    scene.forge.talk[1].clear()
    scene.stage.push(files("shop") | {"applications/site.yaml": application("site")})
    here.run(wait=1)
    assert len(scene.forge.talk[1]) == 1
    assert "Plan for acme-prod" in scene.text(1)


def test_a_comment_of_somebody_else_is_not_taken_for_ours(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.forge.say(3, "mallory", f"{MARKER}\nall is well")
    scene.start().run()
    assert [c.author for c in scene.forge.talk[3]] == ["mallory", US]
    assert scene.forge.talk[3][0].text == f"{MARKER}\nall is well"


def test_one_that_is_closed_unmerged_keeps_what_it_was_told(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    before = scene.text(3)
    scene.forge.close(3)
    running.run()
    assert (scene.text(3), scene.stage.head("plan/pr-3")) == (before, None)


@pytest.mark.parametrize("restart", [False, True])
def test_an_unusual_upgrade_is_told_however_often_it_is_planned(scene: EnvironmentWithPullRequests, restart: bool) -> None:
    scene.stage.shelf.put(verified("bp-shop", "2.0.0", upgrades={"from": ["^1.5"]}))
    scene.propose(3, files("shop") | {"applications/shop.yaml": application("shop", version="^2")})
    running = scene.start()
    running.run()
    text = scene.text(3)
    assert "shop moves from 1.0.0 to 2.0.0, which supports upgrades from ^1.5" in html.unescape(text)
    scene.stage.push(files("shop") | {"README.md": "words"})
    (scene.start() if restart else running).run()
    assert scene.text(3) == text
