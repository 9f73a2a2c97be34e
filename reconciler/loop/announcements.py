"""Whether the EnvironmentPolicies can be used, told where they are written: as a commit status of the system repository."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.decide.marks import POLICY_CONTEXT, policies_mark
from reconciler.loop.notices import Notices
from reconciler.loop.policies import PolicyRepository

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.decide.policies import EnvironmentPolicies
    from reconciler.loop.notices import Forge


class Announcements:
    """The policies as they stand, told to the forge whenever they were read anew. Safe for use by several threads.

    Args:
        forge: where the system repository is, if anywhere.
        repository: owner/name.
        policies: reads them; raises a Fault.
    """

    def __init__(self, forge: Forge | None, repository: str | None, policies: Callable[[], EnvironmentPolicies]) -> None:
        self._policies = policies
        self._notices = Notices(forge, repository) if forge is not None and repository is not None else None
        self._lock = threading.Lock()

    def __call__(self) -> EnvironmentPolicies:
        """The policies; raises what reading them raises."""
        found = self._policies()
        if self._notices is not None and isinstance(self._policies, PolicyRepository) and self._lock.acquire(blocking=False):
            try:
                self._notices.post(self._policies.head, {POLICY_CONTEXT: policies_mark(found)})
            finally:
                self._lock.release()
        return found
