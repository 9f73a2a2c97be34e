"""Until when a status is known to stand: the rule by which soak time and unwatched time are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.git import Commit

OVERDUE: Final = 3
"""How many intervals between confirmations may pass before a status no longer counts as watched."""


def confirmed_at(status: Commit, confirmation: Commit | None, now: float) -> int:
    """When a status was last known to stand, in seconds since the epoch.

    That is the time of its own commit, or of a later confirmation: a commit of the same tree. A confirmation from the future does
    not count.
    """
    if confirmation is None or confirmation.tree != status.tree or confirmation.time > now:
        return status.time
    return max(status.time, confirmation.time)


def is_overdue(confirmed: float, now: float, interval: float) -> bool:
    """Whether the next confirmation, made every `interval` seconds, should have come by now and did not."""
    return now - confirmed > OVERDUE * interval
