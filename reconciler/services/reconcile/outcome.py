"""The outcome of a pass over `main`, as the controller, the commands and the review of pull requests read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.domain.admission.rules import Admission

if TYPE_CHECKING:
    from reconciler.domain.blocker import Blocker
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.problem import Problem
    from reconciler.model.status import EnvironmentStatus


@dataclass(frozen=True)
class ReconcileOutcome:
    """The outcome of one pass over `main`.

    Attributes:
        name: the Environment's name.
        main: the head of `main` that was reconciled; None when there is no `main`.
        resolved: the head of `resolved` after the pass.
        pushed: the branches that were pushed.
        status: the status; None when the pass built none, because a cluster has not responded or it was too early to observe.
        blocker: what keeps `main` from being resolved.
        warnings: problems that do not refuse the commit.
        observe_after: seconds after which the clusters must be observed again, because a status was held back; None otherwise.
        fetch_after: seconds after which the repository must be fetched again, because a commit is held until then or a posted
            review of a pull request expires; None when time alone changes nothing.
        lock: the lock that the commit resolves to; None when it resolves to none.
        admission: the results of the rules that hold the commit, or would hold it.
        is_main_read: whether the documents of `main` could be read; if not, the branch is fetched again at growing intervals.
    """

    name: str
    main: str | None
    resolved: str | None = None
    pushed: tuple[str, ...] = ()
    status: EnvironmentStatus | None = None
    blocker: Blocker | None = None
    warnings: tuple[Problem, ...] = ()
    observe_after: float | None = None
    fetch_after: float | None = None
    lock: EnvironmentLock | None = None
    admission: Admission = field(default_factory=Admission)
    is_main_read: bool = True
