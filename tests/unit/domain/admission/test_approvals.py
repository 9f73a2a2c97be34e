"""Whose review counts as an approval, and of what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.admission.approvals import (
    ApprovalReview,
    Change,
    ReviewedPullRequest,
    any_of,
    approvers,
    missing_approvals,
)
from reconciler.domain.admission.plan_binding import PlanFingerprint
from reconciler.domain.admission.rules import evaluate_commits
from reconciler.model.policy import PullRequestRule

PEOPLE = PullRequestRule(kind="pr-required", approvers=["platform", "security"], min_approvals=2)

PLAN = PlanFingerprint("t", "f", "p")

ADA, BOB = (ApprovalReview(who, approves=True, commit="head", plan=PLAN) for who in ("ada", "bob"))

MEMBERS = frozenset({"ada", "bob"})


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
    words = (
        "1 more of platform or security must approve pull request 7 (ada approved another plan, or none, and may approve again)"
    )
    rule = PullRequestRule(kind="pr-required", approvers=["platform", "security"])
    assert missing_approvals(rule, found, MEMBERS, again=True) == ("" if counts else words)


def test_who_wrote_a_part_of_it_is_told_so() -> None:
    rule = PullRequestRule(kind="pr-required", approvers=["platform"])
    words = missing_approvals(
        rule, ReviewedPullRequest(7, "eve", "head", (ADA,), contributors=frozenset({"ada", "bob"})), MEMBERS, again=True
    )
    assert words == "1 more of platform must approve pull request 7 (ada wrote or pushed a part of it)"


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
