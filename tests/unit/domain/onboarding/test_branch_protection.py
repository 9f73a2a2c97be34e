"""Which rules protect an Environment's branches, given those that are there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.onboarding.branch_protection import CHECKS, ProtectionChange, _matches, required_changes

US = "catalyst-reconciler"
Rule = dict[str, Any]


class Gitea:
    """Rules as Gitea keeps them, without the names of those who may not write."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = [{"priority": n, **rule} for n, rule in enumerate(rules, 1)]

    def there(self) -> list[Rule]:
        return sorted(self.rules, key=lambda r: (r["priority"], "*" in r["rule_name"]))

    def init(self) -> tuple[ProtectionChange, ...]:
        wanted = required_changes(self.there(), US)
        for one in wanted:
            if one.new:
                last = max((r["priority"] for r in self.rules), default=0)
                fields = {**one.fields, "priority": one.fields.get("priority") or last + 1}
                self.rules.append({"rule_name": one.rule, **fields})
            else:
                next(r for r in self.rules if r["rule_name"] == one.rule).update(one.fields)
        return wanted

    def counts_for(self, branch: str) -> Rule:
        return next(r for r in self.there() if _matches(r["rule_name"], branch))


def test_an_empty_repository_gets_its_rules_once() -> None:
    gitea = Gitea()
    assert [(one.rule, one.new) for one in gitea.init()] == [
        ("main", True),
        ("resolved", True),
        ("status", True),
        ("plan", True),
        ("plan/**", True),
    ]
    assert all(not one.fields for one in gitea.init())
    main = gitea.counts_for("main")
    assert (main["enable_push"], main["status_check_contexts"]) == (False, list(CHECKS))
    for branch, forced in (("resolved", False), ("status", False), ("plan", False), ("plan/pr-7", True), ("plan/pr-7/x", True)):
        rule = gitea.counts_for(branch)
        assert (rule["push_whitelist_usernames"], rule["enable_push_whitelist"]) == ([US], True)
        assert (rule["enable_merge_whitelist"], rule["merge_whitelist_usernames"]) == (True, []), "nor by a pull request"
        assert rule["enable_force_push"] is forced
        assert rule["unprotected_file_patterns"] == "", "nor some files of it"


def test_what_people_demand_of_main_stays() -> None:
    theirs = {
        "rule_name": "main",
        "enable_push": True,
        "required_approvals": 2,
        "enable_status_check": True,
        "status_check_contexts": ["ci"],
    }
    gitea = Gitea(theirs)
    main = gitea.init()[0]
    assert main.changed == ("status_check_contexts",)
    assert gitea.counts_for("main") == theirs | {"priority": 1, "status_check_contexts": ["ci", *CHECKS]}
    assert gitea.init()[0] == ProtectionChange("main", {}, new=False)


@pytest.mark.parametrize(
    ("enabled", "contexts", "then"),
    [
        (True, None, ["*", *CHECKS]),  # without a name all checks are demanded
        (True, [], ["*", *CHECKS]),
        (False, ["old"], list(CHECKS)),  # none was demanded
        (True, [*CHECKS, "ci"], [*CHECKS, "ci"]),
    ],
)
def test_checks_are_added_and_none_is_taken_away(enabled: bool, contexts: list[str] | None, then: list[str]) -> None:
    gitea = Gitea({"rule_name": "main", "enable_status_check": enabled, "status_check_contexts": contexts})
    gitea.init()
    assert gitea.counts_for("main")["status_check_contexts"] == then
    assert gitea.counts_for("main")["enable_status_check"] is True


def test_a_rule_for_many_branches_does_not_hide_ours_and_still_holds_for_main() -> None:
    gitea = Gitea({"rule_name": "**", "required_approvals": 2, "branch_name": "", "created_at": "2026", "enable_push": True})
    gitea.init()
    assert gitea.counts_for("main") == {
        "rule_name": "main",
        "required_approvals": 2,
        "enable_push": True,
        "enable_status_check": True,
        "status_check_contexts": list(CHECKS),
        "priority": gitea.counts_for("main")["priority"],
    }
    for branch in ("resolved", "status", "plan", "plan/pr-1"):
        assert gitea.counts_for(branch)["push_whitelist_usernames"] == [US]
    assert gitea.counts_for("other/branch")["rule_name"] == "**"
    assert all(not one.fields for one in gitea.init())


def test_ours_that_was_loosened_is_mended_and_told() -> None:
    gitea = Gitea()
    gitea.init()
    gitea.counts_for("status").update(push_whitelist_usernames=[US, "mallory"], enable_force_push=True)
    mended = {one.rule: one for one in gitea.init()}["status"]
    assert set(mended.changed) == {"push_whitelist_usernames", "enable_force_push"}
    assert mended.fields["enable_push"] is True, "Gitea reads the names only together with their switch"
    assert all(not one.fields for one in gitea.init())


def test_how_gitea_writes_the_same_changes_nothing() -> None:
    gitea = Gitea()
    gitea.init()
    for rule in gitea.rules:
        for key, value in rule.items():
            if value == []:
                rule[key] = None
            elif isinstance(value, list) and key.endswith("usernames"):
                rule[key] = [str(one).upper() for one in value]
    assert all(not one.fields for one in gitea.init())


@pytest.mark.parametrize(
    ("pattern", "branch", "matches"),
    [
        ("main", "main", True),
        ("MAIN", "main", True),
        ("*", "main", True),
        ("*", "plan/pr-1", False),
        ("**", "plan/pr-1", True),
        ("plan/*", "plan/pr-1", True),
        ("*" * 250 + "x", "plan/pr-1", False),
        ("plan/pr-?", "plan/pr-1", True),
        ("{main,release/*}", "main", True),
        ("{main,release/*}", "release/1", True),
        ("{main,release/*}", "status", False),
        ("[ms]*", "status", True),
        ("[!ms]*", "status", False),
        ("ma\\in", "main", True),
        ("m.in", "main", False),
        ("a,b", "a", False),
        ("}", "}", True),
        ("{", "main", False),
        ("[z-a]", "z", False),
    ],
)
def test_a_rule_is_for_the_branches_that_gitea_takes_it_for(pattern: str, branch: str, matches: bool) -> None:
    assert _matches(pattern, branch) is matches


_RULES = st.lists(
    st.builds(
        lambda name, push, checks, contexts, priority: {
            "rule_name": name,
            "enable_push": push,
            "enable_status_check": checks,
            "status_check_contexts": contexts,
            "priority": priority,
        },
        st.sampled_from(["main", "resolved", "*", "**", "plan/*", "plan/**", "{main,status}"]),
        st.booleans(),
        st.booleans(),
        st.lists(st.sampled_from(["ci", *CHECKS]), unique=True),
        st.integers(0, 3),
    ),
    max_size=4,
    unique_by=lambda rule: str(rule["rule_name"]),
)


@given(_RULES)
def test_whatever_is_there_twice_is_once(rules: list[Rule]) -> None:
    gitea = Gitea(*rules)
    gitea.init()
    assert all(not one.fields for one in gitea.init())
    assert set(CHECKS) <= set(gitea.counts_for("main")["status_check_contexts"])
    for branch in ("resolved", "status", "plan", "plan/pr-1"):
        assert gitea.counts_for(branch)["push_whitelist_usernames"] == [US]
