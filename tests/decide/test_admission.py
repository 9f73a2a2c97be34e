from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.admission import (
    Admission,
    Result,
    Score,
    broken,
    by_commits,
    by_score,
    by_soak,
    by_window,
    no_forge,
    score_in,
    unread,
)
from reconciler.decide.approvals import Change, Opinion, Proposal, any_of, approvers, lacking
from reconciler.decide.marks import Bound, bound_in, plan_mark, policies_mark, policy_mark
from reconciler.decide.plan import Step
from reconciler.decide.policies import Broken, EnvironmentPolicies
from reconciler.decide.policy_section import section
from reconciler.decide.soak import Soaked
from reconciler.model.faults import Unavailable
from reconciler.model.policy import PullRequestRule, ScoreRule, SoakRule, WindowRule
from reconciler.model.problem import Problem
from tests.decide.builders import package

NOW = int(datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp())
WINDOW = WindowRule(kind="change-window", cron="0 14 * * 2,4", duration="2h")
SOAK = SoakRule(kind="soak", source_environment="acme-stg", duration="72h")
PEOPLE = PullRequestRule(kind="pr-required", approvers=["platform", "security"], min_approvals=2)
PLAN = Bound("t", "f", "p")
ADA, BOB = (Opinion(who, approves=True, commit="head", plan=PLAN) for who in ("ada", "bob"))
MEMBERS = frozenset({"ada", "bob"})


def result(holds: str, reason: str, moment: int | None = None) -> Result:
    return Result("p", "k", holds, reason, reason.lower(), moment)  # type: ignore[arg-type]


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
def test_all_rules_must_hold(results: tuple[Result, ...], holds: str, reason: str, moment: int | None) -> None:
    found = Admission(results)
    assert (found.holds, found.reason, found.moment) == (holds, reason, moment)


def test_the_message_tells_all_that_does_not_hold() -> None:
    assert Admission((result("True", "Fine"), result("False", "A"), result("Unknown", "B"))).message == "p: a; p: b"


def test_what_cannot_be_read_is_unknown() -> None:
    found = unread("p", "soak", Unavailable("no answer"))
    assert (found.holds, found.reason) == ("Unknown", "Unavailable")
    assert "no answer" in found.words


# each rule


def test_a_window_tells_when_it_opens_and_until_when() -> None:
    closed = by_window("p", WINDOW, NOW)
    assert (closed.holds, closed.reason) == ("False", "OutsideWindow")
    assert closed.words == "the change window opens at 2026-12-01 14:00:00 UTC"
    assert closed.moment == NOW + 5 * 3600
    assert by_window("p", WINDOW, NOW + 5 * 3600).words == "open until 2026-12-01 16:00:00 UTC"


def test_a_soak_names_what_is_left_and_when_it_is_over() -> None:
    some = (package("db"), package("shop"))
    hour = 3600
    fine, going, stuck = (
        Soaked("d", 72 * hour, ready=True, seen=True),
        Soaked("d", 70 * hour, ready=True, seen=True),
        Soaked("d", 70 * hour, ready=False, seen=True),
    )
    never = Soaked("d", 0, ready=False, seen=False)
    assert by_soak("p", SOAK, some, (fine, fine), NOW).holds == "True"
    assert by_soak("p", SOAK, (), (), NOW).holds == "True"
    found = by_soak("p", SOAK, some, (fine, going), NOW)
    assert found.words == "bp-shop 1.0.0 will have been Ready in acme-stg for 72h at 2026-12-01 11:00:00 UTC if it stays so"
    assert found.moment == NOW + 2 * hour
    found = by_soak("p", SOAK, some, (stuck, going), NOW)
    assert "bp-db 1.0.0 is not Ready in acme-stg, or nobody watches it: its 4200 minutes go on when it is" in found.words
    assert found.moment is None, "time alone does not mend it"
    assert "bp-db 1.0.0 was never in acme-stg" in by_soak("p", SOAK, some, (never, fine), NOW).words


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
        found = by_score("p", rule, scores)
        assert (found.reason, found.holds == "True") == (reason, reason == "")
        assert not reason or f"re-score of {'b' * 10} " in found.words
    assert by_score("p", rule, ()).holds == "True"


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


