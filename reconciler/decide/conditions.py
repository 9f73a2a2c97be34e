"""Where a commit of `main` stands: the conditions before `Ready`, up to the hitch that keeps it from going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from reconciler.decide.standing import Standing
from reconciler.model.status import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.problem import Problem

MAX_LOST: Final = 8

Stage = Literal["Valid", "Admitted", "Resolved", "Trusted", "Committed"]
STANDS: Final = Standing()
_STAGES: Final[tuple[Stage, ...]] = ("Valid", "Resolved", "Trusted", "Committed")
NO_POLICY: Final = Condition(type="Admitted", status="True", reason="NoPolicy", message="no EnvironmentPolicy applies")


@dataclass(frozen=True)
class Hitch:
    """Where a pass over `main`'s head ended before its end.

    Attributes:
        stage: the condition that does not hold, or of which it is not known whether it does; `Trusted` when what is resolved
            from this very commit lost its trust; `Admitted` when it is held by an EnvironmentPolicy.
        refused: True when the commit itself is at fault; False when something outside kept it from being judged.
        reason: a stable word.
        message: for people.
        problems: the commit's problems, when it is refused.
    """

    stage: Stage
    refused: bool
    reason: str
    message: str
    problems: tuple[Problem, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether something outside failed, and is asked again at ever longer intervals."""
        return not self.refused and self.stage != "Admitted"


def conditions(lock: EnvironmentLock | None, hitch: Hitch | None, standing: Standing, admitted: Condition) -> Iterable[Condition]:
    """Valid, Admitted, Resolved, Trusted, Committed: up to the hitch they hold, after it nothing is known of this commit.

    One that is held comes to something: all is known of it but when it is committed.
    """
    held = hitch is not None and hitch.stage == "Admitted"
    hitch = None if held else hitch
    good = {
        "Valid": ("Validated", "all documents are valid"),
        "Resolved": ("Resolved", f"{len(lock.packages) if lock else 0} packages are pinned by digest"),
        "Trusted": ("Verified", "every package is trusted as the policies ask; the evidence is in the lock"),
        "Committed": ("Committed", "the resolved branch holds the result"),
    }
    if held:
        good["Resolved"] = ("Resolved", "what this commit asks for is pinned by digest")
        good["Trusted"] = ("Verified", "every package is trusted as the policies ask")
    reached = _STAGES.index(hitch.stage) if hitch and hitch.stage != "Trusted" else len(_STAGES)
    for index, stage in enumerate(_STAGES):
        if stage == "Trusted" and (condition := _trust(standing)) is not None:
            yield condition
        elif stage == "Trusted" and hitch and hitch.stage == "Trusted":
            yield Condition(
                type=stage, status="False", reason=hitch.reason, message=f"{hitch.message}; what runs is left running"
            )
        elif hitch and index == reached:
            yield Condition(
                type=stage, status="False" if hitch.refused else "Unknown", reason=hitch.reason, message=hitch.message
            )
        elif stage == "Trusted" and hitch and any(p.code == "Untrusted" for p in hitch.problems):
            yield Condition(type=stage, status="False", reason="Untrusted", message=hitch.message)
        elif index > reached:
            yield Condition(
                type=stage,
                status="Unknown",
                reason="NotReached",
                message=f"not looked at: {_STAGES[reached]} comes first",
            )
        elif stage == "Committed" and held:
            yield Condition(type=stage, status="False", reason="Held", message="what was admitted before stays: see Admitted")
        else:
            reason, message = good[stage]
            yield Condition(type=stage, status="True", reason=reason, message=message)
        if stage == "Valid":
            yield _admission(hitch, admitted)


def _admission(hitch: Hitch | None, admitted: Condition) -> Condition:
    """`Admitted`; of a commit that comes to nothing, it is not asked."""
    if hitch is None or hitch.stage in {"Trusted", "Committed"} or admitted.reason == "PolicyBroken":
        return admitted
    message = f"not looked at: {hitch.stage} comes first"
    return Condition(type="Admitted", status="Unknown", reason="NotReached", message=message)


def _trust(standing: Standing) -> Condition | None:
    """What is to be said of what is locked; None when all of it is still trusted."""
    if standing.lost:
        message = f"{_listed(standing.lost)}; what runs is left running"
        return Condition(type="Trusted", status="False", reason="Untrusted", message=message)
    if standing.unclear:
        return Condition(type="Trusted", status="Unknown", reason="Damaged", message=_listed(standing.unclear))
    if standing.fault is not None:
        kind = standing.fault.reason
        return Condition(type="Trusted", status="Unknown", reason=kind, message=f"cannot be checked again: {standing.fault}")
    return None


def _listed(words: tuple[str, ...]) -> str:
    more = f"; and {len(words) - MAX_LOST} more" if len(words) > MAX_LOST else ""
    return f"{'; '.join(words[:MAX_LOST])}{more}"
