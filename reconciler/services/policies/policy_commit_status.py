"""Publishes whether the EnvironmentPolicies are valid, as a commit status on the system repository."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from reconciler.domain.review.commit_statuses import policies_status
from reconciler.model.commit_status import POLICY_CONTEXT
from reconciler.model.errors import ReconcilerError
from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
from reconciler.services.policies.policy_sources import GitPolicySource

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.domain.admission.environment_policies import EnvironmentPolicies
    from reconciler.services.forge.commit_status_publisher import CommitStatusForge


log = structlog.get_logger()


class PolicyStatusPublisher:
    """Posts whether the EnvironmentPolicies are valid. Safe for use by several threads.

    Args:
        forge: the forge of the system repository; None when it is not on the forge.
        repository: owner/name; None when the policies come from a directory.
        policies: the source of the policies.
    """

    def __init__(
        self, forge: CommitStatusForge | None, repository: str | None, policies: Callable[[], EnvironmentPolicies]
    ) -> None:
        self._policies = policies
        self._commit_statuses = CommitStatusPublisher(forge, repository) if forge is not None and repository is not None else None
        self._lock = threading.Lock()

    def publish(self) -> None:
        """Post a commit status on the head of the system repository, if the forge does not show it yet.

        Never raises a ReconcilerError.
        """
        if (
            self._commit_statuses is None
            or not isinstance(self._policies, GitPolicySource)
            or not self._lock.acquire(blocking=False)
        ):
            return
        try:
            policies = self._policies()  # may refresh: only then is `head` the commit of these policies
            self._commit_statuses.publish(self._policies.head, {POLICY_CONTEXT: policies_status(policies)})
        except ReconcilerError as error:
            log.debug("commit status of the policies not posted: the policies cannot be read", why=str(error))
        finally:
            self._lock.release()
