from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.admission import (
    Admission,
    RuleResult,
    Score,
    broken,
    evaluate_commits,
    evaluate_score,
    evaluate_soak,
    evaluate_window,
    no_forge,
    score_in,
    unreadable,
)
from reconciler.decide.approvals import ApprovalReview, Change, ReviewedPullRequest, any_of, approvers, missing_approvals
from reconciler.decide.marks import PlanFingerprint, parse_fingerprint, plan_status, policies_status, policy_status
from reconciler.decide.plan import ApplicationChange
from reconciler.decide.policies import EnvironmentPolicies, InvalidPolicy
from reconciler.decide.policy_section import section
from reconciler.decide.soak import SoakTime
from reconciler.model.faults import UnavailableError
from reconciler.model.policy import PullRequestRule, ScoreRule, SoakRule, WindowRule
from reconciler.model.problem import Problem
from tests.decide.builders import package

NOW = int(datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp())
WINDOW = WindowRule(kind="change-window", cron="0 14 * * 2,4", duration="2h")
SOAK = SoakRule(kind="soak", source_environment="acme-stg", duration="72h")
PEOPLE = PullRequestRule(kind="pr-required", approvers=["platform", "security"], min_approvals=2)
PLAN = PlanFingerprint("t", "f", "p")
ADA, BOB = (ApprovalReview(who, approves=True, commit="head", plan=PLAN) for who in ("ada", "bob"))
MEMBERS = frozenset({"ada", "bob"})


def result(holds: str, reason: str, moment: int | None = None) -> RuleResult:
    return RuleResult("p", "k", holds, reason, reason.lower(), moment)  # type: ignore[arg-type]


# all rules together


@pytest.mark.parametrize(
    ("results", "holds", "reason", "moment"),
    [
        ((), "True", "NoPolicy", None),
        ((result("True", "", 5),), "True", "Admitted", None),
        ((result("True", "", 5), result("False", "OutsideWindow", 9)), "False", "OutsideWindow", 9),
        ((result("False", "OutsideWindow", 9), result("False", "Soaking", 7)), "False", "Soaking", 7),
        ((result("False", "Soaking", 7), result("False", "PendingApproval")), "False", "PendingApproval", 7),
        ((result("Unknown", "Denied"), result("False", "OutsideWindow", 9)), "False", "OutsideWindow", 9),
        ((result("Unknown", "Denied"), result("True", "")), "Unknown", "Denied", None),
    ],
)
def test_all_rules_must_hold(results: tuple[RuleResult, ...], holds: str, reason: str, moment: int | None) -> None:
    found = Admission(results)
    assert (found.status, found.reason, found.retry_at) == (holds, reason, moment)


def test_the_message_tells_all_that_does_not_hold() -> None:
    assert Admission((result("True", "Fine"), result("False", "A"), result("Unknown", "B"))).message == "p: a; p: b"


def test_what_cannot_be_read_is_unknown() -> None:
    found = unreadable("p", "soak", UnavailableError("no answer"))
    assert (found.status, found.reason) == ("Unknown", "Unavailable")
    assert "no answer" in found.message


# each rule


def test_a_window_tells_when_it_opens_and_until_when() -> None:
    closed = evaluate_window("p", WINDOW, NOW)
    assert (closed.status, closed.reason) == ("False", "OutsideWindow")
    assert closed.message == "the change window opens at 2026-12-01 14:00:00 UTC"
    assert closed.retry_at == NOW + 5 * 3600
    assert evaluate_window("p", WINDOW, NOW + 5 * 3600).message == "open until 2026-12-01 16:00:00 UTC"


