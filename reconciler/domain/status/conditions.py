"""Builds the conditions of a commit of `main` before `Ready`: Valid, Admitted, Resolved, Trusted, Committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.blocker import Held, Refused, problems_of
from reconciler.domain.text.listing import join_first
from reconciler.domain.trust.lock_trust import LockTrust
from reconciler.model.status import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.domain.blocker import Blocker, Stage, Unavailable
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.status import Truth

_MAX_REASONS: Final = 8

TRUSTED: Final = LockTrust()
_STAGES: Final[tuple[Stage, ...]] = ("Valid", "Resolved", "Trusted", "Committed")
NO_POLICY: Final = Condition(type="Admitted", status="True", reason="NoPolicy", message="no EnvironmentPolicy applies")


def conditions(
    lock: EnvironmentLock | None, blocker: Blocker | None, trust: LockTrust, admitted: Condition
) -> Iterable[Condition]:
    """Yields Valid, Admitted, Resolved, Trusted, Committed, in this order.

    Up to the blocker they are True; after it they are Unknown for this commit. Of a held commit only Committed is not True.
    """
    held = isinstance(blocker, Held)
    stopped = None if isinstance(blocker, Held) else blocker
    successes = {
        "Valid": ("Validated", "all documents are valid"),
        "Resolved": ("Resolved", f"{len(lock.packages) if lock else 0} packages are pinned by digest"),
        "Trusted": ("Verified", "every package satisfies the trust policies; the evidence is in the lock"),
        "Committed": ("Committed", "the resolved branch holds the result"),
    }
    if held:
        successes["Resolved"] = ("Resolved", "every package of this commit is pinned by digest")
        successes["Trusted"] = ("Verified", "every package satisfies the trust policies")
    reached = _STAGES.index(stopped.stage) if stopped and stopped.stage != "Trusted" else len(_STAGES)
    for index, stage in enumerate(_STAGES):
        if stage == "Trusted" and (condition := _lost_trust(trust)) is not None:
            yield condition
        elif stage == "Trusted" and stopped and stopped.stage == "Trusted":
            message = f"{stopped.message}; what runs is left running"
            yield Condition(type=stage, status="False", reason=stopped.reason, message=message)
        elif stopped and index == reached:
            status: Truth = "False" if isinstance(stopped, Refused) else "Unknown"
            yield Condition(type=stage, status=status, reason=stopped.reason, message=stopped.message)
        elif stage == "Trusted" and stopped and any(p.code == "Untrusted" for p in problems_of(stopped)):
            yield Condition(type=stage, status="False", reason="Untrusted", message=stopped.message)
        elif index > reached:
            yield _not_reached(stage, _STAGES[reached])
        elif stage == "Committed" and held:
            yield Condition(
                type=stage, status="False", reason="Held", message="the commit admitted before stays applied: see Admitted"
            )
        else:
            reason, message = successes[stage]
            yield Condition(type=stage, status="True", reason=reason, message=message)
        if stage == "Valid":
            yield _admission(stopped, admitted)


def _admission(stopped: Refused | Unavailable | None, admitted: Condition) -> Condition:
    """`Admitted`, which is not evaluated for a commit that is blocked before it could be committed."""
    if stopped is None or stopped.stage in {"Trusted", "Committed"} or admitted.reason == "PolicyBroken":
        return admitted
    return _not_reached("Admitted", stopped.stage)


def _not_reached(type_: str, blocking: Stage) -> Condition:
    return Condition(type=type_, status="Unknown", reason="NotReached", message=f"not evaluated: {blocking} comes first")


def _lost_trust(trust: LockTrust) -> Condition | None:
    """The `Trusted` condition of the locked packages; None when all of them are still trusted."""
    if trust.untrusted:
        message = f"{_listed(trust.untrusted)}; what runs is left running"
        return Condition(type="Trusted", status="False", reason="Untrusted", message=message)
    if trust.unverifiable:
        return Condition(type="Trusted", status="Unknown", reason="Damaged", message=_listed(trust.unverifiable))
    if trust.fault is not None:
        message = f"cannot be checked again: {trust.fault.message}"
        return Condition(type="Trusted", status="Unknown", reason=trust.fault.reason, message=message)
    return None


def _listed(reasons: tuple[str, ...]) -> str:
    return join_first(reasons, _MAX_REASONS, "; ")
