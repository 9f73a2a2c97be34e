"""Builds the status of last resort: nothing is known, because the pass that should have told it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.model.status import Condition, EnvironmentStatus, StatusMetadata

if TYPE_CHECKING:
    from reconciler.model.errors import ReconcilerError
    from reconciler.model.status import ApplicationStatus, RemovalStatus

CONDITION_TYPES: Final = ("Valid", "Admitted", "Resolved", "Trusted", "Committed", "Ready")


def undetermined_status(
    name: str, main: str, resolved: str | None, last: EnvironmentStatus | None, fault: ReconcilerError
) -> EnvironmentStatus:
    """Builds a status in which every condition and every placement is Unknown.

    Args:
        name: the Environment's name.
        main: the head of `main`; empty when there never was one.
        resolved: the head of `resolved`.
        last: the last status, which names the Applications, their placements and the policies in force.
        fault: why nothing is known.
    """
    return EnvironmentStatus(
        metadata=StatusMetadata(name=name),
        input=main,
        resolved=resolved,
        conditions=[Condition(type=kind, status="Unknown", reason=fault.reason, message=str(fault)) for kind in CONDITION_TYPES],
        policies=last.policies if last else [],
        applications=[_undetermined(application, fault) for application in (last.applications if last else ())],
        removing=[_undetermined_removal(removal, fault) for removal in (last.removing if last else ())],
    )


def _undetermined(application: ApplicationStatus, fault: ReconcilerError) -> ApplicationStatus:
    unknown = {"ready": "Unknown", "state": "Unknown"}
    told = {**unknown, "reason": fault.reason, "message": str(fault), "waiting_for": None, "evidence": None}
    placements = [placement.model_copy(update=told) for placement in application.placements]
    return application.model_copy(update={**unknown, "placements": placements})


def _undetermined_removal(removal: RemovalStatus, fault: ReconcilerError) -> RemovalStatus:
    told = {"reason": "NotObserved", "message": str(fault)}  # not the fault's reason: Helm's stand there too
    return removal.model_copy(update={"placements": [placement.model_copy(update=told) for placement in removal.placements]})
