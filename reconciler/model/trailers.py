"""Git trailers: the lines at the end of a commit message by which the reconciler reads its own commits back.

Writers use `trailer_lines`, readers `trailer_values`, so that each name and the form of a line are defined here only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.git import Commit

INPUT_COMMIT: Final = "Input-Commit: "
"""The commit of `main` that a lock or a status follows from."""
INPUT_DIGEST: Final = "Input-Digest: "
"""The digest of the documents on `main` that a lock or a plan follows from."""
ADMITTED_BY: Final = "Admitted-By: "
"""A change by which a policy admitted a lock: its commit on `main`, and `pull/<n>` with its head, if approvals of it counted."""
LOCK_DIGEST: Final = "Lock-Digest: "
REMOVED: Final = "Removed: "
"""An Application that is uninstalled, of which nothing is left from this commit of `resolved` on."""
RESOLVED_COMMIT: Final = "Resolved-Commit: "
"""The commit of `resolved` that a status describes."""
ADOPTED: Final = "Adopted: "
"""The commit before that was not signed by the current key, and is taken for the reconciler's own with its history."""
UNWATCHED_SINCE: Final = "Unwatched-Since: "
"""The end of the last observed period before a status, if nothing was observed between then and its commit (ISO 8601)."""
CHANGES: Final = "Changes: "
"""A document that a plan changes: the digest of its new content, and its name as JSON, so that any name is one line."""
BRINGS: Final = "Brings: "
"""An Application that a plan changes, and the digest of its previous artifact, if it had one."""
PROMOTED_FROM: Final = "Promoted-From: "
"""The Environment and the commit of its `resolved` from which versions were promoted."""


def trailer_lines(*trailers: tuple[str, str]) -> str:
    """Returns the lines of trailers, given as names and values, for the end of a commit message."""
    return "".join(f"{name}{value}".rstrip() + "\n" for name, value in trailers)


def trailer_values(commit: Commit, name: str) -> list[str]:
    """Returns the values of all trailers of a name, in the order of their lines."""
    return [line.removeprefix(name) for line in commit.message.splitlines() if line.startswith(name)]
