"""Decides until when a status is known to be current: the rule by which soak time and unwatched time are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.git import Commit

MAX_AHEAD: Final = 60  # seconds that the clocks of two machines may differ: what is dated further ahead confirms nothing

OVERDUE: Final = 3  # intervals without a confirmation after which a status no longer counts as watched


def confirmed_at(status: Commit, confirmation: Commit | None, now: float) -> int:
    """Returns when a status was last known to be current, in seconds since the epoch.

    That is the time of its own commit, or of a later confirmation: a commit of the same tree. One that is dated ahead does not
    count; without any, the result is 0.
    """
    confirmations = [status] if confirmation is None or confirmation.tree != status.tree else [status, confirmation]
    return max((int(min(commit.time, now)) for commit in confirmations if commit.time <= now + MAX_AHEAD), default=0)


def is_overdue(confirmed: float, now: float, interval: float) -> bool:
    """Whether the next confirmation, which is made every `interval` seconds, is missing for too long."""
    return now - confirmed > OVERDUE * interval
