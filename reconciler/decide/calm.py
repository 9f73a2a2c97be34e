"""Which changes of a status are none yet."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.status import ApplicationStatus, EnvironmentStatus, PlacementStatus


def is_routine_recheck(now: EnvironmentStatus, before: EnvironmentStatus) -> bool:
    """Whether all that is new is that Flux looks once more at something that was ready and is still the same.

    It does so at every interval, mostly for some tenths of a second in which the release says Reconciling (row 21).
    """
    return (
        (now.input, now.resolved, now.refused, now.problems) == (before.input, before.resolved, before.refused, before.problems)
        and [c for c in now.conditions if c.type != "Ready"] == [c for c in before.conditions if c.type != "Ready"]
        and now.applications != before.applications
        and all(a and b and _same(a, b) for a, b in zip_longest(now.applications, before.applications))
    )


def _same(now: ApplicationStatus, before: ApplicationStatus) -> bool:
    return (now.name, now.digest) == (before.name, before.digest) and all(
        a and b and (a == b or _looks(a, b)) for a, b in zip_longest(now.placements, before.placements)
    )


def _looks(now: PlacementStatus, before: PlacementStatus) -> bool:
    return (
        now.cluster == before.cluster
        and (before.ready, now.reason) == ("True", "Reconciling")
        and now.evidence is not None
        and before.evidence is not None
        and (now.evidence.uid, now.evidence.entry) == (before.evidence.uid, before.evidence.entry)
    )
