"""What policies hold a pull request back, and that it is kept up to date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.environment_files import application, files, gate_of
from tests.support.fakes import verified
from tests.support.pull_request_environment import PLAN, EnvironmentWithPullRequests, policies_with


def test_what_policies_say_is_told_and_kept_up_to_date(scene: EnvironmentWithPullRequests) -> None:
    policies = policies_with({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)

    def clock() -> float:
        return now.timestamp()

    scene.gate = gate_of(lambda: policies, clock)
    commit = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    opens = "the change window opens at 2026-12-01 14:00:00 UTC"
    assert scene.forge.marks[commit]["catalyst/policy"] == ("success", f"merged now, it would wait: p: {opens}")
    assert "#### Policy: merged now, it waits for a change window" in scene.text(3)
    assert opens in scene.text(3)
    writes = scene.forge.writes
    now += timedelta(hours=1)
    running.run()
    assert scene.forge.writes == writes
    now += timedelta(hours=4)
    running.run()
    assert scene.forge.marks[commit]["catalyst/policy"][1].startswith("merged now, it would be applied at once")
    assert "open until 2026-12-01 16:00:00 UTC" in scene.text(3)
    assert scene.forge.writes == writes + 2
    policies = policies_with()
    running.run()
    assert scene.forge.marks[commit]["catalyst/policy"][0] == "failure"


def test_without_a_plan_the_rules_are_not_called_met(scene: EnvironmentWithPullRequests) -> None:
    policies = policies_with({"kind": "soak", "sourceEnvironment": "acme-stg", "duration": "1h"})
    scene.gate = gate_of(lambda: policies)
    head = scene.propose(3, files("shop") | {"applications/blog.yaml": application("blog", "bp-nothing")})
    scene.start().run()
    assert scene.forge.marks[head]["catalyst/policy"] == ("pending", "there is no plan to evaluate the policies against")
    assert "Policy" not in scene.text(3)


@pytest.mark.parametrize(("cron", "first"), [("0 0 29 2 *", PLAN), ("* * * * *", PLAN), (None, "catalyst/policy")])
def test_a_plan_is_not_green_before_what_holds_it_is_told(
    scene: EnvironmentWithPullRequests, cron: str | None, first: str
) -> None:
    window = {"kind": "change-window", "cron": cron or "", "duration": "1h"}
    rule = window if cron else {"kind": "soak", "sourceEnvironment": "acme-stg", "duration": "1h"}
    policies = policies_with(rule)
    scene.gate = gate_of(lambda: policies)
    scene.propose(3, files("shop") | {"applications/blog.yaml": application("blog", "bp-blog")})
    scene.stage.shelf.put(verified("bp-blog", "1.0.0"))
    scene.start().run()
    posted = [context for context in scene.forge.posted if context in {PLAN, "catalyst/policy"}]
    assert (posted[0], len(posted)) == (first, 2)


def test_a_window_that_opens_is_told_at_its_moment(scene: EnvironmentWithPullRequests) -> None:
    policies = policies_with({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
    now = datetime(2026, 12, 1, 13, 59, tzinfo=UTC)

    def clock() -> float:
        return now.timestamp()

    scene.gate = gate_of(lambda: policies, clock)
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    assert running.run().fetch_after == 60
    now += timedelta(hours=1)
    assert running.run().fetch_after == timedelta(hours=1, minutes=1).total_seconds(), "nor is it open for ever"
