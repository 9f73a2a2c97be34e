"""Builds the commit statuses that are posted on the forge.

On `main`: one for "accepted?", one for "does it run?"; on the head of a pull request: one for its plan, one for the policies; on
the head of the system repository: whether its policies can be used. A commit status changes only when its meaning does: it has no
counts, which change continually during a rollout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.domain.locking.change_summary import change_count
from reconciler.domain.text.listing import join_first
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

# States that do not end without somebody's help: failure. The others are pending.
_RED: Final = frozenset({"Failed", "Degraded"})


def main_statuses(status: EnvironmentStatus) -> Mapping[str, CommitStatus]:
    """Returns the commit statuses of the commit that a status is about, by context."""
    resolved = _resolved(status)
    return {RESOLVED_CONTEXT: _short(resolved), READY_CONTEXT: _short(_ready(status, resolved))}


def plan_status(
    changes: Sequence[ApplicationChange], total: int, fingerprint: PlanFingerprint | None, blocker: Blocker | None
) -> CommitStatus:
    """Builds the status of a pull request's head under `PLAN_CONTEXT`: what merging it would change."""
    match blocker:
        case Refused():
            return _short(CommitStatus("failure", f"{blocker.reason}: {blocker.message}"))
        case Held() | Unavailable():
            return _short(CommitStatus("pending", f"{blocker.reason}: {blocker.message}"))
        case None:
            pass
        case _:
            assert_never(blocker)
    summary = change_count(len(changes), total) if changes else "nothing changes of what runs"
    return _short(
        CommitStatus(
            "success",
            f"{summary}; diff {fingerprint.files}-{fingerprint.packages}; tree {fingerprint.tree}" if fingerprint else summary,
        )
    )


def policy_status(admission: Admission, *, planned: bool = True) -> CommitStatus:
    """Builds the status of a pull request's head under `POLICY_CONTEXT`: what would happen if it were merged now.

    Without a plan the changes are not known: the result is pending, never success.
    """
    if admission.reason == "PolicyBroken":
        return _short(CommitStatus("failure", admission.message))
    if not planned:
        return CommitStatus("pending", "there is no plan to evaluate the policies against")
    if admission.status == "True":
        return _short(CommitStatus("success", f"merged now, it would be applied at once: {admission.message}"))
    if admission.waits_only_for_windows:
        return _short(CommitStatus("success", f"merged now, it would wait: {admission.message}"))
    return _short(CommitStatus("pending", admission.message))


def policies_status(policies: EnvironmentPolicies) -> CommitStatus:
    """Builds the status of the system repository's head under `POLICY_CONTEXT`: whether its policies can be used."""
    problems = [problem for policy_file in policies.broken for problem in policy_file.problems]
    if problems:
        return _short(CommitStatus("failure", join_first(problems, 1, "; ")))
    return CommitStatus("success", f"{len(policies.policies)} EnvironmentPolicy documents can be used")


def _resolved(status: EnvironmentStatus) -> CommitStatus:
    if status.refused:
        first = status.problems[0] if status.problems else None
        description = f"{first.place}: {first.message}" if first and first.place else first.message if first else "refused"
        return CommitStatus("failure", description)
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
        placement = next(
            p for state in ("Failed", "Degraded") for a in status.applications for p in a.placements if p.state == state
        )
        name = next(a.name for a in status.applications if placement in a.placements)
        return CommitStatus("failure", f"{name}: {placement.reason} on {placement.cluster}: {placement.message}")
    return CommitStatus("pending", ready.reason)


def _short(status: CommitStatus) -> CommitStatus:
    description = status.description
    return (
        status if len(description) <= MAX_DESCRIPTION else CommitStatus(status.state, description[: MAX_DESCRIPTION - 3] + "...")
    )
