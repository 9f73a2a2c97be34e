"""Computes the changes that protect the branches of an Environment on Gitea, given the existing rules.

`resolved`, `status`, `plan` and the branches below `plan` belong to the reconciler alone: nobody else may push them or merge a
pull request into them, which Gitea allows to everyone with write access unless a whitelist is set. `main` belongs to people: its
existing requirements remain, and the reconciler's checks are required in addition.

Rules have Gitea's fields (BranchProtection of its API, version 1.26). Gitea tries them in their order, and only the first that
matches a branch takes effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.model.commit_status import PLAN_CONTEXT, POLICY_CONTEXT
from reconciler.model.layout import MAIN, PLAN, RESOLVED, STATUS

if TYPE_CHECKING:
    from collections.abc import Sequence

ProtectionRule = Mapping[str, Any]

# The commit statuses that the reconciler posts on each pull request, and that merging requires.
CHECKS: Final = (PLAN_CONTEXT, POLICY_CONTEXT)
# A rule, a branch that it is for, and whether that is force-pushed: each plan is made anew on top of `resolved`.
# Nobody may create a branch `plan`, or one below a plan: git could then not create `plan/pr-1`.
_OURS: Final = (
    (RESOLVED, RESOLVED, False),
    (STATUS, STATUS, False),
    ("plan", "plan", False),
    ("plan/**", f"{PLAN}1", True),
)
_NOT_COPIED: Final = frozenset({"rule_name", "branch_name", "created_at", "updated_at"})


@dataclass(frozen=True)
class ProtectionChange:
    """The change of one rule.

    Attributes:
        rule: its name.
        fields: the fields to send to Gitea; empty when the rule is correct.
        new: whether no rule of this name exists.
        changed: the fields with a wrong value; empty for a new rule.
    """

    rule: str
    fields: Mapping[str, Any]
    new: bool
    changed: tuple[str, ...] = ()


def required_changes(rules: Sequence[ProtectionRule], user: str) -> tuple[ProtectionChange, ...]:
    """Returns the changes, one for each required rule.

    Args:
        rules: all existing rules, in the order in which Gitea tries them.
        user: the reconciler's user name.
    """
    ours = (_protect(rules, rule, branch, _exclusive_rule(user, force=force)) for rule, branch, force in _OURS)
    return (_protect_main(rules), *ours)


def _exclusive_rule(user: str, *, force: bool) -> ProtectionRule:
    """Returns a rule for a branch that only this user pushes; nothing in it may block the user."""
    return {
        "enable_push": True,
        "enable_push_whitelist": True,
        "push_whitelist_usernames": [user],
        "push_whitelist_teams": [],
        "push_whitelist_deploy_keys": False,
        "enable_force_push": force,
        "enable_force_push_allowlist": force,
        "force_push_allowlist_usernames": [user] if force else [],
        "force_push_allowlist_teams": [],
        "force_push_allowlist_deploy_keys": False,
        "enable_merge_whitelist": True,
        "merge_whitelist_usernames": [],
        "merge_whitelist_teams": [],
        "require_signed_commits": False,
        "protected_file_patterns": "",
        "unprotected_file_patterns": "",
    }


def _protect_main(rules: Sequence[ProtectionRule]) -> ProtectionChange:
    effective = _effective_rule(rules, MAIN)
    if effective is None:
        return ProtectionChange(
            MAIN, {"enable_push": False, "enable_status_check": True, "status_check_contexts": list(CHECKS)}, new=True
        )
    wanted = {"enable_status_check": True, "status_check_contexts": _contexts(effective)}
    if not _is_named(effective, MAIN):  # a rule for several branches: `main` gets its own with the same fields and more
        wanted = {key: value for key, value in effective.items() if key not in _NOT_COPIED} | wanted
    return _protect(rules, MAIN, MAIN, wanted)


def _contexts(rule: ProtectionRule) -> list[str]:
    """Returns the checks that a rule requires, and ours. To Gitea, an empty list of names means all checks."""
    if not rule.get("enable_status_check"):
        return list(CHECKS)
    named = rule.get("status_check_contexts") or ["*"]
    return [*named, *(check for check in CHECKS if check not in named)]


def _protect(rules: Sequence[ProtectionRule], rule: str, branch: str, wanted: ProtectionRule) -> ProtectionChange:
    """Returns the change after which a rule has these fields, and takes effect for the branch."""
    existing = next((candidate for candidate in rules if _is_named(candidate, rule)), None)
    effective = _effective_rule(rules, branch)
    if effective is not None and effective is not existing:
        priority = int(effective["priority"]) - 1
        wanted = {**wanted, "priority": priority if priority or existing else -1}  # a new rule with 0 comes after all others
    if existing is None:
        return ProtectionChange(rule, wanted, new=True)
    missing = {key: value for key, value in wanted.items() if _comparable(existing.get(key)) != _comparable(value)}
    # Gitea reads the fields of a switch only together with the switch.
    switches = {key: value for key, value in wanted.items() if key.startswith("enable_")} if missing else {}
    return ProtectionChange(str(existing["rule_name"]), missing | switches, new=False, changed=tuple(missing))


def _comparable(value: Any) -> Any:
    """Normalises a value for comparison: order and case of names do not matter, and all empty values are equal."""
    return (sorted(str(item).casefold() for item in value) if isinstance(value, list) else value) or None


def _is_named(rule: ProtectionRule, name: str) -> bool:
    return str(rule["rule_name"]).casefold() == name.casefold()


def _effective_rule(rules: Sequence[ProtectionRule], branch: str) -> ProtectionRule | None:
    """Returns the rule that takes effect for a branch; None when none matches."""
    return next((rule for rule in rules if _matches(str(rule["rule_name"]), branch)), None)


def _matches(pattern: str, branch: str) -> bool:
    """Whether Gitea applies a rule of this name to the branch (its modules/glob: `*`, `**`, `?`, `[]`, `{}`)."""
    if pattern.casefold() == branch.casefold():
        return True
    regex, depth = "", 0
    for part in re.findall(r"\\.|\*+|\[[^]]*\]|.", pattern, re.DOTALL):
        regex += _as_regex(part, inside=depth > 0)
        depth += {"{": 1, "}": -min(depth, 1)}.get(part, 0)
    try:
        return re.fullmatch(regex, branch) is not None
    except re.error:  # Gitea, too, then compares the name literally
        return False


def _as_regex(part: str, *, inside: bool) -> str:
    match part:
        case "*":
            return "[^/]*"
        case _ if part.startswith("**"):  # further asterisks change nothing, and only cost time
            return ".*"
        case "?":
            return "[^/]"
        case "{":
            return "(?:"
        case "}" if inside:
            return ")"
        case "," if inside:
            return "|"
        case _ if part.startswith("[") and len(part) > 1:
            return part.replace("[!", "[^", 1)
        case _:
            return re.escape(part[-1:] if part.startswith("\\") and len(part) > 1 else part)
