"""Which reviews approve a change, and which plan they are bound to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.forge import PullRequest, PullRequestHistory
from tests.support.environment_files import application, gate_of
from tests.support.environment_policies import REQUIRED, WINDOW, environment_policy, read_policies
from tests.support.fakes import sha256, verified
from tests.support.git_server import git
from tests.support.governed_environment import (
    BLOG,
    PLAN,
    SITE,
    US,
    GovernedEnvironment,
    applications_of,
    approved_once,
    approved_together,
    plan_status_text,
    timestamp,
)

OTHER = "b" * 40


# ways round


def test_whose_approval_counts(house: GovernedEnvironment) -> None:
    head = house.plan(1, BLOG)
    house.merge(1, author="ada")
    forge = house.forge
    for person, state in (("ada", "APPROVED"), ("stranger", "APPROVED"), ("bob", "COMMENT"), ("bob", "REQUEST_CHANGES")):
        forge.review(1, person, head, state)
        house.held(house.run(), "PendingApproval")
    forge.review(1, "bob", head)
    assert "resolved" in house.run().pushed


def test_a_person_counts_once(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(REQUIRED.replace("1}", "2}")))
    house.forge.review(1, "bob", approved_once(house))
    assert "1 more of platform or security must approve pull request 1 (bob approved)" in house.held(
        house.run(), "PendingApproval"
    )


def test_who_left_the_team_or_changed_their_mind_no_longer_counts(house: GovernedEnvironment) -> None:
    head = approved_once(house)
    house.forge.teams["acme/platform"] = frozenset({"ada"})
    house.held(house.run(), "PendingApproval")
    house.forge.teams["acme/platform"] = frozenset({"bob"})
    house.forge.review(1, "bob", head, "REQUEST_CHANGES")
    house.held(house.run(), "PendingApproval")


def test_a_dismissed_review_does_not_count(house: GovernedEnvironment) -> None:
    approved_once(house)
    house.forge.said[1] = [replace(one, dismissed=True) for one in house.forge.said[1]]
    house.held(house.run(), "PendingApproval")


@pytest.mark.parametrize(("person", "state", "content"), [(US, "success", SITE), ("eve", "success", BLOG), (US, "pending", BLOG)])
def test_an_approval_of_an_older_head_with_another_plan_does_not_count(
    house: GovernedEnvironment, person: str, state: str, content: dict[str, str]
) -> None:
    bound = house.look(2, house.propose(2, BLOG, {"README.md": "another"}))
    old = house.propose(1, content)
    house.forge.mark(
        old, PLAN, plan_status_text(bound) if content is BLOG else plan_status_text(house.look(1, old)), person, state
    )
    house.forge.review(1, "ada", old)
    git(house.work, "branch", "-D", "b1")
    house.plan(1, BLOG, {"README.md": "words"})
    house.merge(1)
    house.held(house.run(), "PendingApproval")


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (BLOG | {"README.md": "words"}, True),
        ({"applications/blog.yaml": f"# words\n{application('blog')}"}, True),
        (
            BLOG | {"applications/shop.yaml": application("shop", more="  suspend: false\n")},
            False,
        ),  # it comes to the same tree today
    ],
)
def test_an_approval_of_an_older_head_counts_with_the_same_plan(
    house: GovernedEnvironment, content: dict[str, str], counts: bool
) -> None:
    house.forge.review(1, "ada", house.plan(1, BLOG))
    git(house.work, "branch", "-D", "b1")
    house.plan(1, content)
    house.merge(1)
    assert ("resolved" in house.run().pushed) is counts


def test_what_is_planned_after_it_was_approved_or_merged_says_nothing(house: GovernedEnvironment) -> None:
    old = house.plan(1, SITE)
    house.forge.review(1, "ada", old)
    git(house.work, "branch", "-D", "b1")
    head = house.propose(1, BLOG)
    bound = house.look(1, head)
    house.merge(1)
    # another pull request with the head that was approved, now that main holds the rest: its plan is the one of what was merged
    house.forge.mark(old, PLAN, plan_status_text(bound))
    house.held(house.run(), "PendingApproval")
    house.forge.mark(head, PLAN, plan_status_text(replace(bound, tree=OTHER)))
    house.held(house.run(), "PendingApproval")


def test_an_approval_stands_while_main_moves_in_other_files(house: GovernedEnvironment) -> None:
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    house.forge.review(2, "bob", house.plan(2, BLOG))
    house.merge(2)
    assert "resolved" in house.run().pushed
    house.look(1, head)
    house.merge(1)
    assert "resolved" in house.run().pushed
    assert applications_of(house) == ["blog", "shop", "site"]


def test_who_proposes_what_others_have_approved_holds_nobody_up(house: GovernedEnvironment) -> None:
    approved_together(house)
    house.plan(3, BLOG | SITE)
    house.merge(1)
    house.merge(2)
    assert "resolved" in house.run().pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == dict.fromkeys(("blog", "shop", "site"), "1.0.0")


@pytest.mark.parametrize("input_", ["Input-Digest", "X"])
def test_a_plan_that_somebody_else_pushed_moves_nothing(house: GovernedEnvironment, input_: str) -> None:
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    (now,) = house.stage.lock().packages
    text = house.stage.show("resolved", "environment.lock.yaml").replace("1.0.0", "1.1.0")
    forged = text.replace(now.digest, sha256("bp-shop 1.1.0"))
    blob = git(house.stage.origin, "hash-object", "-w", "--stdin", stdin=forged.encode())
    tree = git(house.stage.origin, "mktree", stdin=f"100644 blob {blob}\tenvironment.lock.yaml\n".encode())
    digest = next(line for line in house.stage.message("resolved").splitlines() if line.startswith("Input-Digest: "))
    message = f"words\n\n{input_}: {digest.partition(' ')[2]}\nBrings: shop {now.digest}\n"
    made = house.stage.git("commit-tree", tree, "-p", "resolved", "-m", message)
    house.stage.git("update-ref", "refs/heads/plan/pr-9", made)
    for content in ({"README.md": "words"}, {"applications/shop.yaml": f"# words\n{application('shop')}"}):
        house.push(content)
        house.run()
        assert house.stage.lock().packages[0].version == "1.0.0"


def test_a_version_that_is_in_no_plan_is_held_until_it_is(house: GovernedEnvironment) -> None:
    approved_together(house)
    house.merge(1)
    house.merge(2)
    for number in (1, 2):
        house.stage.git("update-ref", "-d", f"refs/heads/plan/pr-{number}")
    assert "bp-shop 1.1.0 came out after the approved plan" in house.held(house.run(), "NotPlanned")
    head = house.propose(3, {"applications/site.yaml": f"# as planned now\n{application('site')}"})
    bound = house.look(3, head)
    house.forge.review(3, "ada", head)
    outcome = house.start().run(wait=1)
    found = house.gate().evaluate_pull_request(PullRequest(3, "main", head, "eve"), (), bound, main=outcome.admission)
    assert found.status == "True", "the way out is open"
    house.merge(3)
    assert "resolved" in house.run().pushed


def test_an_approval_stands_when_what_main_waited_with_is_applied(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(REQUIRED, WINDOW))
    house.forge.review(1, "ada", house.plan(1, SITE))
    house.merge(1)
    outcome = house.run()
    house.held(outcome, "OutsideWindow")
    house.comes_to = outcome.lock
    head = house.plan(2, BLOG)
    house.forge.review(2, "ada", head)
    house.now = timestamp("2026-12-01T14:00")
    outcome = house.run()
    assert "resolved" in outcome.pushed
    house.comes_to = outcome.lock
    house.look(2, head)
    house.merge(2)
    assert "resolved" in house.run().pushed


def test_an_approval_counts_although_it_could_not_be_told_for_a_while(house: GovernedEnvironment) -> None:
    head = house.plan(1, SITE)
    house.forge.mark(head, PLAN, "Unavailable: no answer", state="pending")
    house.forge.review(1, "ada", head)
    house.merge(1)
    assert "resolved" in house.run().pushed


def test_a_plan_that_is_gone_is_approved_by_nobody(house: GovernedEnvironment) -> None:
    house.forge.review(1, "ada", house.plan(1, SITE))
    house.stage.git("update-ref", "-d", "refs/heads/plan/pr-1")
    house.merge(1)
    house.held(house.run(), "NotPlanned")


def test_which_plan_was_read_must_be_plain(house: GovernedEnvironment) -> None:
    head = house.propose(1, SITE)
    bound = house.look(1, head)
    house.forge.mark(head, PLAN, plan_status_text(replace(bound, files="e" * 32)))
    house.forge.mark(head, PLAN, plan_status_text(bound))
    house.forge.review(1, "ada", head)
    house.merge(1)
    house.held(house.run(), "PendingApproval")
    house.forge.now += 60
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed


def test_an_approval_is_not_of_another_version(house: GovernedEnvironment) -> None:
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    house.stage.git("update-ref", "-d", "refs/heads/plan/pr-1")  # so that nobody knows what was planned
    house.look(1, head)
    house.merge(1)
    house.held(house.run(), "PendingApproval")


def test_an_approval_before_any_plan_is_of_none(house: GovernedEnvironment) -> None:
    head = house.propose(1, SITE)
    house.forge.review(1, "ada", head)
    house.look(1, head)
    house.merge(1)
    assert "(ada approved another plan, or none)" in house.held(house.run(), "PendingApproval")


def test_an_approval_of_what_was_for_another_branch_does_not_count(house: GovernedEnvironment) -> None:
    head = approved_once(house)
    house.forge.became[1] = PullRequestHistory(house.forge.tick())
    house.held(house.run(), "PendingApproval")
    house.forge.review(1, "bob", head)
    assert "resolved" in house.run().pushed


def test_who_pushed_to_another_s_pull_request_does_not_count(house: GovernedEnvironment) -> None:
    head = approved_once(house)
    house.forge.became[1] = PullRequestHistory(contributors=frozenset({"bob"}))
    house.held(house.run(), "PendingApproval")
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed


def test_without_a_forge_nobody_can_approve(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(REQUIRED))
    house.push(BLOG)
    gate = gate_of(lambda: read_policies(environment_policy(REQUIRED)), lambda: house.now)
    assert "pr-required can never hold" in house.held(house.stage.start(gate=gate).run(wait=1), "PendingApproval")
