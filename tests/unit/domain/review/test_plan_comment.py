"""The comment that shows a plan on its pull request."""

from __future__ import annotations

from reconciler.domain.admission.rules import Admission, RuleResult, broken
from reconciler.domain.blocker import Refused, Unavailable
from reconciler.domain.locking.lock_diff import ApplicationChange
from reconciler.domain.review.commit_statuses import MAX_DESCRIPTION, plan_status
from reconciler.domain.review.plan_comment import (
    MARKER,
    MAX_CELL_NAMES,
    MAX_COMMENT_PROBLEMS,
    MAX_COMMENT_ROWS,
    render_plan_comment,
    section,
)
from reconciler.model.lock import Requirer
from reconciler.model.problem import Problem
from tests.support.builders import entry_digest, package

TREE = "a" * 40


def test_the_section_of_a_comment_is_escaped() -> None:
    lines = "\n".join(section(Admission((RuleResult("p", "soak", "False", "Soaking", "<b> | @ada [x](y)"),))))
    assert "#### Policy: merged now, it is held" in lines
    assert "<b>" not in lines
    assert "@ada" not in lines
    assert list(section(Admission())) == []
    waits = Admission((RuleResult("p", "soak", "True", "", "fine"),))
    assert list(section(waits, planned=False)) == [], "nothing is applied at once of what cannot be planned"
    assert list(section(Admission((broken((Problem(code="X", message="bad"),)),)), planned=False))


def step(name: str = "shop", **changes: object) -> ApplicationChange:
    old = package(name, "1.0.0", entry=entry_digest("1"))
    new = package(name, "1.1.0", entry=entry_digest("2"), **changes)
    return ApplicationChange(new, old, new, ("web",))


def test_a_comment_tells_what_changes_who_signed_it_and_the_tree() -> None:
    needed = step(required_by=[Requirer(application="web", range="^1", in_="bp-web@1.0.0")])
    text = render_plan_comment("acme-prod", [needed], 8, TREE, compare="acme/acme-prod/compare/resolved...plan/pr-3")
    assert text.startswith(f"{MARKER}\n### Plan for acme-prod\n")
    assert "**1 of 8 Applications change** once this is merged." in text
    assert "| shop | 1.0.0 -&#62; 1.1.0 | bp-shop 1.1.0 | web | web |" in text
    assert "`resolved` will have the tree `" + TREE in text
    assert "](/:root/acme/acme-prod/compare/resolved...plan/pr-3)" in text
    assert "shop by openova" in text


def test_nothing_that_people_wrote_becomes_markup() -> None:
    hostile = "x | </details><script> @admin [a](http://h.example) ![i](http://h.example)\n# head"
    problem = Problem(code="Bad", message=hostile, file="applications/a|b.yaml", line=1, column=1, hint=hostile)
    blocker = Refused("Valid", (problem,))
    for text in (
        render_plan_comment("acme-prod", [], 0, None, blocker=blocker),
        render_plan_comment("acme-prod", [step()], 1, TREE, warnings=(problem,)),
    ):
        for word in ("<script", "@admin", "](http", "![", "\n# head", "h.example)"):
            assert word not in text
        assert text.count("</details>") <= 1


def test_what_cannot_be_told_now_is_not_called_refused() -> None:
    text = render_plan_comment("acme-prod", [], 0, None, blocker=Unavailable("Resolved", "Unavailable", "no answer"))
    assert "Not determined yet" in text
    assert "Refused" not in text
    assert plan_status((), 0, None, Unavailable("Resolved", "Unavailable", "x")).state == "pending"


def test_comments_and_marks_are_bounded() -> None:
    many = [step(f"a{number}") for number in range(MAX_COMMENT_ROWS + 50)]
    text = render_plan_comment("acme-prod", many, len(many), TREE)
    assert "\nand 50 more\n" in text
    crowd = ApplicationChange(package("shop"), None, package("shop"), tuple(f"a{n}" for n in range(1000)))
    assert f"a{MAX_CELL_NAMES - 1} and {1000 - MAX_CELL_NAMES} more |" in render_plan_comment("acme-prod", [crowd], 1, TREE)
    problems = tuple(Problem(code="Bad", message=f"problem {n}", file="x.yaml") for n in range(MAX_COMMENT_PROBLEMS + 7))
    blocker = Refused("Valid", problems)
    assert "- and 7 more" in render_plan_comment("acme-prod", [], 0, None, blocker=blocker)
    assert len(plan_status((), 0, None, blocker).description) <= MAX_DESCRIPTION
