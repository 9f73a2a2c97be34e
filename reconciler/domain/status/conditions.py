"""The conditions of a commit of `main` before `Ready`: Valid, Admitted, Resolved, Trusted, Committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.blocker import Held, Refused, problems_of
from reconciler.domain.trust.lock_trust import LockTrust
from reconciler.model.status import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.domain.blocker import Blocker, Stage, Unavailable
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.status import Truth

MAX_LOST: Final = 8

TRUSTED: Final = LockTrust()
_STAGES: Final[tuple[Stage, ...]] = ("Valid", "Resolved", "Trusted", "Committed")
NO_POLICY: Final = Condition(type="Admitted", status="True", reason="NoPolicy", message="no EnvironmentPolicy applies")


def conditions(
    lock: EnvironmentLock | None, blocker: Blocker | None, standing: LockTrust, admitted: Condition
) -> Iterable[Condition]:
    """Valid, Admitted, Resolved, Trusted, Committed, in this order.

    They hold up to the blocker; after it nothing is known of this commit. Of a held commit all is known but when it is committed.
    """
    held = isinstance(blocker, Held)
    stopped = None if isinstance(blocker, Held) else blocker
    good = {
        "Valid": ("Validated", "all documents are valid"),
        "Resolved": ("Resolved", f"{len(lock.packages) if lock else 0} packages are pinned by digest"),
        "Trusted": ("Verified", "every package is trusted as the policies ask; the evidence is in the lock"),
        "Committed": ("Committed", "the resolved branch holds the result"),
    }
    if held:
        good["Resolved"] = ("Resolved", "what this commit asks for is pinned by digest")
        good["Trusted"] = ("Verified", "every package is trusted as the policies ask")
    reached = _STAGES.index(stopped.stage) if stopped and stopped.stage != "Trusted" else len(_STAGES)
    for index, stage in enumerate(_STAGES):
        if stage == "Trusted" and (condition := _trust(standing)) is not None:
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
            yield Condition(type=stage, status="False", reason="Held", message="what was admitted before stays: see Admitted")
        else:
            reason, message = good[stage]
            yield Condition(type=stage, status="True", reason=reason, message=message)
        if stage == "Valid":
            yield _admission(stopped, admitted)


def _admission(stopped: Refused | Unavailable | None, admitted: Condition) -> Condition:
    """`Admitted`, which is not evaluated for a commit that comes to nothing."""
    if stopped is None or stopped.stage in {"Trusted", "Committed"} or admitted.reason == "PolicyBroken":
        return admitted
    return _not_reached("Admitted", stopped.stage)


def _not_reached(type_: str, first: Stage) -> Condition:
    return Condition(type=type_, status="Unknown", reason="NotReached", message=f"not looked at: {first} comes first")


def _trust(standing: LockTrust) -> Condition | None:
    """What is to be said of what is locked; None when all of it is still trusted."""
    if standing.untrusted:
        message = f"{_listed(standing.untrusted)}; what runs is left running"
        return Condition(type="Trusted", status="False", reason="Untrusted", message=message)
    if standing.unverifiable:
        return Condition(type="Trusted", status="Unknown", reason="Damaged", message=_listed(standing.unverifiable))
    if standing.fault is not None:
        message = f"cannot be checked again: {standing.fault.message}"
        return Condition(type="Trusted", status="Unknown", reason=standing.fault.reason, message=message)
    return None


def _listed(words: tuple[str, ...]) -> str:
    more = f"; and {len(words) - MAX_LOST} more" if len(words) > MAX_LOST else ""
    return f"{'; '.join(words[:MAX_LOST])}{more}"
