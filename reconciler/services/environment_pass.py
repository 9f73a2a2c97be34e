"""The work of one pass over one Environment: reconciles `main`, then reviews the open pull requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.services.reconcile.outcome import ReconcileOutcome
    from reconciler.services.reconcile.reconciler import EnvironmentReconciler
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.review.pull_request_reviewer import PullRequestReviewer


class EnvironmentPass:
    """Runs the passes over one Environment, one at a time.

    Args:
        reconciler: reconciles its `main`.
        branches: its branches; the same object as the reconciler's.
        reviewer: reviews its pull requests; None for a repository that is not on the forge.
    """

    def __init__(
        self, reconciler: EnvironmentReconciler, branches: EnvironmentBranches, reviewer: PullRequestReviewer | None
    ) -> None:
        self._reconciler, self._branches, self._reviewer = reconciler, branches, reviewer

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters of the Environment's placements, as of the last fetch."""
        return self._reconciler.clusters

    def run(self, *, fetch: bool = True, wait: float = 0.0) -> ReconcileOutcome:
        """Reconcile `main`; where the branches were fetched, review the pull requests too.

        Args:
            fetch: fetch the branches; otherwise only what runs is observed.
            wait: seconds to wait for the first response of a cluster.

        Raises:
            ReconcilerError: the repository could not be read or written. No work is lost: the next pass does all of it again.
        """
        outcome = self._reconciler.reconcile(fetch=fetch, wait=wait)
        if not fetch or self._reviewer is None or outcome.main is None:
            return outcome
        delays = (self._reviewer.review_open(self._branches, outcome), outcome.fetch_after)
        return replace(outcome, fetch_after=min((delay for delay in delays if delay is not None), default=None))
