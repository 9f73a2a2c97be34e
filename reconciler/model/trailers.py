"""Git trailers: the lines at the end of commit messages by which the reconciler reads its own commits back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.git import Commit

UNOBSERVED_SINCE: Final = "Unwatched-Since: "  # a status's trailer: nobody looked between then and its commit

INPUT_DIGEST: Final = "Input-Digest: "


def trailers(commit: Commit, name: str) -> list[str]:
    """What the lines of a commit's message say that begin with a name."""
    return [line.removeprefix(name) for line in commit.message.splitlines() if line.startswith(name)]
