"""What the absence of a policy that was in force means: that it was removed, or that it is missing.

A folder can be empty, half written or not mounted for a moment. So a policy counts as removed only when its removal was stated:
by a commit of the system repository that is valid as a whole, or, for a folder on disk, by a line in the folder's marker file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKER_FILE: Final = ".catalyst-policies"
"""The file by which a folder on disk is known to be the mounted folder of policies."""

REMOVED_LINE: Final = "removed:"
"""The beginning of a line of the marker file; the name of a removed policy follows."""


@dataclass(frozen=True)
class StatedRemovals:
    """The removals that a source of policies states.

    Attributes:
        names: the removed policies by name.
        is_commit: whether the policies are all those of a valid commit, so that every other policy is removed.
    """

    names: frozenset[str] = frozenset()
    is_commit: bool = False

    def missing(self, in_force: Iterable[str], current: Iterable[str]) -> tuple[str, ...]:
        """Returns the names of policies that were in force, and are neither current nor removed, sorted."""
        return () if self.is_commit else tuple(sorted(set(in_force) - set(current) - self.names))


COMMITTED: Final = StatedRemovals(is_commit=True)


def removals_in(marker: bytes) -> StatedRemovals:
    """Returns the removals that a marker file states. Lines that are not understood state nothing: the policies are missing."""
    lines = marker.decode("utf-8", "replace").splitlines()
    names = (line.strip().removeprefix(REMOVED_LINE).strip() for line in lines if line.strip().startswith(REMOVED_LINE))
    return StatedRemovals(frozenset(name for name in names if name))


def how_to_remove(name: str) -> str:
    """Returns the next step for a policy that is missing."""
    return (
        f"restore its file; or remove it, in the system repository by a commit, in a folder on disk by the line "
        f"`{REMOVED_LINE} {name}` in {MARKER_FILE}"
    )
