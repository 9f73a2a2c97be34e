"""EnvironmentPolicies over passes: a real repository, a forge and a clock in memory, and every way round the rules."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.adapters.metrics import Metrics
from reconciler.commands.update import update
from reconciler.controller.controller import Controller
from reconciler.controller.discovery import EnvironmentTarget
from reconciler.controller.health import Health
from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.domain.blocker import Refused
from reconciler.model.errors import UnavailableError
from reconciler.model.forge import PullRequest
from reconciler.model.policy_removal import MARKER_FILE
from reconciler.services.policies.environment_policy_loader import read_environment_policies
from reconciler.services.policies.policy_sources import DirectoryPolicySource
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import application, gate_of
from tests.support.environment_policies import NO_POLICIES, REQUIRED, SCORE, SOAK, WINDOW, environment_policy, read_policies
from tests.support.fakes import verified
from tests.support.git_server import git
from tests.support.governed_environment import (
    AGAIN,
    BLOG,
    SITE,
    GovernedEnvironment,
    applications_of,
    approved_once,
    published_anew,
    timestamp,
)
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def test_what_main_is_held_by_holds_what_is_merged_into_it(house: GovernedEnvironment) -> None:
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    bad = house.push(BLOG)
    main = house.start().run(wait=1).admission
    pull, gate = PullRequest(1, "main", head, "eve"), house.gate()
    found = gate.evaluate_pull_request(pull, (), house.look(1, head), main=main)
    assert (found.status, found.reason) == ("False", "PendingApproval")
    assert f"main is held already: {bad[:10]} came with no merged pull request" in found.message
    assert gate.evaluate_pull_request(pull, (), house.look(1, head), main=main, restores=True).status == "True"


def test_a_policy_in_the_environments_own_repository_says_nothing(house: GovernedEnvironment) -> None:
    house.push({"policies/p.yaml": environment_policy(WINDOW), **BLOG})
    house.held(house.run(), "PendingApproval")


def test_what_cannot_be_read_is_no_permission(house: GovernedEnvironment) -> None:
    approved_once(house)
    house.forge.down = UnavailableError("gitea did not answer")
    assert "gitea did not answer" in house.held(house.run(), "Unavailable")
    house.forge.down = None
    house.policies = UnavailableError("the system repository is gone")
    assert "the system repository is gone" in house.held(house.run(), "Unavailable")
    assert house.stage.status().condition("Admitted").status == "Unknown"
    house.policies = read_policies(environment_policy(REQUIRED.replace("platform", "nobodys")))
    assert "there is no team acme/nobodys" in house.held(house.run(), "Missing")
    house.policies = NO_POLICIES  # the Sovereign has a say, and may take the policy away
    assert "resolved" in house.run().pushed
    assert house.admitted()[0] == "NoPolicy"


def test_a_broken_policy_holds_and_says_where(house: GovernedEnvironment) -> None:
    approved_once(house)
    house.policies = read_policies(
        environment_policy(REQUIRED), environment_policy(WINDOW.replace("14", "25")).replace("name: p", "name: q")
    )
    assert "policies/1.yaml:7:35: spec.rules.0.cron: is not a cron expression: bad hour" in house.held(
        house.run(), "PolicyBroken"
    )
    house.policies = read_policies(environment_policy(REQUIRED))
    assert "resolved" in house.run().pushed
    house.policies = read_policies("kind: [")
    house.run()
    assert house.admitted()[0] == "PolicyBroken", "also while there is nothing to hold"
    assert house.stage.status().condition("Committed").status == "True"


def befall(folder: Path, accident: str) -> None:
    """Let something happen to a folder with one policy, prod.yaml, that nobody meant as its removal."""
    file = folder / "prod.yaml"
    if accident == "emptied":
        file.write_text("")
    elif accident == "renamed":
        file.rename(folder / "prod.YAML")
    elif accident == "deleted":
        file.unlink()
    else:
        for path in folder.iterdir():
            path.unlink()
    if accident == "gone":
        folder.rmdir()


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("accident", ["emptied", "deleted", "renamed", "unmounted", "gone", "not configured"])
def test_what_is_held_stays_held_when_its_policy_is_missing(house: GovernedEnvironment, restart: bool, accident: str) -> None:
    folder = house.stage.folder / "policies"
    folder.mkdir()
    (folder / MARKER_FILE).touch()
    (folder / "prod.yaml").write_text(environment_policy(REQUIRED))
    house.policies = DirectoryPolicySource(folder, read_environment_policies)
    house.push(BLOG)
    running = house.start()
    house.held(running.run(wait=1), "PendingApproval")
    in_force = house.stage.status().policies
    assert [(one.kind, one.name) for one in in_force] == [("EnvironmentPolicy", "p")]
    befall(folder, accident)
    if restart:
        house.policies = DirectoryPolicySource(folder, read_environment_policies)
        running = house.start()
    if accident == "not configured":
        house.policies = EnvironmentPolicies()
    for _ in range(2):
        outcome = running.run(wait=1)
        assert outcome.blocker is not None
        assert (outcome.blocker.stage, "resolved" in outcome.pushed) == ("Admitted", False)
        assert applications_of(house) == ["shop"]
        assert house.stage.status().policies == in_force, "the status still names what was in force"


def test_a_policy_that_a_commit_removes_is_believed_to_be_removed(house: GovernedEnvironment) -> None:
    house.push(BLOG)
    house.held(house.run(), "PendingApproval")
    house.policies = NO_POLICIES
    assert "resolved" in house.run().pushed
    assert house.stage.status().policies == []


def test_to_render_anew_what_was_admitted_needs_nobody(house: GovernedEnvironment) -> None:
    approved_once(house)
    house.push({"README.md": "words"})
    house.run()
    assert applications_of(house) == ["blog", "shop"]
    house.policies = read_policies(environment_policy(REQUIRED, WINDOW, SCORE))
    house.forge.said.clear()
    house.stage.around = replace(house.stage.around, interval="11m")
    assert "resolved" in house.run().pushed


def test_what_was_published_anew_under_its_version_is_admitted_anew(house: GovernedEnvironment) -> None:
    approved_once(house)
    house.run()
    house.stage.shelf.put(published_anew(verified("bp-shop", "1.0.0")))
    house.policies = read_policies(environment_policy(REQUIRED, WINDOW))
    house.held(house.run(), "OutsideWindow")
    house.now = timestamp("2026-12-01T14:00")
    assert "resolved" in house.run().pushed
    assert {p.digest for p in house.stage.lock().packages} == {AGAIN}


# time


def test_a_window_opens_by_itself_and_our_clock_decides(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(WINDOW))
    house.push(BLOG)
    running = house.start()
    outcome = running.run(wait=1)
    assert house.held(outcome, "OutsideWindow") == "p: the change window opens at 2026-12-01 14:00:00 UTC"
    assert outcome.fetch_after == timestamp("2026-12-01T14:00") - house.now
    house.now = timestamp("2026-12-01T13:59:59")
    assert running.run(wait=1).fetch_after == 1.0
    house.now = timestamp("2026-12-01T14:00")
    assert "resolved" in running.run(fetch=False, wait=1).pushed, "at that very moment, whoever looks"
    house.now = timestamp("2026-12-01T17:00")
    house.push(SITE)
    house.held(running.run(wait=1), "OutsideWindow")


@pytest.mark.parametrize("restart", [False, True])
def test_what_lost_its_trust_while_it_was_held_is_not_committed(house: GovernedEnvironment, restart: bool) -> None:
    house.stage.limits["retry"] = 0.0
    house.policies = read_policies(environment_policy(WINDOW))
    house.stage.shelf.put(verified("bp-blog", "1.0.0"))
    house.push({"applications/blog.yaml": application("blog", "bp-blog")})
    running = house.start()
    house.held(running.run(wait=1), "OutsideWindow")
    house.stage.shelf.put_unsigned("bp-blog", "1.0.0")
    house.now = timestamp("2026-12-01T14:00")
    outcome = (house.start() if restart else running).run(wait=1)
    assert "resolved" not in outcome.pushed
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), "it has no signature" in outcome.blocker.message) == (True, True)


def test_what_is_held_stays_what_it_was_when_a_newer_version_comes(house: GovernedEnvironment) -> None:
    house.stage.limits["retry"] = 0.0
    house.policies = read_policies(environment_policy(WINDOW))
    house.push(BLOG)
    running = house.start()
    house.held(running.run(wait=1), "OutsideWindow")
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    running.run(wait=1)
    house.now = timestamp("2026-12-01T14:00")
    assert "resolved" in running.run(wait=1).pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == {"blog": "1.0.0", "shop": "1.0.0"}


def test_dates_of_commits_never_matter(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(WINDOW))
    git(house.work, "commit", "-q", "--allow-empty", "-m", "x", "--date=2026-12-01T14:30:00+00:00")
    house.push(BLOG)
    house.held(house.run(), "OutsideWindow")


def test_a_held_status_is_written_once(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(WINDOW, REQUIRED))
    house.push(BLOG)
    running = house.start()
    running.run(wait=1)
    house.now += 600
    assert running.run(wait=1).pushed == ()


def test_an_update_by_hand_asks_the_same_rules(house: GovernedEnvironment) -> None:
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))

    def asked() -> str:
        branches = EnvironmentBranches(Repository(house.stage.folder / "own", house.stage.origin.as_uri()))
        stage = house.stage
        found = update(stage.identity, branches, stage.world(), (), house.gate(), push=True)
        return found.blocker.reason if found.blocker else "done"

    assert asked() == "PendingApproval"
    house.policies = read_policies(environment_policy(WINDOW))
    assert asked() == "OutsideWindow"
    house.now = timestamp("2026-12-01T15:00")
    assert asked() == "done"


def test_what_nobody_proposed_yet_is_told_what_it_will_need(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(REQUIRED, WINDOW, SCORE, SOAK))
    found = house.gate().evaluate_draft(house.stage.lock().packages)
    assert [(one.kind, one.reason) for one in found.results] == [
        ("pr-required", "PendingApproval"),
        ("change-window", "OutsideWindow"),
        ("re-score-gate", "ScoreMissing"),
        ("soak", "UnknownSource"),
    ]
    assert found.results[0].message == "1 of platform or security must approve its pull request"
    house.policies = UnavailableError("no answer")
    assert house.gate().evaluate_draft(()).status == "Unknown"


def test_the_service_looks_again_at_that_very_moment(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(WINDOW))
    house.push(BLOG)
    opens, began = timestamp("2026-12-01T14:00"), time.time()
    made = house.stage.start(
        gate=gate_of(lambda: read_policies(environment_policy(WINDOW)), lambda: opens - 3 + time.time() - began)
    )
    targets = {"acme-prod": EnvironmentTarget(house.stage.identity, "", None)}
    service = Controller(lambda: targets, lambda _: made, workers=1, poll=3600, discover=3600, health=Health(Metrics()))
    service.start()
    try:
        until(lambda: house.admitted()[0] == "OutsideWindow" if house.stage.head("status") else False)
        until(lambda: applications_of(house) == ["blog", "shop"])
    finally:
        assert service.stop(20)
    # git has whole seconds, and a window's own moment is one
    assert int(house.stage.git("log", "-1", "--format=%ct", "resolved")) >= int(began + 3)
