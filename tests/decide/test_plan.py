"""What a change does to what is resolved, and how its pull request tells it."""

from __future__ import annotations

from reconciler.decide.blocker import Refused, Unavailable
from reconciler.decide.comment import MARKER, MAX_CELL_NAMES, MAX_COMMENT_PROBLEMS, MAX_COMMENT_ROWS, render_plan_comment
from reconciler.decide.marks import MAX_DESCRIPTION, plan_status
from reconciler.decide.plan import ApplicationChange, diff_locks
from reconciler.model.lock import EnvironmentLock, Package, Requirer
from reconciler.model.problem import Problem
from tests.decide.builders import FSN, NBG, lock_of, package, sha

TREE = "a" * 40


def entry(text: str) -> str:
    return sha(text)


def told(prior: EnvironmentLock | None, *packages: Package) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(step.package.application, step.summary, step.affected_dependents) for step in diff_locks(prior, lock_of(*packages))]


def test_what_touches_running_applications_comes_first() -> None:
    prior = lock_of(package("shop", "1.0.0", entry=entry("1")), package("zoo"))
    new = package("shop", "1.1.0", entry=entry("2"))
    assert told(prior, new, package("blog")) == [
        ("shop", "1.0.0 -> 1.1.0", ()),
        ("zoo", "removed", ()),
        ("blog", "added", ()),
    ]


def test_other_evidence_for_the_same_content_is_no_step() -> None:
    prior = lock_of(package("shop"))
    (one,) = prior.packages
    again = one.model_copy(update={"evidence": [one.evidence[0].model_copy(update={"signature": sha("another")})]})
    assert told(prior, again) == []


def test_who_runs_and_depends_on_it_waits_also_through_others() -> None:
    rest = (package("api", depends_on=["db"]), package("web", depends_on=["api"]), package("other"))
    prior = lock_of(package("db", "1.0.0", entry=entry("1")), *rest)
    after = (package("db", "1.1.0", entry=entry("2")), *rest, package("new", depends_on=["db"]))
    assert told(prior, *after)[0] == ("db", "1.0.0 -> 1.1.0", ("api", "web")), "what is new has nothing to lose"


def test_applications_that_need_each_other_wait_for_each_other_and_not_for_themselves() -> None:
    prior = lock_of(package("a", entry=entry("1"), depends_on=["b"]), package("b", depends_on=["a"]))
    assert told(prior, package("a", entry=entry("2"), depends_on=["b"]), package("b", depends_on=["a"]))[0][2] == ("b",)


def test_how_one_differs_within_its_version() -> None:
    old = package("shop", entry=entry("1"), placements=[FSN])
    for changed, words in (
        ({"values": {"a": 1}}, "other values"),
        ({"placements": [FSN, NBG]}, f"also on {NBG}"),
        ({"placements": [NBG]}, f"also on {NBG}, no more on {FSN}"),
        ({"suspend": True}, "suspended"),
        ({"depends_on": ["db"]}, "waits for others"),
        ({"artifact": f"oci://r.example/bp-shop@{sha('anew')}"}, "published anew under the same version"),
    ):
        new = old.model_copy(update={**changed, "entry": entry("2")})
        assert told(lock_of(old), new) == [("shop", words, ())]


def step(name: str = "shop", **changes: object) -> ApplicationChange:
    old = package(name, "1.0.0", entry=entry("1"))
    new = package(name, "1.1.0", entry=entry("2"), **changes)
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
    assert "It cannot be told yet" in text
    assert "Refused" not in text
    assert plan_status((), 0, None, Unavailable("Resolved", "Unavailable", "x")).state == "pending"


def test_comments_and_marks_are_bounded() -> None:
    many = [step(f"a{number}") for number in range(MAX_COMMENT_ROWS + 50)]
    text = render_plan_comment("acme-prod", many, len(many), TREE)
    assert "And 50 more." in text
    crowd = ApplicationChange(package("shop"), None, package("shop"), tuple(f"a{n}" for n in range(1000)))
    assert f"a{MAX_CELL_NAMES - 1} and {1000 - MAX_CELL_NAMES} more |" in render_plan_comment("acme-prod", [crowd], 1, TREE)
    problems = tuple(Problem(code="Bad", message=f"problem {n}", file="x.yaml") for n in range(MAX_COMMENT_PROBLEMS + 7))
    blocker = Refused("Valid", problems)
    assert "- and 7 more" in render_plan_comment("acme-prod", [], 0, None, blocker=blocker)
    assert len(plan_status((), 0, None, blocker).description) <= MAX_DESCRIPTION
