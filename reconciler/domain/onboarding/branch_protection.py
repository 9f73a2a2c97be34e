"""How the branches of an Environment ought to be protected on Gitea, given the rules that are there.

`resolved`, `status`, `plan` and what is below that are the reconciler's alone: nobody else may push them, nor merge a pull
request into them, which Gitea allows to all who may write unless it is told who may. `main` is people's: what they demanded of
it stays, and the reconciler's checks are demanded in addition.

Rules are spoken of in Gitea's words (BranchProtection of its API, version 1.26). They are tried in their order, and of those that
match a branch only the first counts.
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

# The commit statuses that the reconciler sets on each pull request, without which it cannot be merged.
CHECKS: Final = (PLAN_CONTEXT, POLICY_CONTEXT)
# A rule of ours, a branch that it is for, and whether that is moved by force: a plan is always made anew on top of `resolved`.
# No branch may be called `plan`, nor be below a plan: there could be no `plan/pr-1` beside it.
_OURS: Final = (
    (RESOLVED, RESOLVED, False),
    (STATUS, STATUS, False),
    ("plan", "plan", False),
    ("plan/**", f"{PLAN}1", True),
)
_NOT_COPIED: Final = frozenset({"rule_name", "branch_name", "created_at", "updated_at"})


@dataclass(frozen=True)
class ProtectionChange:
    """What is to be done about one rule.

    Attributes:
        rule: its name.
        fields: what Gitea is to be sent; empty when it is as it should be.
        new: there is none of this name yet.
        changed: the fields that do not say what they must; those of a new rule are left out.
    """

    rule: str
    fields: Mapping[str, Any]
    new: bool
    changed: tuple[str, ...] = ()


def required_changes(there: Sequence[ProtectionRule], user: str) -> tuple[ProtectionChange, ...]:
    """What is to be done, one for each rule there ought to be.

    Args:
        there: all rules, in the order in which they are tried.
        user: the reconciler's.
    """
    ours = (_protect(there, rule, branch, _of(user, force=force)) for rule, branch, force in _OURS)
    return (_protect_main(there), *ours)


def _of(user: str, *, force: bool) -> ProtectionRule:
    """A rule for a branch that only this user pushes; nothing in it may hold up the user."""
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


def _protect_main(there: Sequence[ProtectionRule]) -> ProtectionChange:
    counts = _first(there, MAIN)
    if counts is None:
        return ProtectionChange(
            MAIN, {"enable_push": False, "enable_status_check": True, "status_check_contexts": list(CHECKS)}, new=True
        )
    wanted = {"enable_status_check": True, "status_check_contexts": _contexts(counts)}
    if not _is_named(counts, MAIN):  # a rule for more branches than this one: `main` gets its own, which says the same and more
        wanted = {key: value for key, value in counts.items() if key not in _NOT_COPIED} | wanted
    return _protect(there, MAIN, MAIN, wanted)


def _contexts(rule: ProtectionRule) -> list[str]:
    """The checks that a rule demands, and ours. No check by name means to Gitea: all that there are."""
    if not rule.get("enable_status_check"):
        return list(CHECKS)
    named = rule.get("status_check_contexts") or ["*"]
    return [*named, *(check for check in CHECKS if check not in named)]


def _protect(there: Sequence[ProtectionRule], rule: str, branch: str, wanted: ProtectionRule) -> ProtectionChange:
    """Have a rule say this, and count for the branch."""
    known = next((one for one in there if _is_named(one, rule)), None)
    counts = _first(there, branch)
    if counts is not None and counts is not known:
        before = int(counts["priority"]) - 1
        wanted = {**wanted, "priority": before if before or known else -1}  # a new rule with 0 comes after all others
    if known is None:
        return ProtectionChange(rule, wanted, new=True)
    missing = {key: value for key, value in wanted.items() if _plain(known.get(key)) != _plain(value)}
    # Gitea reads what belongs to a switch only together with the switch.
    switches = {key: value for key, value in wanted.items() if key.startswith("enable_")} if missing else {}
    return ProtectionChange(str(known["rule_name"]), missing | switches, new=False, changed=tuple(missing))


def _plain(value: Any) -> Any:
    """A value as it is compared: the order of names does not count, nor their case, nor how nothing is written."""
    return (sorted(str(one).casefold() for one in value) if isinstance(value, list) else value) or None


def _is_named(rule: ProtectionRule, name: str) -> bool:
    return str(rule["rule_name"]).casefold() == name.casefold()


def _first(there: Sequence[ProtectionRule], branch: str) -> ProtectionRule | None:
    """The rule that counts for a branch."""
    return next((rule for rule in there if _matches(str(rule["rule_name"]), branch)), None)


def _matches(pattern: str, branch: str) -> bool:
    """Whether Gitea takes a rule of this name to be for the branch (its modules/glob: `*`, `**`, `?`, `[]`, `{}`)."""
    if pattern.casefold() == branch.casefold():
        return True
    out, deep = "", 0
    for part in re.findall(r"\\.|\*+|\[[^]]*\]|.", pattern, re.DOTALL):
        out += _as_regex(part, inside=deep > 0)
        deep += {"{": 1, "}": -min(deep, 1)}.get(part, 0)
    try:
        return re.fullmatch(out, branch) is not None
    except re.error:  # Gitea, too, takes such a name for that of one branch
        return False


def _as_regex(part: str, *, inside: bool) -> str:
    match part:
        case "*":
            return "[^/]*"
        case _ if part.startswith("**"):  # more of them mean the same, and would only take time
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
