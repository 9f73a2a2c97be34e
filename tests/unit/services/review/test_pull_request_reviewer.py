"""Pull requests against one Environment: what is written where, how often, and what happens when something fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.model.errors import TooLargeError, UnavailableError
from reconciler.model.forge import Comment, PullRequest
from tests.support.environment_files import application, files
from tests.support.fakes import DOWN
from tests.support.fault_injection import Panic
from tests.support.git_server import GitServer
from tests.support.odd_commits import large_file, odd_commit
from tests.support.pull_request_environment import PLAN, EnvironmentWithPullRequests, FakePullRequestForge

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_without_any_pull_request_the_forge_is_not_asked(scene: EnvironmentWithPullRequests) -> None:
    scene.start().run()
    assert scene.forge.asked == 0


def test_one_for_another_branch_is_nobody_s_business(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"), base="develop")
    scene.start().run()
    assert (scene.forge.writes, scene.stage.head("plan/pr-3")) == (0, None)


def test_a_refused_one_has_no_plan_until_it_is_mended(scene: EnvironmentWithPullRequests) -> None:
    bad = files("shop") | {"applications/blog.yaml": application("blog", "bp-nothing")}
    head = scene.propose(3, bad)
    running = scene.start()
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "failure"
    assert "**Refused**" in scene.text(3)
    assert scene.stage.head("plan/pr-3") is None
    head = scene.propose(3, files("shop", "blog"))
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert scene.stage.head("plan/pr-3") is not None
    scene.propose(3, bad)
    running.run()
    assert scene.stage.head("plan/pr-3") is None, "no branch shows what would not be applied"


def test_what_is_outside_is_asked_again_and_not_called_the_author_s_fault(scene: EnvironmentWithPullRequests) -> None:
    head = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    scene.stage.shelf.down = DOWN
    head = scene.propose(3, files("shop", "site"))
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "pending"
    scene.stage.shelf.down = None
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert len(scene.forge.talk[3]) == 1


def test_trouble_with_one_keeps_no_other_up(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    head = scene.propose(4, files("shop", "site"))
    scene.forge.mute.add(3)
    running = scene.start()
    outcome = running.run()
    assert outcome.blocker is None
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert 3 not in scene.forge.talk
    scene.forge.mute.clear()
    running.run()
    assert "| blog | added |" in scene.text(3)


def test_a_forge_that_does_not_answer_fails_no_pass(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.forge.fault = UnavailableError("no answer")
    running = scene.start()
    assert running.run().blocker is None
    scene.forge.fault = None
    running.run()
    assert "| blog | added |" in scene.text(3)


def test_a_plan_of_no_pull_request_goes(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    made = scene.stage.git("commit-tree", "plan/pr-3^{tree}", "-m", "words")
    scene.stage.git("update-ref", "refs/heads/plan/pr-9", made)
    running.run()
    assert scene.stage.head("plan/pr-9") is None


def test_plans_that_somebody_else_took_away_are_forgotten(scene: EnvironmentWithPullRequests) -> None:
    running = scene.start()
    for n in range(4, 7):
        made = scene.stage.git("commit-tree", "resolved^{tree}", "-m", "words")
        scene.stage.git("update-ref", f"refs/heads/plan/pr-{n}", made)
        scene.stage.push(files("shop") | {"README.md": f"{n}"})
        running.run()
        scene.stage.git("update-ref", "-d", f"refs/heads/plan/pr-{n}")
    running.run()
    assert running._branches._plans == {}


def test_where_no_branch_can_be_deleted_it_says_that_there_is_no_plan(scene: EnvironmentWithPullRequests) -> None:
    scene.stage.git("config", "receive.denyDeletes", "true")  # as a protected branch on Gitea
    scene.stage.git("config", "http.receivepack", "true")
    with GitServer(scene.stage.origin.parent).running() as server:
        scene.stage.url = f"{server.url}/{scene.stage.origin.name}"
        scene.propose(3, files("shop", "blog"))
        scene.start().run()
        plan, one = scene.stage.head("plan/pr-3"), scene.forge.open[3]
        scene.forge.close(3)
        running = scene.start()
        running.run()
        withdrawn = scene.stage.head("plan/pr-3")
        assert withdrawn != plan
        assert "There is no plan" in scene.stage.show("plan/pr-3", "README.md")
        before = scene.stage.everything()
        running.run()
        scene.start().run()
        assert scene.stage.everything() == before, "it is said once"
        scene.forge.open[3] = one
        running.run()
        assert scene.stage.git("rev-parse", "plan/pr-3^{tree}") == scene.stage.git("rev-parse", f"{plan}^{{tree}}")


@pytest.mark.parametrize("name", ["plan", "plan/pr-3/x"])
def test_a_plan_that_cannot_be_kept_is_not_called_one(scene: EnvironmentWithPullRequests, name: str) -> None:
    scene.stage.git("branch", name, "main")
    head = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "pending"
    assert "| blog | added |" in scene.text(3)
    scene.stage.git("branch", "-D", name)
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert scene.stage.head("plan/pr-3") is not None


# Failures


def test_one_over_the_limit_is_told_and_not_fetched_at_every_pass(scene: EnvironmentWithPullRequests) -> None:
    scene.max_fetch, scene.review_retry = 2 << 20, 60.0
    scene.propose(3, files("shop", "blog"))
    scene.stage.git("update-ref", "refs/heads/tmp", "refs/pull/3/head")
    big = large_file(scene.stage.origin, "tmp", 3 << 20)
    scene.stage.git("update-ref", "refs/pull/3/head", big)
    scene.stage.git("update-ref", "-d", "refs/heads/tmp")
    scene.forge.open[3] = PullRequest(3, "main", big)
    with GitServer(scene.stage.origin.parent).running() as server:
        scene.url = f"{server.url}/{scene.stage.origin.name}"
        running = scene.start()
        running.run()
        assert scene.forge.marks[big][PLAN][0] == "pending"
        assert "TooLarge: fetching main, refs/pull/3/head" in scene.forge.marks[big][PLAN][1]
        assert scene.forge.marks[big]["catalyst/policy"][0] == "pending"
        assert "2 MiB" in scene.text(3)
        server.requests.clear()
        writes = scene.forge.writes
        for _ in range(5):
            running.run()
        assert ([request for request in server.requests if request.startswith("POST")], scene.forge.writes) == ([], writes)
        head = scene.propose(3, files("shop", "blog"))
        running.run()
        assert scene.forge.marks[head][PLAN][0] == "success", "another head is reviewed at once"
        assert "| blog | added |" in scene.text(3)


@pytest.mark.parametrize("kind", ["no committer", "time beyond 64 bits"])
def test_an_odd_commit_in_history_keeps_no_plan_back(scene: EnvironmentWithPullRequests, kind: str) -> None:
    odd_commit(scene.stage.origin, "main", kind)
    with GitServer(scene.stage.origin.parent).running() as server:
        scene.url = scene.stage.url = f"{server.url}/{scene.stage.origin.name}"
        head = scene.propose(3, files("shop", "blog"))
        running = scene.start()
        running.run()
        assert scene.forge.marks[head][PLAN][0] == "success"
        head = scene.propose(3, files("shop", "site"))
        running.run()
        assert scene.forge.marks[head][PLAN][0] == "success"


def test_a_comment_that_cannot_be_kept_keeps_no_commit_status_back(scene: EnvironmentWithPullRequests) -> None:
    head = scene.propose(3, files("shop", "blog"))
    scene.forge.mute.add(3)
    scene.start().run()
    assert {context: state for context, (state, _) in scene.forge.marks[head].items()} == {
        PLAN: "success",
        "catalyst/policy": "success",
    }
    assert scene.stage.head("plan/pr-3") is not None


class PanickingForge(FakePullRequestForge):
    """A forge whose comments hit a defect."""

    def comments(self, repository: str, number: int) -> Sequence[Comment]:
        del repository, number
        raise Panic


def test_a_defect_with_a_comment_keeps_no_commit_status_back(scene: EnvironmentWithPullRequests) -> None:
    scene.forge = PanickingForge()
    head = scene.propose(3, files("shop", "blog"))
    scene.start().run()
    assert scene.forge.marks[head][PLAN][0] == "success"


def test_failures_are_retried_with_growing_pauses(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start()
    failed, pull = scene.pulls._failed, scene.forge.open[3]
    failed._retry = 60.0
    pauses = []
    for _ in range(9):
        failed.record(pull, TooLargeError("too large"))
        pauses.append(round(failed._failures[3].retry_at - time.monotonic()))
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert failed.is_waiting(pull)
    failed.record(PullRequest(3, "main", "another"), UnavailableError("away"))
    assert round(failed._failures[3].retry_at - time.monotonic()) == 60, "another head starts anew"
    assert not failed.is_waiting(pull)


def test_reviews_stop_at_their_share_and_go_on_where_they_were(scene: EnvironmentWithPullRequests) -> None:
    heads = [scene.propose(number, files("shop", f"app{number}")) for number in (1, 2, 3)]
    scene.share = 0.0
    running = scene.start()
    running.reconcile()
    done = []
    for _ in heads:
        done.append(running.review().is_done)
        assert len(scene.forge.marks) == len(done)
    assert (done, running.review().is_done) == ([False, False, False], True)
    assert all(scene.forge.marks[head][PLAN][0] == "success" for head in heads)
