"""What a change does to what is resolved, and how its pull request tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.locking.lock_diff import diff_locks
from tests.support.builders import FSN, NBG, entry_digest, lock_of, package, sha

if TYPE_CHECKING:
    from reconciler.model.lock import EnvironmentLock, Package


def told(prior: EnvironmentLock | None, *packages: Package) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(step.package.application, step.summary, step.affected_dependents) for step in diff_locks(prior, lock_of(*packages))]


def test_what_touches_running_applications_comes_first() -> None:
    prior = lock_of(package("shop", "1.0.0", entry=entry_digest("1")), package("zoo"))
    new = package("shop", "1.1.0", entry=entry_digest("2"))
    assert told(prior, new, package("blog")) == [
        ("shop", "1.0.0 -> 1.1.0", ()),
        ("zoo", "removed: uninstalled, then its Namespace is deleted", ()),
        ("blog", "added", ()),
    ]


def test_other_evidence_for_the_same_content_is_no_step() -> None:
    prior = lock_of(package("shop"))
    (one,) = prior.packages
    again = one.model_copy(update={"evidence": [one.evidence[0].model_copy(update={"signature": sha("another")})]})
    assert told(prior, again) == []


def test_who_runs_and_depends_on_it_waits_also_through_others() -> None:
    rest = (package("api", depends_on=["db"]), package("web", depends_on=["api"]), package("other"))
    prior = lock_of(package("db", "1.0.0", entry=entry_digest("1")), *rest)
    after = (package("db", "1.1.0", entry=entry_digest("2")), *rest, package("new", depends_on=["db"]))
    assert told(prior, *after)[0] == ("db", "1.0.0 -> 1.1.0", ("api", "web")), "what is new has nothing to lose"


def test_applications_that_need_each_other_wait_for_each_other_and_not_for_themselves() -> None:
    prior = lock_of(package("a", depends_on=["b"]), package("b", depends_on=["a"]))
    assert told(prior, package("a", values={"a": 1}, depends_on=["b"]), package("b", depends_on=["a"]))[0][2] == ("b",)


def test_how_one_differs_within_its_version() -> None:
    old = package("shop", entry=entry_digest("1"), placements=[FSN])
    for changed, words in (
        ({"values": {"a": 1}}, "other values"),
        ({"placements": [FSN, NBG]}, f"also on {NBG}"),
        ({"placements": [NBG]}, f"also on {NBG}, uninstalled from {FSN}"),
        ({"suspend": True}, "suspended"),
        ({"depends_on": ["db"]}, "other dependencies"),
        ({"artifact": f"oci://r.example/bp-shop@{sha('anew')}"}, "republished under the same version"),
    ):
        new = old.model_copy(update={**changed, "entry": entry_digest("2")})
        assert told(lock_of(old), new) == [("shop", words, ())]
