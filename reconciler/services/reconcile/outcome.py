"""What a pass came to."""

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
    """What a pass came to.

    Attributes:
        name: the Environment's.
        main: the commit looked at; None when there is no `main`.
        resolved: the head of `resolved` after the pass.
        pushed: the branches that were pushed.
        status: the status; None when it was not the time to say anything.
        blocker: what keeps `main` from being `resolved`.
        warnings: what is to be known of what was resolved.
        observe_after: seconds after which to look at what runs once more, since a status was held back; None when none was.
        fetch_after: seconds after which to look at the repository again, since a commit is held until then, or what is said of a
            pull request changes; None when nothing comes by time alone.
        lock: what the commit comes to; None when it comes to nothing.
        admission: the results of the rules that hold the commit, or would.
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
