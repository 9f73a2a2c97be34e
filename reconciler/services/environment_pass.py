"""One pass over one Environment: first `main`, then its pull requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.services.reconcile.outcome import ReconcileOutcome
    from reconciler.services.reconcile.reconciler import EnvironmentReconciler
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.review.pull_request_reviewer import PullRequestReviewer


class EnvironmentPass:
    """The passes over one Environment, one at a time.

    Args:
        reconciler: of its `main`.
        branches: the same as the reconciler's.
        pulls: reviews its pull requests; None for a repository that is on no forge.
    """

    def __init__(
        self, reconciler: EnvironmentReconciler, branches: EnvironmentBranches, reviewer: PullRequestReviewer | None
    ) -> None:
        self._reconciler, self._branches, self._reviewer = reconciler, branches, reviewer

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters that the Environment was placed on when last seen."""
        return self._reconciler.clusters

    def run(self, *, fetch: bool = True, wait: float = 0.0) -> ReconcileOutcome:
        """Make one pass: as the reconciler's, and where the branches were fetched, over the pull requests too.

        Raises:
            ReconcilerError: the repository could not be read or written; nothing is lost, and the next pass does it all.
        """
        outcome = self._reconciler.reconcile(fetch=fetch, wait=wait)
        if not fetch or self._reviewer is None or outcome.main is None:
            return outcome
        moments = (self._reviewer.review_open(self._branches, outcome), outcome.fetch_after)
        return replace(outcome, fetch_after=min((moment for moment in moments if moment is not None), default=None))
