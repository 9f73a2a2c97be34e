"""Completes removals: the commit that drops what was observed to be gone, and its Namespaces.

It follows from nothing but the head of `resolved` and the clusters. So it comes whatever becomes of `main`, and admits nothing.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final

from reconciler.domain.locking.change_summary import removed_commit_message
from reconciler.domain.locking.removals import without
from reconciler.domain.rendering.flux_objects import replace_removals
from reconciler.model.layout import LOCK_FILE, RESOLVED
from reconciler.services.observation.removals import finished_removals, observe_removals

if TYPE_CHECKING:
    from reconciler.model.lock import EnvironmentLock
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.repository.branches import EnvironmentBranches

_SETTLE: Final = 60.0  # seconds in which removals that began together may end together


def complete_removals(name: str, branches: EnvironmentBranches, context: ReconcileContext) -> EnvironmentLock | None:
    """Push the commit without the removals that are finished; return its lock, or None when there is nothing to push.

    Args:
        name: the Environment's name.
        branches: its branches as last fetched.
        context: the dependencies that all passes share.

    Raises:
        ReconcilerError: the branch could not be read or pushed.
    """
    lock = branches.lock()
    if lock is None or not lock.removing:
        return None
    age = time.time() - branches.time(RESOLVED)
    progress = observe_removals(lock, context.clusters, context.limits, status=branches.status(), age=age)
    finished = finished_removals(lock, progress, age=age, settle=_SETTLE)
    if not finished:
        return None
    left = without(lock, finished)
    files = replace_removals(branches.resolved_files(), left)
    digest = "sha256:" + hashlib.sha256(files[LOCK_FILE]).hexdigest()
    input_, input_digest = branches.input_of_resolved() or "", branches.digest_of_resolved() or ""
    branches.push_resolved(files, removed_commit_message(name, finished, input_, digest, input_digest), left)
    return left
