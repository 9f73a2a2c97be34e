from __future__ import annotations

import pytest

from reconciler.domain.blocker import Blocker, Refused, Unavailable
from reconciler.domain.readiness.assessment import Verdict
from reconciler.domain.review.commit_statuses import MAX_DESCRIPTION, main_statuses
from reconciler.domain.status.environment_status import build_status
from reconciler.model.commit_status import CommitStatus
from reconciler.model.problem import Problem
from tests.support.builders import lock_of, package

GOOD = Verdict("True", "Running", "InstallSucceeded", "installed", 27)
GOING = Verdict("False", "Installing", "Progressing", "running install", 20)
FAILED = Verdict("False", "Failed", "InstallFailed", "context deadline exceeded", 19)
BLIND = Verdict("Unknown", "Unknown", "KubeconfigMissing", "there is no kubeconfig", 1)
MAIN, ONE = "a" * 40, "hz-fsn-rtz-prod-acme"


def marked(verdicts: dict[str, Verdict], blocker: Blocker | None = None) -> tuple[CommitStatus, CommitStatus]:
    lock = lock_of(*(package(name, placements=[ONE]) for name in sorted(verdicts)))
    status = build_status("acme-prod", MAIN, "b" * 40, lock, {(n, ONE): v for n, v in verdicts.items()}, blocker)
    found = main_statuses(status)
    assert list(found) == ["catalyst/resolved", "catalyst/ready"]
    return found["catalyst/resolved"], found["catalyst/ready"]


@pytest.mark.parametrize(
    ("verdicts", "state", "description"),
    [
        ({"a": GOOD}, "success", "every Application is ready on all its placements"),
        ({"a": GOOD, "b": GOING}, "pending", "Progressing"),
        ({"a": GOOD, "b": FAILED}, "failure", "b: InstallFailed on hz-fsn-rtz-prod-acme: context deadline exceeded"),
        ({"a": BLIND}, "pending", "KubeconfigMissing"),
        ({}, "pending", "NothingObserved"),
    ],
)
def test_a_commit_that_is_resolved_is_marked_by_what_runs(verdicts: dict[str, Verdict], state: str, description: str) -> None:
    resolved, ready = marked(verdicts)
    assert resolved.state == "success"
    assert (ready.state, ready.description) == (state, description)


def test_a_refused_commit_is_red_twice_even_while_all_runs() -> None:
    problem = Problem(code="Untrusted", message="no signature", file="applications/web.yaml", line=8, column=3)
    resolved, ready = marked({"a": GOOD}, Refused("Resolved", (problem,)))
    assert (resolved.state, resolved.description) == ("failure", "applications/web.yaml:8:3: no signature")
    assert ready.state == "failure"


def test_a_commit_that_cannot_be_judged_now_is_never_green() -> None:
    resolved, ready = marked({"a": GOOD}, Unavailable("Resolved", "Unavailable", "the registry is away"))
    assert (resolved.state, ready.state) == ("pending", "pending")
    assert resolved.description == "Unavailable: the registry is away"


def test_a_mark_does_not_move_while_a_rollout_does() -> None:
    assert marked({"a": GOOD, "b": GOING, "c": GOING}) == marked({"a": GOOD, "b": GOOD, "c": GOING})


def test_a_description_is_bounded() -> None:
    long = Verdict("False", "Failed", "InstallFailed", "x" * 600, 19)
    assert len(marked({"a": long})[1].description) == MAX_DESCRIPTION


def test_a_commit_whose_packages_lost_their_trust_is_still_the_one_that_runs() -> None:
    lost = Refused("Trusted", (Problem(code="Untrusted", message="a: it is signed, but by no accepted key"),))
    resolved, ready = marked({"a": GOOD}, lost)
    assert (resolved.state, resolved.description.startswith("Untrusted: a: ")) == ("pending", True)
    assert ready == CommitStatus("success", "every Application is ready on all its placements")