def proposal(*opinions: Opinion, author: str = "eve", tree: str | None = "t", files: str | None = "f") -> Proposal:
    return Proposal(7, author, "head", opinions, tree, files, "p")


def test_who_counts() -> None:
    assert approvers(proposal(ADA, BOB, ADA), MEMBERS) == ("ada", "bob")
    assert approvers(proposal(ADA, author="ada"), MEMBERS) == ()
    assert approvers(proposal(ADA), frozenset()) == ()
    assert approvers(proposal(ADA, Opinion("ada", approves=False, commit="head")), MEMBERS) == ()
    assert approvers(proposal(Opinion("ada", approves=False, commit="x"), ADA), MEMBERS) == ("ada",)
    assert approvers(proposal(ADA, Opinion("ada", approves=True, commit="head", dismissed=True)), MEMBERS) == ()
    old = Opinion("ada", approves=True, commit="old", plan=PLAN)
    assert approvers(proposal(old), MEMBERS) == ("ada",)
    assert approvers(proposal(old, tree="u"), MEMBERS) == ()
    assert approvers(proposal(old, files="g"), MEMBERS) == ()
    assert approvers(proposal(Opinion("ada", approves=True, commit="old")), MEMBERS) == ()


@pytest.mark.parametrize(
    ("plan", "of", "counts"),
    [
        (Bound("t", "f", "p"), ("t", "f", "p"), True),
        (Bound("t", "f", "p"), ("u", "f", "p"), True),  # main moved in other files
        (Bound("t", "f", "p"), ("t", "g", "q"), False),  # and in these: it changes something else, whatever that comes to today
        (Bound("t", "f", "p"), ("u", "g", "p"), False),  # a part of it is on main already, or was taken from it
        (Bound("t", "f", "p"), ("u", "f", "q"), False),  # it brings another version by now
        (Bound("t", "f", "p"), (None, "g", None), False),
        (Bound("t", "f", "p"), (None, "f", None), False),  # the last plan of it was of something else
        (Bound("t", "f", "p"), (None, None, None), False),  # what it comes to now is not known
        (None, ("t", "f", "p"), False),  # nobody said what it comes to when it was approved
    ],
)
def test_an_approval_of_the_head_is_of_what_it_came_to_then(
    plan: Bound | None, of: tuple[str | None, str | None, str | None], counts: bool
) -> None:
    found = Proposal(7, "eve", "head", (Opinion("ada", approves=True, commit="head", plan=plan),), *of)
    assert approvers(found, MEMBERS) == (("ada",) if counts else ())
    words = "1 more of platform or security must approve pull request 7 (ada approved of another plan, or of none, and may again)"
    rule = PullRequestRule(kind="pr-required", approvers=["platform", "security"])
    assert lacking(rule, found, MEMBERS, again=True) == ("" if counts else words)


def test_who_wrote_a_part_of_it_is_told_so() -> None:
    rule = PullRequestRule(kind="pr-required", approvers=["platform"])
    words = lacking(rule, Proposal(7, "eve", "head", (ADA,), contributors=frozenset({"ada", "bob"})), MEMBERS, again=True)
    assert words == "1 more of platform must approve pull request 7 (ada wrote or pushed a part of it)"


def test_a_mark_of_a_plan_holds_what_it_binds_approvals_to() -> None:
    bound, one = Bound("a" * 40, "b" * 32, "c" * 32), Step(package("shop"), None, package("shop"), ())
    for many in (0, 1, 100_000):
        assert bound_in(plan_mark([one] * many, 100_000, bound, None).description) == bound, "it is not cut off"


