"""What commits are told on the forge, as commit statuses.

On `main`: one for "accepted?", one for "does it run?"; the head of a pull request: one for its plan, one for the rules; the
head of the system repository: whether its policies can be used. A mark changes only when its meaning does: it holds no counts,
which move all the time while a rollout goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.domain.locking.change_summary import change_count
from reconciler.model.commit_status import READY_CONTEXT, RESOLVED_CONTEXT, CommitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.admission.environment_policies import EnvironmentPolicies
    from reconciler.domain.admission.plan_binding import PlanFingerprint
    from reconciler.domain.admission.rules import Admission
    from reconciler.domain.blocker import Blocker
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.status import EnvironmentStatus

MAX_DESCRIPTION: Final = 200

# States that do not pass by themselves: red. The others are pending.
_RED: Final = frozenset({"Failed", "Degraded"})


def main_statuses(status: EnvironmentStatus) -> Mapping[str, CommitStatus]:
    """The marks of the commit that a status looked at, by context."""
    resolved = _resolved(status)
    return {RESOLVED_CONTEXT: _short(resolved), READY_CONTEXT: _short(_ready(status, resolved))}


def plan_status(
    steps: Sequence[ApplicationChange], total: int, bound: PlanFingerprint | None, blocker: Blocker | None
) -> CommitStatus:
    """The mark of a pull request's head, under `PLAN_CONTEXT`: what merging it would do."""
    match blocker:
        case Refused():
            return _short(CommitStatus("failure", f"{blocker.reason}: {blocker.message}"))
        case Held() | Unavailable():
            return _short(CommitStatus("pending", f"{blocker.reason}: {blocker.message}"))
        case None:
            pass
        case _:
            assert_never(blocker)
    words = change_count(len(steps), total) if steps else "nothing changes of what runs"
    return _short(CommitStatus("success", f"{words}; diff {bound.files}-{bound.packages}; tree {bound.tree}" if bound else words))


def policy_status(admission: Admission, *, planned: bool = True) -> CommitStatus:
    """The mark of a pull request's head, under `POLICY_CONTEXT`: what would happen if it were merged now.

    Without a plan it cannot be told, and is not green: what the pull request brings is not known.
    """
    if admission.reason == "PolicyBroken":
        return _short(CommitStatus("failure", admission.message))
    if not planned:
        return CommitStatus("pending", "there is no plan that could be held against the rules")
    if admission.status == "True":
        return _short(CommitStatus("success", f"merged now, it would be applied at once: {admission.message}"))
    if admission.waits_only_for_windows:
        return _short(CommitStatus("success", f"merged now, it would wait: {admission.message}"))
    return _short(CommitStatus("pending", admission.message))


def policies_status(policies: EnvironmentPolicies) -> CommitStatus:
    """The mark of the system repository's head, under `POLICY_CONTEXT`: whether its policies can be used."""
    problems = [problem for one in policies.broken for problem in one.problems]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return _short(CommitStatus("failure", f"{problems[0]}{more}"))
    return CommitStatus("success", f"{len(policies.policies)} EnvironmentPolicy documents can be used")


def _resolved(status: EnvironmentStatus) -> CommitStatus:
    if status.refused:
        first = status.problems[0] if status.problems else None
        words = f"{first.place}: {first.message}" if first and first.place else first.message if first else "refused"
        return CommitStatus("failure", words)
    for condition in status.conditions:
        if condition.type != "Ready" and condition.status != "True" and condition.reason != "NotReached":
            return CommitStatus("pending", f"{condition.reason}: {condition.message}")
    return CommitStatus("success", "resolved, signatures checked, and committed for Flux")


def _ready(status: EnvironmentStatus, resolved: CommitStatus) -> CommitStatus:
    ready = status.condition("Ready")
    if resolved.state == "failure":
        return CommitStatus("failure", "this commit is refused; what runs is of an earlier one")
    if resolved.state == "pending" and status.condition("Committed").status != "True":
        return CommitStatus("pending", "this commit is not resolved yet; what runs is of an earlier one")
    if ready.status == "True":
        return CommitStatus("success", "every Application is ready on all its placements")
    if ready.status == "False" and ready.reason in _RED:
        bad = next(p for state in ("Failed", "Degraded") for a in status.applications for p in a.placements if p.state == state)
        name = next(a.name for a in status.applications if bad in a.placements)
        return CommitStatus("failure", f"{name}: {bad.reason} on {bad.cluster}: {bad.message}")
    return CommitStatus("pending", ready.reason)


def _short(mark: CommitStatus) -> CommitStatus:
    words = mark.description
    return mark if len(words) <= MAX_DESCRIPTION else CommitStatus(mark.state, words[: MAX_DESCRIPTION - 3] + "...")
