"""From verdicts to the status: never Ready by default, and nothing in it that a reader's eye or forge would stumble over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.blocker import Blocker, Refused, Unavailable
from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.domain.readiness.assessment import Verdict
from reconciler.domain.status.conditions import TRUSTED
from reconciler.domain.status.environment_status import MAX_STATUS_PROBLEMS, build_status, status_subject
from reconciler.domain.status.status_page import status_page
from reconciler.domain.trust.lock_trust import LockTrust
from reconciler.model.problem import Problem
from tests.support.builders import FSN, NBG, blueprint, lock_of, package, verified

if TYPE_CHECKING:
    from reconciler.model.status import EnvironmentStatus

GOOD = Verdict("True", "Running", "InstallSucceeded", "installed", 27)

FAILED = Verdict("False", "Failed", "InstallFailed", "timed out", 19)

GOING = Verdict("False", "Installing", "Progressing", "running install", 20)

BLIND = Verdict("Unknown", "Unknown", "KubeconfigMissing", "there is no kubeconfig", 1)

MAIN, RESOLVED = "a" * 40, "b" * 40


def waiting(*names: str) -> Verdict:
    return Verdict("False", "Installing", "DependencyNotReady", "dependency is not ready", 18, waiting_for=names)


def status_of(blocker: Blocker | None = None, standing: LockTrust = TRUSTED, **verdicts: Verdict) -> EnvironmentStatus:
    lock = lock_of(*(package(name) for name in sorted(verdicts)))
    return build_status("acme-prod", MAIN, RESOLVED, lock, {(name, FSN): v for name, v in verdicts.items()}, blocker, standing)


def refusal(*problems: Problem) -> Refused:
    return Refused("Resolved", problems)


def test_all_applications_ready_is_ready() -> None:
    status = status_of(a=GOOD, b=GOOD)
    assert (status.condition("Ready").status, status_subject(status)) == ("True", "acme-prod: Ready 2/2")
    assert (status.input, status.resolved, status.refused) == (MAIN, RESOLVED, None)


def test_no_application_and_no_lock_are_never_ready() -> None:
    for lock in (lock_of(), None):
        status = build_status("acme-prod", MAIN, None, lock, {}, None)
        ready = status.condition("Ready")
        assert (ready.status, ready.reason) == ("Unknown", "NothingObserved")
        assert status_subject(status) == "acme-prod: Unknown (NothingObserved)"


def test_an_application_that_is_placed_nowhere_is_never_ready() -> None:
    status = build_status("acme-prod", MAIN, RESOLVED, lock_of(package("web", placements=[])), {}, None)
    assert (status.applications[0].ready, status.condition("Ready").status) == ("Unknown", "Unknown")
    status_page(status)


@pytest.mark.parametrize(
    ("verdicts", "line"),
    [
        ({"a": GOOD, "b": GOING}, "acme-prod: Progressing 1/2 (waiting: b)"),
        ({"a": GOOD, "b": FAILED}, "acme-prod: Failed 1/2 (b: InstallFailed)"),
        ({"a": GOOD, "b": BLIND}, "acme-prod: Unknown (KubeconfigMissing)"),
        ({"a": GOING, "b": FAILED, "c": BLIND}, "acme-prod: Failed 0/3 (b: InstallFailed)"),
        ({"a": waiting("db"), "b": waiting("a"), "db": GOING}, "acme-prod: Progressing 0/3 (waiting: db)"),
        ({"a": waiting("db"), "db": FAILED}, "acme-prod: Failed 0/2 (db: InstallFailed)"),
    ],
)
def test_the_subject_tells_the_state_in_one_line(verdicts: dict[str, Verdict], line: str) -> None:
    assert status_subject(status_of(None, TRUSTED, **verdicts)) == line


def test_a_refused_commit_is_told_with_its_place_and_what_runs_keeps_its_state() -> None:
    status = status_of(refusal(Problem(code="Untrusted", message="no", file="applications/web.yaml", line=9, column=3)), a=GOOD)
    assert status_subject(status) == "acme-prod: Refused aaaaaaaaaa (applications/web.yaml:9:3), still Ready 1/1"
    assert status.refused == MAIN
    assert [(c.type, c.status) for c in status.conditions] == [
        ("Valid", "True"),
        ("Admitted", "Unknown"),
        ("Resolved", "False"),
        ("Trusted", "False"),
        ("Committed", "Unknown"),
        ("Ready", "True"),
    ]
    assert "is refused" in status_page(status)


def test_what_could_not_be_judged_is_unknown_and_refuses_nothing() -> None:
    status = status_of(Unavailable("Resolved", "Unavailable", "the registry did not answer"), a=GOOD)
    assert status.refused is None
    assert status.condition("Resolved").status == "Unknown"
    assert status_subject(status) == "acme-prod: Ready 1/1, Unavailable"


def test_what_lost_its_trust_is_named_and_what_runs_keeps_its_state() -> None:
    gone = ExcludedVersion("1.0.0", "Untrusted", "it is signed, but by no accepted key")
    answers: dict[str, VerifiedBlueprint | ExcludedVersion] = {
        "oci://x/bp-db@1": gone,
        "oci://x/bp-a@1": verified(blueprint("a")),
    }
    standing = LockTrust(answers, {"oci://x/bp-db@1": ("db", "data")})
    blocker = Refused("Trusted", (Problem(code="Untrusted", message="no"),))
    for found in (blocker, None):
        status = status_of(found, standing, a=GOOD)
        trusted = status.condition("Trusted")
        assert (trusted.status, trusted.reason) == ("False", "Untrusted")
        assert trusted.message == "db, data: it is signed, but by no accepted key; what runs is left running"
        assert [c.status for c in status.conditions if c.type in {"Resolved", "Committed", "Ready"}] == ["True"] * 3
        assert (status.refused, status_subject(status)) == (None, "acme-prod: Ready 1/1, Untrusted")


def test_what_is_damaged_or_gone_is_not_called_untrusted() -> None:
    damaged: dict[str, VerifiedBlueprint | ExcludedVersion] = {
        "oci://x/bp-db@1": ExcludedVersion("1.0.0", "Gone", "the registry has it no more")
    }
    trusted = status_of(None, LockTrust(damaged, {"oci://x/bp-db@1": ("db",)}), a=GOOD).condition("Trusted")
    assert (trusted.status, trusted.reason, trusted.message) == ("Unknown", "Damaged", "db: the registry has it no more")


def test_trust_that_cannot_be_looked_at_is_unknown() -> None:
    status = status_of(None, LockTrust(fault=Unavailable("Trusted", "Unavailable", "the registry did not answer")), a=GOOD)
    trusted = status.condition("Trusted")
    assert (trusted.status, trusted.reason) == ("Unknown", "Unavailable")
    assert trusted.message == "cannot be checked again: the registry did not answer"
    assert status_subject(status) == "acme-prod: Ready 1/1, Unavailable"


def test_every_condition_is_there_exactly_once() -> None:
    kinds = [c.type for c in status_of(a=GOOD).conditions]
    assert kinds == ["Valid", "Admitted", "Resolved", "Trusted", "Committed", "Ready"]


def test_every_victim_of_a_chain_is_told_the_application_at_its_root() -> None:
    status = status_of(a=waiting("b"), b=waiting("c"), c=FAILED)
    messages = {a.name: a.placements[0].message for a in status.applications}
    assert messages == {"a": "waiting for c (InstallFailed)", "b": "waiting for c (InstallFailed)", "c": "timed out"}


def test_applications_that_wait_in_a_circle_or_for_a_stranger_are_told_all_the_same() -> None:
    status = status_of(a=waiting("b"), b=waiting("c"), c=waiting("b"), d=waiting("stranger"))
    assert status.condition("Ready").status == "False"
    assert status.applications[3].placements[0].message == "waiting for stranger"
    assert all(a.placements[0].message.startswith("waiting for ") for a in status.applications)


def test_blockers_are_named_on_their_own_cluster() -> None:
    lock = lock_of(package("a", placements=[FSN, NBG]), package("b", placements=[FSN, NBG]))
    verdicts = {("a", FSN): waiting("b"), ("a", NBG): GOOD, ("b", FSN): FAILED, ("b", NBG): GOOD}
    first = build_status("acme-prod", MAIN, RESOLVED, lock, verdicts, None).applications[0]
    assert [p.message for p in first.placements] == ["waiting for b (InstallFailed)", "installed"]
    assert (first.ready, first.state) == ("False", "Installing")


STATES = st.sampled_from(["Running", "Installing", "Updating", "Degraded", "Failed", "Paused", "PendingApproval", "Unknown"])

VERDICT: st.SearchStrategy[Any] = st.builds(
    Verdict,
    ready=st.sampled_from(["True", "True", "True", "False", "Unknown"]),
    state=STATES,
    reason=st.sampled_from(["One", "DependencyNotReady"]),
    message=st.text(max_size=9),
    row=st.just(27),
    waiting_for=st.lists(st.sampled_from("abcz"), max_size=1).map(tuple),
)


@given(st.dictionaries(st.sampled_from("abc"), st.tuples(VERDICT, VERDICT), max_size=3), st.booleans())
def test_ready_is_true_exactly_where_something_is_placed_and_all_of_it_is(given_: dict[str, Any], refused: bool) -> None:
    lock = lock_of(*(package(name, placements=[FSN, NBG]) for name in sorted(given_)))
    verdicts = {(name, cluster): v for name, two in given_.items() for cluster, v in zip((FSN, NBG), two, strict=True)}
    status = build_status(
        "acme-prod", MAIN, RESOLVED, lock, verdicts, refusal(Problem(code="NoVersion", message="no")) if refused else None
    )
    every = bool(verdicts) and all(v.ready == "True" for v in verdicts.values())
    assert (status.condition("Ready").status == "True") == every
    assert (" Ready " in status_subject(status)) == every
    assert status_subject(status).isprintable()
    status_page(status)


def test_hostile_text_stays_in_its_cell() -> None:
    evil = Verdict("False", "Failed", "X|Y", "a|b\n\n# owned @all <script> ![x](http://y)", 19)
    text = status_page(status_of(a=evil))
    rows = [line for line in text.splitlines() if line.startswith("| a ")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 10
    assert not re.search(r"<script|@all|http://", text)


def test_the_problems_of_a_refusal_are_bounded() -> None:
    many = [Problem(code="Any", message="m" * 10_000, file="f.yaml", line=i, hint="h" * 10_000) for i in range(1000)]
    status = status_of(refusal(*many), a=GOOD)
    assert len(status.problems) == MAX_STATUS_PROBLEMS
    assert len(status_page(status)) < MAX_STATUS_PROBLEMS * 3000