def test_a_soak_names_what_is_left_and_when_it_is_over() -> None:
    some = (package("db"), package("shop"))
    hour = 3600
    fine, going, stuck = (
        SoakTime("d", 72 * hour, ready=True, seen=True),
        SoakTime("d", 70 * hour, ready=True, seen=True),
        SoakTime("d", 70 * hour, ready=False, seen=True),
    )
    never = SoakTime("d", 0, ready=False, seen=False)
    assert evaluate_soak("p", SOAK, some, (fine, fine), NOW).status == "True"
    assert evaluate_soak("p", SOAK, (), (), NOW).status == "True"
    found = evaluate_soak("p", SOAK, some, (fine, going), NOW)
    assert found.message == "bp-shop 1.0.0 will have been Ready in acme-stg for 72h at 2026-12-01 11:00:00 UTC if it stays so"
    assert found.retry_at == NOW + 2 * hour
    found = evaluate_soak("p", SOAK, some, (stuck, going), NOW)
    assert "bp-db 1.0.0 is not Ready in acme-stg, or nobody watches it: its 4200 minutes go on when it is" in found.message
    assert found.retry_at is None, "time alone does not mend it"
    assert "bp-db 1.0.0 was never in acme-stg" in evaluate_soak("p", SOAK, some, (never, fine), NOW).message


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (("", ""), "ScoreMissing"),
        (("pending", "score 99"), "ScoreMissing"),
        (("success", "all is well"), "ScoreMissing"),
        (("success", "score 79.9"), "ScoreTooLow"),
        (("failure", "score 99"), "ScoreTooLow"),
        (("error", ""), "ScoreTooLow"),
        (("success", "score 80"), ""),
        (("success", "83/100"), ""),
    ],
)
def test_a_score(score: tuple[str, str], reason: str) -> None:
    rule = ScoreRule(kind="re-score-gate", min_score=80)
    good, one = Score("a" * 40, "success", "99/100"), Score("b" * 40, *score)
    for scores in ((one,), (good, one), (one, good)):
        found = evaluate_score("p", rule, scores)
        assert (found.reason, found.status == "True") == (reason, reason == "")
        assert not reason or f"re-score of {'b' * 10} " in found.message
    assert evaluate_score("p", rule, ()).status == "True"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("score 83", 83),
        ("83/100", 83),
        ("Re-Score: 83.5 / 100 (12 checks)", 83.5),
        ("Score: 7, of 12 checks", 7),
        ("83", 83),
        ("12 of 15 checks", None),
        ("score 830", None),
        ("1083/100", None),
        ("-", None),
        ("183/100", None),
    ],
)
def test_a_number_is_read_only_when_it_is_plain(text: str, number: float | None) -> None:
    assert score_in(text) == number


@given(st.text(max_size=60))
def test_no_description_gives_more_than_a_hundred(text: str) -> None:
    assert score_in(text) is None or 0 <= (score_in(text) or 0) <= 100


# approvals


def proposal(
    *opinions: ApprovalReview, author: str = "eve", tree: str | None = "t", files: str | None = "f"
) -> ReviewedPullRequest:
    return ReviewedPullRequest(7, author, "head", opinions, tree, files, "p")


def test_who_counts() -> None:
    assert approvers(proposal(ADA, BOB, ADA), MEMBERS) == ("ada", "bob")
    assert approvers(proposal(ADA, author="ada"), MEMBERS) == ()
    assert approvers(proposal(ADA), frozenset()) == ()
    assert approvers(proposal(ADA, ApprovalReview("ada", approves=False, commit="head")), MEMBERS) == ()
    assert approvers(proposal(ApprovalReview("ada", approves=False, commit="x"), ADA), MEMBERS) == ("ada",)
    assert approvers(proposal(ADA, ApprovalReview("ada", approves=True, commit="head", dismissed=True)), MEMBERS) == ()
    old = ApprovalReview("ada", approves=True, commit="old", plan=PLAN)
    assert approvers(proposal(old), MEMBERS) == ("ada",)
    assert approvers(proposal(old, tree="u"), MEMBERS) == ()
    assert approvers(proposal(old, files="g"), MEMBERS) == ()
    assert approvers(proposal(ApprovalReview("ada", approves=True, commit="old")), MEMBERS) == ()


@pytest.mark.parametrize(
    ("plan", "of", "counts"),
    [
        (PlanFingerprint("t", "f", "p"), ("t", "f", "p"), True),
        (PlanFingerprint("t", "f", "p"), ("u", "f", "p"), True),  # main moved in other files
        (
            PlanFingerprint("t", "f", "p"),
            ("t", "g", "q"),
            False,
        ),  # and in these: it changes something else, whatever that comes to today
        (PlanFingerprint("t", "f", "p"), ("u", "g", "p"), False),  # a part of it is on main already, or was taken from it
        (PlanFingerprint("t", "f", "p"), ("u", "f", "q"), False),  # it brings another version by now
        (PlanFingerprint("t", "f", "p"), (None, "g", None), False),
        (PlanFingerprint("t", "f", "p"), (None, "f", None), False),  # the last plan of it was of something else
        (PlanFingerprint("t", "f", "p"), (None, None, None), False),  # what it comes to now is not known
        (None, ("t", "f", "p"), False),  # nobody said what it comes to when it was approved
    ],
)
def test_an_approval_of_the_head_is_of_what_it_came_to_then(
    plan: PlanFingerprint | None, of: tuple[str | None, str | None, str | None], counts: bool
) -> None:
    found = ReviewedPullRequest(7, "eve", "head", (ApprovalReview("ada", approves=True, commit="head", plan=plan),), *of)
    assert approvers(found, MEMBERS) == (("ada",) if counts else ())
    words = "1 more of platform or security must approve pull request 7 (ada approved of another plan, or of none, and may again)"
    rule = PullRequestRule(kind="pr-required", approvers=["platform", "security"])
    assert missing_approvals(rule, found, MEMBERS, again=True) == ("" if counts else words)


