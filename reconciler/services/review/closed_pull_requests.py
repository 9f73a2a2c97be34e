"""Finishes closed pull requests: reports on a merged one what became of its plan, and deletes plans that are not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from reconciler.domain.blocker import is_final
from reconciler.domain.locking.input_digests import input_digest
from reconciler.domain.review.merge_report import applied_report, insert_report, not_applied
from reconciler.model.errors import NotFoundError, ReconcilerError
from reconciler.model.layout import MAIN, PLAN, RESOLVED
from reconciler.services.containment import contained
from reconciler.services.planning.planner import contains_changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.forge import PullRequest
    from reconciler.services.forge.pull_request_comment import PlanCommentPublisher
    from reconciler.services.reconcile.outcome import ReconcileOutcome
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.repository.plan_commit import PlanCommit
    from reconciler.services.repository.ports import GitRepository

log = structlog.get_logger()


class ClosedPullForge(Protocol):
    """The call to a forge that is needed; `adapters.gitea.Gitea` in production."""

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """One pull request, open or closed. Raises a ReconcilerError."""


class ClosedPullRequests:
    """The closed pull requests of one Environment whose plan or comment is not finished.

    Args:
        forge: the repository's forge.
        repository: owner/name.
        clone: a separate clone of the repository, with history.
        comments: the comments with the plans.
    """

    def __init__(self, forge: ClosedPullForge, repository: str, clone: GitRepository, comments: PlanCommentPublisher) -> None:
        self._forge, self._repository, self._clone, self._comments = forge, repository, clone, comments
        self._merge_reports: dict[int, Sequence[str]] = {}
        self._unfetched_merges: set[tuple[int, str]] = set()

    def finish(self, number: int, branches: EnvironmentBranches, outcome: ReconcileOutcome) -> None:
        """Finish a closed pull request; an error is logged and never raised."""
        try:
            with contained("finishing a pull request", repository=self._repository, number=number):
                self._finish(number, branches, outcome)
        except ReconcilerError as error:
            log.warning("pull request not finished", repository=self._repository, number=number, why=str(error))

    def _finish(self, number: int, branches: EnvironmentBranches, outcome: ReconcileOutcome) -> None:
        """Report on a merged pull request what became of its plan, and delete the plan of a closed one once it is not needed.

        Until the merged documents are decided, the plan stays: it is what was reviewed, however long a decision is held.
        """
        plan, main = branches.plan(number), branches.head(MAIN)
        try:
            merged = self._forge.pull_request(self._repository, number).merged
        except NotFoundError:  # somebody else pushed a plan branch without a pull request
            merged = None
        if plan is not None and main is not None and merged is not None:
            if not self._is_merge_fetched(number, main, merged):
                return
            is_undecided = outcome.blocker is not None and not is_final(outcome.blocker)
            self._report_merge(number, self._merge_outcome(number, plan, branches, outcome))
            if is_undecided:
                return
        branches.delete_plan(number)
        self._merge_reports.pop(number, None)
        self._comments.forget(number)

    def _is_merge_fetched(self, number: int, main: str, merged: str) -> bool:
        """Whether `main` was fetched since a pull request was merged: the forge may report the merge earlier.

        Waits for one fetch only: should `main` have moved elsewhere by then, as after a force-push, the pull request is finished.
        """
        self._clone.fetch({MAIN: main})
        contains_merge = self._clone.is_ancestor(main, merged) or (number, merged) in self._unfetched_merges
        (self._unfetched_merges.discard if contains_merge else self._unfetched_merges.add)((number, merged))
        return contains_merge

    def _merge_outcome(
        self, number: int, plan: PlanCommit, branches: EnvironmentBranches, outcome: ReconcileOutcome
    ) -> Sequence[str]:
        """The report for a merged pull request: whether its plan was applied as reviewed."""
        lock, tree = branches.lock(), branches.tree(RESOLVED)
        if outcome.blocker is not None:
            return not_applied(outcome.blocker)
        if lock is None or tree is None:
            return ()
        documents = branches.input_snapshot()
        alone, whole = input_digest(documents) == plan.input, contains_changes(documents, plan.changes)
        is_as_planned = branches.settled_tree(f"{PLAN}{number}") == branches.settled_tree(RESOLVED)
        planned = tree if is_as_planned else plan.tree
        return applied_report(plan.lock, planned, lock, tree, alone=alone, whole=whole, warnings=outcome.warnings)

    def _report_merge(self, number: int, report: Sequence[str]) -> None:
        """Insert the merge report into the comment, once per change of the report."""
        comment = self._comments.find(number) if report and self._merge_reports.get(number) != report else None
        if comment is not None:
            self._comments.edit(comment, insert_report(comment.text, report))
        self._merge_reports[number] = report
