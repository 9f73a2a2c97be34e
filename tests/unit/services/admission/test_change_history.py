"""Accounting for every commit of `main` since what was last admitted, by whichever route it came."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.forge import MergedPullRequest
from reconciler.services.admission.change_history import MAX_CHANGES
from tests.support.environment_files import application, files
from tests.support.environment_policies import NO_POLICIES, REQUIRED, SCORE, WINDOW, environment_policy, read_policies
from tests.support.environments import EnvironmentOnDisk
from tests.support.fakes import verified
from tests.support.git_server import git
from tests.support.governed_environment import (
    BLOG,
    SITE,
    GovernedEnvironment,
    applications_of,
    approved_once,
    approved_together,
    timestamp,
)

if TYPE_CHECKING:
    from pathlib import Path


UPGRADE = {"applications/shop.yaml": application("shop", version="~1.1")}


# by which route


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "rebase-merge", "fast-forward-only"])
def test_what_was_approved_is_applied_however_it_was_merged(house: GovernedEnvironment, how: str) -> None:
    head = house.plan(1, BLOG, {"README.md": "words"}, SITE)
    if how != "fast-forward-only":
        house.push({"README": "something else happens on main"})
    house.merge(1, how)
    message = house.held(house.run(), "PendingApproval")
    assert "1 more of platform or security must approve pull request 1" in message
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed
    assert applications_of(house) == ["blog", "shop", "site"]
    assert house.admitted() == ("Admitted", "the resolved packages were admitted as p requires")
    assert house.run().pushed == ()


def test_a_direct_push_is_held_until_it_is_reverted_and_proposed(house: GovernedEnvironment) -> None:
    pushed = house.push(BLOG)
    message = house.held(house.run(), "PendingApproval")
    assert f"p: {pushed[:10]} came with no merged pull request; revert it on main" in message
    assert applications_of(house) == ["shop"], "what runs is left running"
    # a pull request that is approved does not carry it along
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    house.merge(1)
    assert pushed[:10] in house.held(house.run(), "PendingApproval")
    git(house.work, "revert", "--no-edit", "-m", "1", "HEAD")
    git(house.work, "revert", "--no-edit", pushed)
    git(house.work, "push", "-q", "origin", "main")
    assert house.run().blocker is None
    assert house.admitted()[0] == "NothingToAdmit"
    git(house.work, "branch", "-D", "b1")
    again = house.plan(2, BLOG, SITE)
    house.forge.review(2, "bob", again)
    house.merge(2)
    assert "resolved" in house.run().pushed
    assert applications_of(house) == ["blog", "shop", "site"]


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "rebase-merge", "fast-forward-only"])
@pytest.mark.parametrize("rule", [REQUIRED, SCORE])
def test_the_last_commit_of_what_was_approved_may_change_no_document(house: GovernedEnvironment, how: str, rule: str) -> None:
    house.policies = read_policies(environment_policy(rule))
    head = house.plan(1, BLOG, {"README.md": "words"}, {"README.md": "more words"})
    house.forge.review(1, "ada", head)
    house.forge.mark(head, "re-score", "90/100")
    if how != "fast-forward-only":
        house.push({"README": "something else happens on main"})
    house.merge(1, how)
    assert "resolved" in house.run().pushed


def test_what_was_taken_back_holds_nothing_that_came_before(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(REQUIRED, WINDOW))
    house.forge.review(1, "ada", house.plan(1, BLOG))
    house.merge(1)
    house.held(house.run(), "OutsideWindow")
    bad = house.push(SITE)
    house.held(house.run(), "PendingApproval")
    git(house.work, "revert", "--no-edit", bad)
    git(house.work, "push", "-q", "origin", "main")
    house.held(house.run(), "OutsideWindow")
    house.now = timestamp("2026-12-01T14:00")
    assert "resolved" in house.run().pushed
    assert applications_of(house) == ["blog", "shop"]


def test_comments_that_nobody_approved_hold_nothing(house: GovernedEnvironment) -> None:
    house.push({"applications/shop.yaml": f"# a comment\n{application('shop')}"})
    house.forge.review(1, "ada", house.plan(1, BLOG))
    house.merge(1)
    assert "resolved" in house.run().pushed


def test_one_that_was_merged_while_it_was_planned_again_is_applied(house: GovernedEnvironment) -> None:
    head = house.plan(2, BLOG)
    house.forge.review(2, "ada", head)
    house.forge.review(1, "ada", house.plan(1, SITE))
    house.merge(1)
    house.run()
    merged_at = house.forge.tick()
    house.look(2, head)
    made = house.merge(2)
    house.forge.pulls[made] = replace(house.forge.pulls[made], at=merged_at)
    assert "resolved" in house.run().pushed


def test_what_changes_no_document_needs_nobody(house: GovernedEnvironment) -> None:
    house.push({"README.md": "words", "applications/notes.txt": "x"})
    house.run()
    assert house.admitted()[0] == "NothingToAdmit"


def test_a_change_without_effect_is_accounted_for_with_the_next(house: GovernedEnvironment) -> None:
    quiet = house.push({"applications/shop.yaml": application("shop", more="  suspend: false\n")})
    assert house.run().blocker is None
    head = house.plan(1, BLOG)
    house.forge.review(1, "ada", head)
    house.merge(1)
    assert quiet[:10] in house.held(house.run(), "PendingApproval")


def test_a_rewritten_main_is_held_unless_it_comes_to_what_was_admitted(house: GovernedEnvironment) -> None:
    git(house.work, "checkout", "-q", "--orphan", "fresh")
    house.commit({}, "all anew")
    git(house.work, "push", "-q", "-f", "origin", "HEAD:main")
    assert house.run().blocker is None
    house.commit(BLOG)
    git(house.work, "push", "-q", "-f", "origin", "HEAD:main")
    house.held(house.run(), "PendingApproval")
    git(house.work, "checkout", "-q", "--orphan", "empty")
    (house.work / "applications" / "blog.yaml").unlink()
    (house.work / "applications" / "shop.yaml").unlink()
    house.commit({}, "nothing")
    git(house.work, "push", "-q", "-f", "origin", "HEAD:main")
    house.held(house.run(), "PendingApproval")
    assert applications_of(house) == ["shop"]


def test_the_first_of_all_is_accounted_for_back_to_where_nothing_was_installed(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    stage.push({"environment.yaml": files()["environment.yaml"]})
    house = GovernedEnvironment(stage)
    house.policies = read_policies(environment_policy(REQUIRED))
    head = house.plan(1, {"applications/shop.yaml": application("shop")})
    house.merge(1)
    house.held(house.run(), "PendingApproval")
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed


def test_a_part_of_what_was_approved_is_not_applied_alone(house: GovernedEnvironment) -> None:
    """Whoever may write takes the first commit into main without its content: merging then brings the second alone."""
    first = {"applications/guard.yaml": application("guard")}
    head = house.plan(1, first, SITE)
    house.forge.review(1, "ada", head)
    git(house.work, "merge", "-q", "-s", "ours", "-m", "nothing to see", f"{head}^")
    git(house.work, "push", "-q", "origin", "main")
    assert "resolved" not in house.run().pushed
    house.merge(1)
    assert not (house.work / "applications" / "guard.yaml").exists()
    assert (house.work / "applications" / "site.yaml").exists()
    assert "(ada approved another plan, or none)" in house.held(house.run(), "PendingApproval")


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
@pytest.mark.parametrize("between", [False, True])
def test_what_is_merged_together_is_applied_as_each_was_planned(house: GovernedEnvironment, how: str, between: bool) -> None:
    approved_together(house)
    house.merge(1, how)
    if between:  # the second is merged while the pass over the first is made: nobody planned it again
        assert "resolved" in house.run().pushed
    house.merge(2, how)
    assert "resolved" in house.run().pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == dict.fromkeys(("blog", "shop", "site"), "1.0.0")


def held_upgrade(house: GovernedEnvironment) -> str:
    """A push that nobody approved, for a newer version of what is installed."""
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    pushed = house.push(UPGRADE)
    outcome = house.run()
    house.held(outcome, "PendingApproval")
    house.comes_to = outcome.lock
    return pushed


def take_back(house: GovernedEnvironment, commit: str) -> None:
    git(house.work, "revert", "--no-edit", commit)
    git(house.work, "push", "-q", "origin", "main")


def test_what_was_taken_back_does_not_come_with_what_was_planned_upon_it(house: GovernedEnvironment) -> None:
    pushed = held_upgrade(house)
    house.stage.shelf.put(verified("bp-site", "1.0.0"))
    house.plan(1, {"README.md": "words"})
    house.forge.review(2, "ada", house.plan(2, {"applications/site.yaml": application("site", "bp-site")}))
    take_back(house, pushed)
    house.run()
    assert {p.application: p.version for p in house.stage.lock().packages} == {"shop": "1.0.0"}
    house.merge(2)
    house.run()
    assert {p.application: p.version for p in house.stage.lock().packages} == {"shop": "1.0.0", "site": "1.0.0"}


@pytest.mark.parametrize("proposed", [False, True])
def test_to_take_back_what_is_held_moves_nothing(house: GovernedEnvironment, proposed: bool) -> None:
    house.stage.shelf.put(verified("bp-shop", "2.0.0"))
    pushed = held_upgrade(house)
    house.plan(1, {"applications/shop.yaml": application("shop")})
    assert house.restores
    if proposed:
        house.merge(1)
    else:
        take_back(house, pushed)
    house.run()
    assert {p.application: p.version for p in house.stage.lock().packages} == {"shop": "1.0.0"}


@pytest.mark.parametrize("restart", [False, True])
def test_what_the_forge_could_not_tell_at_first_decides_later(house: GovernedEnvironment, restart: bool) -> None:
    approved_together(house)
    house.plan(3, BLOG | SITE)
    house.merge(1)
    made = house.merge(2)
    merged = house.forge.pulls.pop(made)
    house.proposed.add(2)  # not marked yet
    house.retry = 0.0
    running = house.start()
    assert running.run(wait=1).blocker is not None
    house.proposed.remove(2)
    house.forge.pulls[made] = merged
    outcome = (house.start() if restart else running).run(wait=1)
    assert "resolved" in outcome.pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == dict.fromkeys(("blog", "shop", "site"), "1.0.0")


def test_what_takes_main_back_is_not_held_by_what_it_takes_away(house: GovernedEnvironment) -> None:
    bad = house.push(SITE)
    house.plan(1, BLOG)
    assert not house.restores
    git(house.work, "checkout", "-q", "-B", "b2")
    git(house.work, "revert", "--no-edit", bad)
    git(house.work, "push", "-q", "origin", "HEAD:refs/pull/2/head")
    house.look(2, git(house.work, "rev-parse", "HEAD"))
    assert house.restores
    git(house.work, "checkout", "-q", "main")
    git(house.work, "rm", "-q", "applications/site.yaml")
    house.push({"applications/shop.yaml": f"# a comment\n{application('shop')}"})
    house.plan(3, {"applications/shop.yaml": f"# another\n{application('shop')}"})
    assert house.restores, "it comes to what is resolved, whatever its comments say"


def test_before_anything_is_resolved_it_may_be_taken_back_to_nothing(tmp_path: Path) -> None:
    stage = EnvironmentOnDisk(tmp_path)
    stage.push(files("shop"))
    house = GovernedEnvironment(stage)
    git(house.work, "checkout", "-q", "-B", "b1")
    git(house.work, "rm", "-q", "applications/shop.yaml")
    head = house.commit({})
    git(house.work, "push", "-q", "origin", "HEAD:refs/pull/1/head")
    house.look(1, head)
    assert house.restores
    git(house.work, "checkout", "-q", "main")
    house.plan(2, SITE)
    assert not house.restores


def test_more_changes_than_are_looked_at_are_held_with_a_way_out(house: GovernedEnvironment) -> None:
    for n in range(MAX_CHANGES):
        house.commit({"applications/site.yaml": application("site", version=f"^1.{n}")})
    house.push({"applications/site.yaml": application("site", version="^1")})
    assert "relax the policy to admit some of them" in house.held(house.run(), "PendingApproval")
    house.policies = NO_POLICIES
    assert "resolved" in house.run().pushed


def test_a_pull_request_hides_no_commit_of_other_content(house: GovernedEnvironment) -> None:
    head = house.plan(1, BLOG)
    house.forge.review(1, "ada", head)
    evil = house.push(SITE)
    house.forge.pulls[evil] = MergedPullRequest(
        1, "eve", "main", evil, "", house.forge.tick()
    )  # "manually merged", as somebody told the forge
    assert "is not what merging pull request 1 gives" in house.held(house.run(), "PendingApproval")


def test_one_that_was_merged_into_another_branch_says_nothing(house: GovernedEnvironment) -> None:
    approved_once(house)
    made = house.stage.head("main") or ""
    house.forge.pulls[made] = replace(house.forge.pulls[made], base="elsewhere")
    house.held(house.run(), "PendingApproval")


def test_a_rebased_pull_request_covers_its_own_commits_alone(house: GovernedEnvironment) -> None:
    house.push(SITE)
    head = house.plan(1, BLOG, {"applications/more.yaml": application("more")})
    house.forge.review(1, "ada", head)
    house.merge(1, "fast-forward-only")
    message = house.held(house.run(), "PendingApproval")
    assert message.count("came with no merged pull request") == 1