def test_who_wrote_a_part_of_it_is_told_so() -> None:
    rule = PullRequestRule(kind="pr-required", approvers=["platform"])
    words = missing_approvals(
        rule, ReviewedPullRequest(7, "eve", "head", (ADA,), contributors=frozenset({"ada", "bob"})), MEMBERS, again=True
    )
    assert words == "1 more of platform must approve pull request 7 (ada wrote or pushed a part of it)"


def test_a_mark_of_a_plan_holds_what_it_binds_approvals_to() -> None:
    bound, one = PlanFingerprint("a" * 40, "b" * 32, "c" * 32), ApplicationChange(package("shop"), None, package("shop"), ())
    for many in (0, 1, 100_000):
        assert parse_fingerprint(plan_status([one] * many, 100_000, bound, None).description) == bound, "it is not cut off"


@given(
    st.lists(
        st.builds(
            ApprovalReview,
            st.sampled_from(["ada", "bob", "eve", "tom"]),
            st.booleans(),
            st.sampled_from(["head", "old"]),
            st.booleans(),
            st.sampled_from(
                [None, PLAN, PlanFingerprint("u", "f", "p"), PlanFingerprint("u", "f", "q"), PlanFingerprint("t", "g", "p")]
            ),
        )
    )
)
def test_nobody_counts_who_may_not_or_did_not_say_so_last(opinions: list[ApprovalReview]) -> None:
    found = approvers(proposal(*opinions, author="bob"), MEMBERS)
    last = {one.person: one for one in opinions}
    same = {PLAN: {"head", "old"}, PlanFingerprint("u", "f", "p"): {"head"}}
    good = {
        p for p, one in last.items() if one.approves and not one.dismissed and one.plan and one.commit in same.get(one.plan, ())
    }
    assert set(found) == {"ada"} & good


def test_each_change_is_told_with_what_it_lacks() -> None:
    changes = (Change("a" * 40), Change("b" * 40, proposal(ADA)), Change("c" * 40, proposal(ADA, BOB)))
    found = evaluate_commits("p", PEOPLE, changes, MEMBERS)
    assert found.message.startswith(
        "aaaaaaaaaa came with no merged pull request; "
        "bbbbbbbbbb: 1 more of platform or security must approve pull request 7 (ada approved)"
    )
    assert "c" * 10 not in found.message
    assert evaluate_commits("p", PEOPLE, changes[2:], MEMBERS).status == "True"
    assert any_of(["a"]) == "a"
    assert any_of(["a", "b", "c"]) == "a, b or c"


# where it is told


def test_the_mark_of_a_pull_request() -> None:
    problem = Problem(code="X", message="bad", file="policies/p.yaml", line=3, column=1)
    waits = Admission((result("False", "OutsideWindow", 9), result("True", "")))
    assert policy_status(Admission((broken((problem,)),))).state == "failure"
    assert policy_status(Admission()).description == "merged now, it would be applied at once: no EnvironmentPolicy applies"
    assert policy_status(waits).state == "success"
    assert policy_status(waits).description == "merged now, it would wait: p: outsidewindow"
    assert policy_status(Admission((result("False", "Soaking", 9),))).state == "pending"
    assert policy_status(Admission((result("Unknown", "Denied"),))).state == "pending"
    assert policy_status(Admission((no_forge("p", "pr-required"),))).state == "pending"
    assert (
        policies_status(EnvironmentPolicies((), (InvalidPolicy((problem, problem)),))).description
        == "policies/p.yaml:3:1: bad (and 1 more)"
    )
    assert policies_status(EnvironmentPolicies()).state == "success"


def test_the_section_of_a_comment_is_escaped() -> None:
    lines = "\n".join(section(Admission((RuleResult("p", "soak", "False", "Soaking", "<b> | @ada [x](y)"),))))
    assert "#### Policy: merged now, it is held" in lines
    assert "<b>" not in lines
    assert "@ada" not in lines
    assert list(section(Admission())) == []
    waits = Admission((RuleResult("p", "soak", "True", "", "fine"),))
    assert list(section(waits, planned=False)) == [], "nothing is applied at once of what cannot be planned"
    assert list(section(Admission((broken((Problem(code="X", message="bad"),)),)), planned=False))


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        (
            f"1 of 2 Applications change; diff {'b' * 32}-{'c' * 32}; tree {'a' * 40}",
            PlanFingerprint("a" * 40, "b" * 32, "c" * 32),
        ),
        (f"; diff {'b' * 32}-{'c' * 32}; tree {'a' * 40}!", None),
        (f"; diff {'b' * 32}-{'c' * 32}; tree {'a' * 10}", None),
        (f"; diff {'b' * 32}; tree {'a' * 40}", None),
        (f"; tree {'a' * 40}", None),
    ],
)
def test_what_a_mark_binds_approvals_to(text: str, bound: PlanFingerprint | None) -> None:
    assert parse_fingerprint(text) == bound
