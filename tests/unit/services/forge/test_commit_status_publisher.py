"""Commit statuses, and how a status is held back or confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.commit_status import CommitStatus
from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher

if TYPE_CHECKING:
    from tests.support.fakes import FakeCommitStatusForge

GREEN, RED = CommitStatus("success", "it runs"), CommitStatus("failure", "it does not")


def test_one_that_somebody_overwrote_is_posted_again(wall: FakeCommitStatusForge) -> None:
    notices = CommitStatusPublisher(wall, "acme/acme-prod", ttl=0.0)
    notices.publish("c1", {"policy": RED})
    wall.post_status("acme/acme-prod", "c1", "policy", "success", "all is well")
    notices.publish("c1", {"policy": RED})
    assert wall.shown["c1"][-1] == ("policy", RED.state, RED.description)
    assert len(wall.shown["c1"]) == 3


def test_each_change_of_meaning_is_posted_once(wall: FakeCommitStatusForge) -> None:
    notices = CommitStatusPublisher(wall, "acme/acme-prod")
    for mark in (GREEN, GREEN, RED, RED, GREEN):
        notices.publish("c1", {"ready": mark})
    assert [state for _, state, _ in wall.shown["c1"]] == ["success", "failure", "success"]
    assert wall.asked == 1


def test_a_restart_posts_nothing_that_is_there(wall: FakeCommitStatusForge) -> None:
    CommitStatusPublisher(wall, "acme/acme-prod").publish("c1", {"ready": GREEN})
    CommitStatusPublisher(wall, "acme/acme-prod").publish("c1", {"ready": GREEN})
    assert len(wall.shown["c1"]) == 1


def test_a_post_that_failed_is_repaired_and_one_whose_answer_was_lost_is_not_doubled(wall: FakeCommitStatusForge) -> None:
    notices = CommitStatusPublisher(wall, "acme/acme-prod")
    wall.trouble = True
    notices.publish("c1", {"ready": RED})
    assert wall.shown == {}
    wall.trouble, wall.lost = False, True
    notices.publish("c1", {"ready": RED})
    notices.publish("c1", {"ready": RED})
    assert len(wall.shown["c1"]) == 1
