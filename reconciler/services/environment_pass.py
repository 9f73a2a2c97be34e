"""The work on one Environment: reconciles `main`, and reviews the open pull requests, each as a step of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from reconciler.model.errors import ConcurrentUpdateError, ReconcilerError
from reconciler.services.containment import contained
from reconciler.services.review.pull_request_reviewer import ReviewProgress

if TYPE_CHECKING:
    from reconciler.services.reconcile.outcome import ReconcileOutcome
    from reconciler.services.reconcile.reconciler import EnvironmentReconciler
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.review.pull_request_reviewer import PullRequestReviewer

TOLD_AFTER: Final = 2
"""Failed passes in a row after which it is told that nothing is known: one may be a moment's trouble."""

log = structlog.get_logger()


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
        self._last: ReconcileOutcome | None = None
        self._failures = 0

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters of the Environment's placements, as of the last fetch."""
        return self._reconciler.clusters

    def run(self, *, fetch: bool = True, wait: float = 0.0) -> ReconcileOutcome:
        """Reconcile `main`; where the branches were fetched, review all pull requests too; for the rest as `reconcile`."""
        outcome = self.reconcile(fetch=fetch, wait=wait)
        if not fetch or self._reviewer is None:
            return outcome
        while not (progress := self.review()).is_done:
            pass
        delays = (progress.fetch_after, outcome.fetch_after)
        return replace(outcome, fetch_after=min((delay for delay in delays if delay is not None), default=None))

    def reconcile(self, *, fetch: bool = True, wait: float = 0.0) -> ReconcileOutcome:
        """Reconcile `main`.

        Args:
            fetch: fetch the branches; otherwise only what runs is observed.
            wait: seconds to wait for the first response of a cluster.

        Raises:
            ReconcilerError: the repository could not be read or written, or the pass failed by a defect. No work is lost: the
                next pass does all of it again. From the second failure in a row the status says that nothing is known.
        """
        try:
            with contained("a pass"):
                self._last = self._reconciler.reconcile(fetch=fetch, wait=wait)
        except ConcurrentUpdateError:
            raise
        except ReconcilerError as error:
            self._failures += 1
            if self._failures >= TOLD_AFTER:
                self._tell_failure(error)
            raise
        self._failures = 0
        return self._last

    def review(self) -> ReviewProgress:
        """Review pull requests until this Environment's share of time is used up. Never raises a ReconcilerError."""
        if self._reviewer is None or self._last is None or not self._branches.is_fresh:
            return ReviewProgress()
        return self._reviewer.review_next(self._branches, self._last)

    def _tell_failure(self, fault: ReconcilerError) -> None:
        try:
            self._reconciler.publish_undetermined(fault)
        except ReconcilerError as error:
            log.warning("it cannot be told that passes fail", why=str(error), failure=str(fault))
