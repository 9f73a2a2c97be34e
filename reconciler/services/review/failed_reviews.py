"""Tells the authors of pull requests that a review failed, and remembers failures by head, to try again ever less often."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from reconciler.domain.admission.rules import Admission
from reconciler.domain.blocker import keep_first_wording, unavailable
from reconciler.domain.review.commit_statuses import plan_status, policy_status
from reconciler.domain.review.plan_comment import render_plan_comment
from reconciler.model.commit_status import PLAN_CONTEXT, POLICY_CONTEXT
from reconciler.model.errors import ReconcilerError, UnavailableError
from reconciler.services.containment import contained
from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher

if TYPE_CHECKING:
    from reconciler.domain.blocker import Unavailable
    from reconciler.model.forge import PullRequest
    from reconciler.services.forge.commit_status_publisher import CommitStatusForge
    from reconciler.services.forge.pull_request_comment import PlanCommentPublisher

# Seconds, at most, between two attempts: fewer where the cause is a server, which may be back at any moment.
MAX_PAUSE: Final = 3600.0
MAX_PAUSE_UNAVAILABLE: Final = 300.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Failure:
    """The failed reviews of one head; `retry_at` is of the monotonic clock, in seconds."""

    head: str
    blocker: Unavailable
    attempts: int
    retry_at: float
    commit_statuses: CommitStatusPublisher


class FailedReviews:
    """The failed reviews of one Environment's pull requests.

    Args:
        forge: the repository's forge.
        comments: the comments on its pull requests.
        repository: owner/name.
        name: the Environment's name.
        retry: seconds until the first further attempt; each further pause is twice as long.
    """

    def __init__(
        self, forge: CommitStatusForge, comments: PlanCommentPublisher, repository: str, name: str, retry: float
    ) -> None:
        self._forge, self._comments, self._repository, self._name = forge, comments, repository, name
        self._retry = retry
        self._failures: dict[int, _Failure] = {}

    def is_waiting(self, pull: PullRequest) -> bool:
        """Whether the review of a pull request failed at this head, and is not tried again yet. Restores its commit statuses."""
        failure = self._failures.get(pull.number)
        if failure is None or failure.head != pull.head or time.monotonic() >= failure.retry_at:
            return False
        _post(failure)
        return True

    def record(self, pull: PullRequest, fault: ReconcilerError) -> None:
        """Record that a review failed, and tell the author by commit statuses and the comment. Never raises a ReconcilerError."""
        before = self._failures.get(pull.number)
        if before is not None and before.head != pull.head:
            before = None
        log.warning("pull request not reviewed", repository=self._repository, number=pull.number, why=str(fault))
        attempts = before.attempts + 1 if before is not None else 1
        longest = MAX_PAUSE_UNAVAILABLE if isinstance(fault, UnavailableError) else MAX_PAUSE
        failure = self._failures[pull.number] = _Failure(
            pull.head,
            keep_first_wording(before.blocker if before is not None else None, unavailable("Valid", fault)),
            attempts,
            time.monotonic() + min(self._retry * 2.0 ** min(attempts - 1, 30), longest),
            before.commit_statuses if before is not None else CommitStatusPublisher(self._forge, self._repository),
        )
        try:
            with contained("telling that a review failed", repository=self._repository, number=pull.number):
                _post(failure)
                self._comments.upsert(pull.number, render_plan_comment(self._name, (), 0, None, blocker=failure.blocker))
        except ReconcilerError as error:
            log.warning("author not told", repository=self._repository, number=pull.number, why=str(error))

    def forget(self, number: int) -> None:
        """Drop the failure of a pull request that is reviewed or closed."""
        self._failures.pop(number, None)


def _post(failure: _Failure) -> None:
    plan = plan_status((), 0, None, failure.blocker)
    statuses = {POLICY_CONTEXT: policy_status(Admission(), planned=False), PLAN_CONTEXT: plan}
    failure.commit_statuses.publish(failure.head, statuses)
