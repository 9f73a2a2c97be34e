"""What a merged pull request is told of what came of its plan."""

from __future__ import annotations

from reconciler.domain.blocker import Refused, Unavailable
from reconciler.domain.review.merge_report import MAX_DIFFERENCES, applied_report, insert_report, not_applied
from reconciler.domain.review.plan_comment import render_plan_comment
from reconciler.model.problem import Problem
from tests.support.builders import lock_of, package, sha

PLAN, OTHER = "a" * 40, "b" * 40
PASSED = Problem(code="PassedOver", message="bp-blog 1.1.0 is passed over: it has no signature", severity="warning")


def test_the_same_tree_is_the_plan() -> None:
    assert applied_report(lock_of(package("shop")), PLAN, lock_of(package("shop")), PLAN, alone=True) == (
        f"**Merged, and applied as planned**: `resolved` has the tree `{PLAN}`.",
    )


def test_each_application_that_is_another_than_planned_is_named() -> None:
    planned = lock_of(package("blog", "1.1.0", entry=sha("1")), package("gone"), package("shop"))
    lock = lock_of(package("blog", "1.0.0", entry=sha("2")), package("new"), package("shop"))
    head, *rest = applied_report(planned, PLAN, lock, OTHER, alone=True, warnings=[PASSED])
    assert "differently than planned**: an input of the plan changed in between" in head
    assert f"`resolved` has the tree `{OTHER}`" in head
    assert rest == [
        "",
        "- blog: 1.1.0 -&#62; 1.0.0",
        "- gone 1.0.0 was planned, and is not applied",
        "- new 1.0.0 was not in the plan",
        "- bp-blog 1.1.0 is passed over: it has no signature",
    ]


def test_what_came_beside_it_does_not_make_it_another_than_planned() -> None:
    beside = lock_of(package("new"), package("shop"))
    head, *rest = applied_report(lock_of(package("shop")), PLAN, beside, OTHER, alone=False)
    assert head == f"**Merged, and applied as planned**, beside other changes of `main`: `resolved` has the tree `{OTHER}`."
    assert rest == ["", "- new 1.0.0 was not in the plan"]
    moved = lock_of(package("new"), package("shop", "1.1.0", entry=sha("2")))
    head, *rest = applied_report(lock_of(package("shop")), PLAN, moved, OTHER, alone=False)
    assert "differently than planned**: `main` changed beyond it" in head


def test_new_evidence_alone_is_said_to_be_no_other_content() -> None:
    lock = lock_of(package("shop"))
    assert applied_report(lock, PLAN, lock, OTHER, alone=False)[2] == (
        "- every Application is as planned; the trust evidence or the rendering is newer"
    )


def test_there_is_an_end_to_it() -> None:
    planned = lock_of(*(package(f"a{n:03}") for n in range(MAX_DIFFERENCES + 7)))
    lines = applied_report(planned, PLAN, lock_of(), OTHER, alone=True)
    assert (len(lines), lines[-1]) == (MAX_DIFFERENCES + 3, "- and 7 more")


def test_what_is_held_up_and_what_is_refused() -> None:
    held = Unavailable("Resolved", "Unavailable", "@all <b> is gone")
    assert not_applied(held) == (
        "**Merged, and not applied yet**: Unavailable: @<!-- -->all &#60;b&#62; is gone. The plan is kept for it.",
    )
    refused = Refused("Resolved", (PASSED,))
    assert not_applied(refused)[2] == "- bp-blog 1.1.0 is passed over: it has no signature"


def test_a_paragraph_takes_the_place_of_the_one_before_and_leaves_the_plan_as_it_was() -> None:
    plan = render_plan_comment("acme-prod", (), 1, PLAN)
    once = insert_report(plan, ("first", "", "- one", "- two"))
    again = insert_report(once, ("second",))
    assert again.splitlines()[:6] == [*plan.splitlines()[:3], "<!-- catalyst: merged -->", "second", ""]
    assert again.endswith("<!-- catalyst: plan as it was -->\n" + "\n".join(plan.splitlines()[3:]) + "\n")
    assert "first" not in again
    assert insert_report(again, ("second",)) == again
