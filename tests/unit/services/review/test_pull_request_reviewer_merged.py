"""What a pull request is told after its merge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.environment_files import application, files
from tests.support.fakes import DOWN, verified
from tests.support.git_server import git

if TYPE_CHECKING:
    from tests.support.pull_request_environment import EnvironmentWithPullRequests


def test_a_merged_one_is_told_that_its_plan_is_applied(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    before = scene.text(3)
    scene.merge(3, files("shop", "blog"))
    running.run()
    assert f"**Merged, and applied as planned**: `resolved` has the tree `{scene.stage.trees('resolved')[0]}`" in scene.text(3)
    assert scene.text(3).startswith("\n".join(before.splitlines()[:2]))
    assert scene.text(3).endswith("\n".join(before.splitlines()[3:]) + "\n"), "what was reviewed stays to be read"
    writes = scene.forge.writes
    running.run()
    assert scene.forge.writes == writes


def test_a_merged_one_is_told_when_main_moved_beside_it(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.merge(3, files("shop", "blog", "other"))
    scene.start().run()
    assert scene.stage.trees("resolved")[0] != plan
    text = scene.text(3)
    assert "**Merged, and applied as planned**, beside other changes of `main`" in text
    assert "- other 1.0.0 was not in the plan" in text


def test_a_plan_is_kept_for_as_long_as_what_was_merged_cannot_be_decided_on(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.down = DOWN
    scene.merge(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    assert "**Merged, and not applied yet**" in scene.text(3)
    writes = scene.forge.writes
    running.run()
    assert scene.forge.writes == writes
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.shelf.down = None
    scene.start().run()
    assert scene.stage.trees("resolved")[0] == plan
    assert "**Merged, and applied as planned**" in scene.text(3)
    assert "not applied yet" not in scene.text(3)
    assert scene.stage.head("plan/pr-3") is None


def test_a_merged_one_is_told_when_trust_was_lost_since_it_was_planned(scene: EnvironmentWithPullRequests) -> None:
    scene.stage.shelf.put(verified("bp-blog", "1.0.0"))
    wanted = files("shop") | {"applications/blog.yaml": application("blog", "bp-blog")}
    scene.propose(3, wanted)
    scene.start().run()
    before = scene.stage.head("resolved")
    scene.stage.shelf.put_unsigned("bp-blog", "1.0.0")
    scene.merge(3, wanted)
    scene.start().run()
    assert "**Merged, and refused**" in scene.text(3)
    assert "it has no signature" in scene.text(3)
    assert scene.stage.head("resolved") == before
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.put(verified("bp-blog", "1.0.0"))
    scene.stage.shelf.put(verified("bp-blog", "1.1.0"))
    scene.start().run()
    assert scene.stage.trees("resolved")[0] == plan, "once its signature is back it is what was reviewed"
    assert scene.stage.head("plan/pr-3") is None


def test_the_forge_may_know_of_a_merge_before_main_is_looked_at(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    main = scene.stage.head("main") or ""
    merged = scene.stage.push(files("shop", "blog"))
    scene.stage.git("update-ref", "refs/heads/main", main)  # as it was when the pass looked
    scene.forge.close(3, merged)
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.git("update-ref", "refs/heads/main", merged)
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    running.run()
    assert scene.stage.trees("resolved")[0] == plan
    assert "**Merged, and applied as planned**" in scene.text(3)


def test_what_was_merged_and_then_forced_off_main_is_not_waited_for(scene: EnvironmentWithPullRequests) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    scene.forge.close(3, "f" * 40)
    running.run()
    assert scene.stage.head("plan/pr-3") is not None
    running.run()
    assert scene.stage.head("plan/pr-3") is None


def test_one_whose_removal_was_taken_back_at_once_is_not_told_that_it_is_applied(scene: EnvironmentWithPullRequests) -> None:
    scene.stage.push(files("shop", "blog"))
    running = scene.start()
    running.run()
    scene.propose(3, files("shop"))
    running.run()
    scene.merge(3, files("shop"))
    scene.stage.push(files("shop", "blog"))
    running.run()
    assert "**Merged, and applied differently than planned**" in scene.text(3)
    assert "blog 1.0.0 was not in the plan" in scene.text(3)


@pytest.mark.parametrize("newer", [False, True])
def test_the_forge_may_learn_of_a_merge_after_the_push(scene: EnvironmentWithPullRequests, newer: bool) -> None:
    running = scene.start()
    scene.propose(3, files("shop", "blog"))
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    if newer:
        scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    merged = scene.stage.push(files("shop", "blog"))
    outcome = running.run()
    assert scene.stage.trees("resolved")[0] == plan
    assert outcome.fetch_after is not None
    assert outcome.fetch_after <= 10
    scene.forge.close(3, merged)
    running.run()
    assert "**Merged, and applied as planned**" in scene.text(3)
    assert "| blog | added |" in scene.text(3), "what was reviewed can still be read"


def test_one_that_is_not_marked_as_merged_is_planned_again_after_a_while(scene: EnvironmentWithPullRequests) -> None:
    running = scene.start()
    scene.propose(3, files("shop", "blog"))
    running.run()
    scene.stage.push(files("shop", "blog"))
    long_ago = re.sub(r"> \d+", "> 1790000000", scene.stage.git("cat-file", "commit", "main")) + "\n"
    made = git(scene.stage.origin, "hash-object", "-t", "commit", "-w", "--stdin", stdin=long_ago.encode())
    scene.stage.git("update-ref", "refs/heads/main", made)
    running.run()
    assert "**Nothing changes** of what runs" in scene.text(3)