@given(
    st.lists(
        st.builds(
            Opinion,
            st.sampled_from(["ada", "bob", "eve", "tom"]),
            st.booleans(),
            st.sampled_from(["head", "old"]),
            st.booleans(),
            st.sampled_from([None, PLAN, Bound("u", "f", "p"), Bound("u", "f", "q"), Bound("t", "g", "p")]),
        )
    )
)
def test_nobody_counts_who_may_not_or_did_not_say_so_last(opinions: list[Opinion]) -> None:
    found = approvers(proposal(*opinions, author="bob"), MEMBERS)
    last = {one.person: one for one in opinions}
    same = {PLAN: {"head", "old"}, Bound("u", "f", "p"): {"head"}}
    good = {
        p for p, one in last.items() if one.approves and not one.dismissed and one.plan and one.commit in same.get(one.plan, ())
    }
    assert set(found) == {"ada"} & good


def test_each_change_is_told_with_what_it_lacks() -> None:
    changes = (Change("a" * 40), Change("b" * 40, proposal(ADA)), Change("c" * 40, proposal(ADA, BOB)))
    found = by_commits("p", PEOPLE, changes, MEMBERS)
    assert found.words.startswith(
        "aaaaaaaaaa came with no merged pull request; "
        "bbbbbbbbbb: 1 more of platform or security must approve pull request 7 (ada approved)"
    )
    assert "c" * 10 not in found.words
    assert by_commits("p", PEOPLE, changes[2:], MEMBERS).holds == "True"
    assert any_of(["a"]) == "a"
    assert any_of(["a", "b", "c"]) == "a, b or c"


# where it is told


def test_the_mark_of_a_pull_request() -> None:
    problem = Problem(code="X", message="bad", file="policies/p.yaml", line=3, column=1)
    waits = Admission((result("False", "OutsideWindow", 9), result("True", "")))
    assert policy_mark(Admission((broken((problem,)),))).state == "failure"
    assert policy_mark(Admission()).description == "merged now, it would be applied at once: no EnvironmentPolicy applies"
    assert policy_mark(waits).state == "success"
    assert policy_mark(waits).description == "merged now, it would wait: p: outsidewindow"
    assert policy_mark(Admission((result("False", "Soaking", 9),))).state == "pending"
    assert policy_mark(Admission((result("Unknown", "Denied"),))).state == "pending"
    assert policy_mark(Admission((no_forge("p", "pr-required"),))).state == "pending"
    assert (
        policies_mark(EnvironmentPolicies((), (Broken((problem, problem)),))).description
        == "policies/p.yaml:3:1: bad (and 1 more)"
    )
    assert policies_mark(EnvironmentPolicies()).state == "success"


def test_the_section_of_a_comment_is_escaped() -> None:
    lines = "\n".join(section(Admission((Result("p", "soak", "False", "Soaking", "<b> | @ada [x](y)"),))))
    assert "#### Policy: merged now, it is held" in lines
    assert "<b>" not in lines
    assert "@ada" not in lines
    assert list(section(Admission())) == []
    waits = Admission((Result("p", "soak", "True", "", "fine"),))
    assert list(section(waits, planned=False)) == [], "nothing is applied at once of what cannot be planned"
    assert list(section(Admission((broken((Problem(code="X", message="bad"),)),)), planned=False))


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        (f"1 of 2 Applications change; diff {'b' * 32}-{'c' * 32}; tree {'a' * 40}", Bound("a" * 40, "b" * 32, "c" * 32)),
        (f"; diff {'b' * 32}-{'c' * 32}; tree {'a' * 40}!", None),
        (f"; diff {'b' * 32}-{'c' * 32}; tree {'a' * 10}", None),
        (f"; diff {'b' * 32}; tree {'a' * 40}", None),
        (f"; tree {'a' * 40}", None),
    ],
)
def test_what_a_mark_binds_approvals_to(text: str, bound: Bound | None) -> None:
    assert bound_in(text) == bound
