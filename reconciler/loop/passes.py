"""One pass over one Environment: observe, decide, act.

A pass can be killed at any point: all it knows is in git and on the clusters, what it keeps between passes only saves time, and a
commit is made only when its tree differs from the branch's.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from reconciler.decide.changes import message as resolved_message
from reconciler.decide.marks import marks
from reconciler.decide.page import page
from reconciler.decide.render import LOCK_FILE
from reconciler.decide.report import report, subject
from reconciler.loop.admission import Gate
from reconciler.loop.behind import Behind
from reconciler.loop.branches import MAIN, PAGE_FILE, RESOLVED, STATUS, STATUS_FILE, UNWATCHED, Branches
from reconciler.loop.claims import alone
from reconciler.loop.decisions import Decision, Decisions
from reconciler.loop.desire import Identity, outside
from reconciler.loop.judge import ClusterView, Limits, Sightings, judge, remember, sightings, told
from reconciler.loop.pace import Pace
from reconciler.loop.soaks import OVERDUE
from reconciler.model.faults import Fault, Rejected
from reconciler.world import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.decide.catalog import Catalog
    from reconciler.decide.conditions import Hitch
    from reconciler.decide.readiness import Verdict
    from reconciler.decide.render import Surroundings
    from reconciler.decide.trust import Policies
    from reconciler.loop.claims import Claim
    from reconciler.loop.notices import Notices
    from reconciler.loop.pulls import Pulls
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.problem import Problem
    from reconciler.model.status import Condition, EnvironmentStatus
    from reconciler.world.git import Repository

log = structlog.get_logger()


@dataclass(frozen=True)
class World:
    """What all passes share.

    Attributes:
        catalog: what can be installed.
        clusters: what runs.
        policies: reads the trust policies as they stand now; raises a Fault.
        surroundings: what rendering needs to know, under some policies.
        limits: within which observations are judged.
        retry: seconds after which a refused commit's Blueprints are looked for again.
        confirm: seconds after which a status that did not change is confirmed.
        coalesce: seconds between two status commits that only changes on a cluster ask for.
        patience: seconds for which Flux may look again at what was ready before that is news.
    """

    catalog: Catalog
    clusters: ClusterView
    policies: Callable[[], Policies]
    surroundings: Callable[[Policies], Surroundings]
    limits: Limits = field(default_factory=Limits)
    retry: float = 60.0
    confirm: float = 300.0
    coalesce: float = 1.0
    patience: float = 3.0


@dataclass(frozen=True)
class Outcome:
    """What a pass came to.

    Attributes:
        name: the Environment's.
        main: the commit looked at; None when there is no `main`.
        resolved: the head of `resolved` after the pass.
        pushed: the branches that were pushed.
        status: the status; None when it was not the time to say anything.
        hitch: what stands between `main` and `resolved`.
        warnings: what is to be known of what was resolved.
        again: seconds after which to look at what runs once more, since a status was held back; None when none was.
        due: seconds after which to look at the repository again, since a commit is held until then, or what is said of a pull
            request changes; None when nothing comes by time alone.
        lock: what the commit comes to; None when it comes to nothing.
    """

    name: str
    main: str | None
    resolved: str | None = None
    pushed: tuple[str, ...] = ()
    status: EnvironmentStatus | None = None
    hitch: Hitch | None = None
    warnings: tuple[Problem, ...] = ()
    again: float | None = None
    due: float | None = None
    lock: EnvironmentLock | None = None


class Reconciliation:
    """The passes over one Environment, one at a time."""

    def __init__(
        self,
        identity: Identity,
        repository: Repository,
        world: World,
        notices: Notices | None = None,
        claim: Claim | None = None,
        pulls: Pulls | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.identity = identity
        self._gate = gate or Gate(identity.name)
        self._stood = 0.0
        self._pulls = pulls
        self._claim = claim or alone(identity)
        self._notices = notices
        self._pace = Pace(world.coalesce, world.patience)
        self._branches = Branches(repository)
        self._world = world
        proposed = pulls.proposed if pulls is not None else frozenset[int]
        self._decisions = Decisions(identity, self._branches, world, self._claim, proposed)
        self._seen: Sightings = {}
        self._behind = Behind(world.clusters)

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters that the Environment was placed on when last seen."""
        lock = self._branches.lock()
        return frozenset(c for p in lock.packages for c in p.placements) if lock else frozenset()

    def run(self, *, look: bool = True, wait: float = 0.0) -> Outcome:
        """Make one pass.

        Args:
            look: ask the server for its branches; otherwise only what runs is looked at again.
            wait: seconds to wait for the first answer of a cluster. With none, an Environment whose clusters have not answered
                yet keeps its last status: nothing is said of what was not observed.

        Raises:
            Fault: the repository could not be read or written; nothing is lost, and the next pass does it all.
        """
        try:
            return self._run(look=look, wait=wait)
        except Fault:
            self._branches.forget()
            raise

    def _run(self, *, look: bool, wait: float) -> Outcome:
        outcome = self._reconciled(look=look, wait=wait)
        if look and self._pulls is not None and outcome.main is not None:
            dues = [one for one in (self._pulls.look(self._branches, outcome), outcome.due) if one is not None]
            return replace(outcome, due=min(dues, default=None))
        return outcome

    def _reconciled(self, *, look: bool, wait: float) -> Outcome:
        name, branches = self.identity.name, self._branches
        look = look or not branches.known
        if look:
            branches.look()
            self._claim.hold(branches.lock() or self._decisions.last)
        main = branches.head(MAIN)
        if main is None:
            return Outcome(name, None)
        decision = self._decisions.of(main, look=look)
        verdict = self._gate.of(branches, decision.lock, decision.tree, look=look)
        hitch, pushed = decision.hitch or verdict.hitch, []
        try:
            pushed += self._push_resolved(main, decision) if hitch is None else []
        except Rejected as fault:
            hitch = decision.hitch = outside("Committed", fault)
        if hitch is None:
            self._decisions.accept(main)
        due = self._gate.due(verdict.moment)
        pace, at_once = self._pace, look or bool(pushed) or wait > 0
        if not at_once and (early := pace.early(time.monotonic())) is not None:
            return Outcome(name, main, branches.head(RESOLVED), hitch=hitch, warnings=decision.warnings, again=early, due=due)
        status = self._status(main, hitch, verdict.condition, wait)
        again = None
        if status is not None:
            again = pace.hold(status, branches.status(), time.monotonic(), news=at_once) if not wait else None
            if again is None:
                pushed += self._push_status(status, look=look)
                if self._notices is not None:
                    self._notices.post(main, marks(status))
        head = branches.head(RESOLVED)
        return Outcome(name, main, head, tuple(pushed), status, hitch, decision.warnings, again, due, decision.lock)

    def _push_resolved(self, main: str, decision: Decision) -> list[str]:
        files, decision.files = decision.files, None
        lock = self._decisions.last
        if files is None or lock is None or self._branches.tree(RESOLVED) == decision.tree:
            return []
        digest = "sha256:" + hashlib.sha256(files[LOCK_FILE]).hexdigest()
        message = resolved_message(self.identity.name, main, self._branches.lock(), lock, digest, decision.input_)
        self._branches.push_resolved(files, message, lock)
        self._claim.hold(lock)
        for cluster in sorted(self.clusters):
            try:
                self._world.clusters.look_now(cluster, lock.flux_namespace)
            except Fault as fault:  # it looks by itself after a while
                log.debug("flux was not asked to look", environment=self.identity.name, cluster=cluster, why=fault.message)
        return [RESOLVED]

    def _push_status(self, status: EnvironmentStatus, *, look: bool) -> list[str]:
        data = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        where = self._notices.repository if self._notices is not None else None
        files = {STATUS_FILE: documents.dump(data), PAGE_FILE: page(status, where).encode()}
        unwatched = self._unwatched()
        if self._branches.tree(STATUS) == self._branches.tree_of(files) and not unwatched:
            if look and time.time() - self._branches.confirmed() > self._world.confirm:
                self._confirm(files)
            self._stood = time.time()
            return []
        trailers = f"Input-Commit: {status.input}\n" + (f"Resolved-Commit: {status.resolved}\n" if status.resolved else "")
        trailers += f"{UNWATCHED}{datetime.fromtimestamp(unwatched, UTC).isoformat()}\n" if unwatched else ""
        self._pace.pushed(time.monotonic())
        self._branches.push_status(files, f"{subject(status)}\n\n{trailers}", status)
        self._stood = time.time()
        return [STATUS]

    def _unwatched(self) -> int:
        """Since when nobody looked, if that is long ago: how long things were Ready is told by the history of the status."""
        since = max(self._branches.confirmed(), self._stood)
        return int(since) if since and time.time() - since > OVERDUE * self._world.confirm else 0

    def _confirm(self, files: Mapping[str, bytes]) -> None:
        try:
            self._branches.confirm(files)
        except Rejected as fault:  # a server may keep such refs to itself; the status is as good as before
            log.debug("status not confirmed", environment=self.identity.name, why=fault.message)

    def _status(self, main: str, hitch: Hitch | None, admitted: Condition, wait: float) -> EnvironmentStatus | None:
        lock = self._branches.lock()
        if hitch is not None and self._says_nothing(hitch, main, lock):
            log.warning("not checked again", environment=self.identity.name, why=hitch.message)
            hitch = None
        if hitch is not None and hitch.refused and hitch.stage == "Resolved" and self._decisions.is_resolved(main):
            hitch = replace(hitch, stage="Trusted")  # nothing new is refused: what is resolved lost its trust
        for patience in sorted({0.0, wait}):  # they all begin before any of them is waited for
            for cluster in sorted(self.clusters):
                self._world.clusters.ensure(cluster, wait=patience)
        verdicts = self._verdicts(lock) if lock else {}
        standing = self._decisions.standing.of({p.artifact for p in lock.packages} if lock else ())
        if not wait and any(v.reason == "NotObserved" for v in verdicts.values()):
            return None
        return report(self.identity.name, main, self._branches.head(RESOLVED), lock, verdicts, hitch, standing, admitted)

    def _says_nothing(self, hitch: Hitch, main: str, lock: EnvironmentLock | None) -> bool:
        """Whether this very commit is resolved already: that it cannot be judged again just now says nothing about it."""
        if hitch.refused or hitch.stage in {"Admitted", "Committed"} or lock is None:
            return False
        return self._decisions.is_resolved(main)

    def _verdicts(self, lock: EnvironmentLock) -> dict[tuple[str, str], Verdict]:
        # What people took away was not "removed by somebody", should they ever want it again.
        wanted = {(p.application, cluster, p.entry) for p in lock.packages for cluster in p.placements}
        self._seen = {one: ready for one, ready in self._seen.items() if one in wanted}
        world, committed = self._world, self._branches.time(RESOLVED)
        seen = remember(self._seen, told(self._branches.status()))
        verdicts = judge(lock, world.clusters, world.limits, committed=committed, now=time.time(), seen=seen)
        self._seen = remember(seen, sightings(lock, verdicts))
        return self._behind.quoted(verdicts, lock.flux_namespace, age=time.time() - committed)
