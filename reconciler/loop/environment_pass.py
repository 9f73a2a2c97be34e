"""One pass over one Environment: first `main`, then its pull requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.loop.branches import Branches
    from reconciler.loop.passes import Outcome, Reconciliation
    from reconciler.loop.pulls import Pulls


class EnvironmentPass:
    """The passes over one Environment, one at a time.

    Args:
        reconciler: of its `main`.
        branches: the same as the reconciler's.
        pulls: reviews its pull requests; None for a repository that is on no forge.
    """

    def __init__(self, reconciler: Reconciliation, branches: Branches, pulls: Pulls | None) -> None:
        self._reconciler, self._branches, self._pulls = reconciler, branches, pulls

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters that the Environment was placed on when last seen."""
        return self._reconciler.clusters

    def run(self, *, look: bool = True, wait: float = 0.0) -> Outcome:
        """Make one pass: as the reconciler's, and where the branches were fetched, over the pull requests too.

        Raises:
            Fault: the repository could not be read or written; nothing is lost, and the next pass does it all.
        """
        outcome = self._reconciler.run(look=look, wait=wait)
        if not look or self._pulls is None or outcome.main is None:
            return outcome
        moments = (self._pulls.look(self._branches, outcome), outcome.due)
        return replace(outcome, due=min((moment for moment in moments if moment is not None), default=None))
