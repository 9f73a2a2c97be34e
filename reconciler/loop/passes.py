"""One pass over one Environment: observe, decide, act.

A pass can be killed at any point: all it knows is in git and on the clusters, what it keeps between passes only saves time, and a
commit is made only when its tree differs from the branch's.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from reconciler.decide.changes import message as resolved_message
from reconciler.decide.marks import marks
from reconciler.decide.page import page
from reconciler.decide.render import LOCK_FILE
from reconciler.decide.report import Hitch, report, subject
from reconciler.loop.behind import Behind
from reconciler.loop.branches import MAIN, PAGE_FILE, RESOLVED, STATUS, STATUS_FILE, Branches
from reconciler.loop.claims import alone
from reconciler.loop.desire import Desired, Identity, desire, outside
from reconciler.loop.judge import ClusterView, Limits, Sightings, judge, remember, sightings, told
from reconciler.loop.pace import Pace
from reconciler.loop.standing import Watch
from reconciler.model.faults import Fault, Rejected
from reconciler.world import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.decide.catalog import Catalog
    from reconciler.decide.readiness import Verdict
    from reconciler.decide.render import Surroundings
    from reconciler.decide.standing import Standing
    from reconciler.decide.trust import Policies
    from reconciler.loop.claims import Claim
    from reconciler.loop.notices import Notices
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.problem import Problem
    from reconciler.model.status import EnvironmentStatus
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
    """

    name: str
    main: str | None
    resolved: str | None = None
    pushed: tuple[str, ...] = ()
    status: EnvironmentStatus | None = None
    hitch: Hitch | None = None
    warnings: tuple[Problem, ...] = ()
    again: float | None = None


@dataclass
class _Decision:
    """What was decided, for as long as nothing changes that it rests on.

    Attributes:
        key: `main`'s head and the policies' digest.
        standing: whether what was locked was still trusted.
        at: when, by the monotonic clock.
        hitch: why there is nothing to commit.
        tree: the tree id that `resolved` should have; None with a hitch.
        files: that tree's files, until they are pushed.
        warnings: what is to be known of it.
    """

    key: tuple[str, str]
    standing: Standing
    at: float
    hitch: Hitch | None = None
    tree: str | None = None
    files: Mapping[str, bytes] | None = None
    warnings: tuple[Problem, ...] = ()


class Reconciliation:
    """The passes over one Environment, one at a time."""

    def __init__(
        self,
        identity: Identity,
        repository: Repository,
        world: World,
        notices: Notices | None = None,
        claim: Claim | None = None,
    ) -> None:
        self.identity = identity
        self._claim = claim or alone(identity)
        self._notices = notices
        self._pace = Pace(world.coalesce, world.patience)
        self._branches = Branches(repository)
        self._world = world
        self._decision: _Decision | None = None
        self._last: EnvironmentLock | None = None
        self._watch = Watch(world.catalog)
        self._accepted: tuple[str, str | None] | None = None
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
        name, branches = self.identity.name, self._branches
        look = look or not branches.known
        if look:
            branches.look()
            self._claim.hold(branches.lock() or self._last)
        main = branches.head(MAIN)
        if main is None:
            return Outcome(name, None)
        decision = self._decide(main, look=look)
        pushed = []
        try:
            pushed += self._push_resolved(main, decision)
        except Rejected as fault:
            decision.hitch = outside("Committed", fault)
        pace, at_once = self._pace, look or bool(pushed) or wait > 0
        if not at_once and (early := pace.early(time.monotonic())) is not None:
            return Outcome(name, main, branches.head(RESOLVED), hitch=decision.hitch, warnings=decision.warnings, again=early)
        if decision.hitch is None:
            self._accepted = (main, branches.head(RESOLVED))
        status = self._status(main, decision.hitch, wait)
        again = None
        if status is not None:
            again = pace.hold(status, branches.status(), time.monotonic(), news=at_once) if not wait else None
            if again is None:
                pushed += self._push_status(status, look=look)
                if self._notices is not None:
                    self._notices.post(main, marks(status))
        return Outcome(name, main, branches.head(RESOLVED), tuple(pushed), status, decision.hitch, decision.warnings, again)

    def _decide(self, main: str, *, look: bool) -> _Decision:
        """What this commit comes to: remembered, unless what it rests on changed or it is time to try again."""
        # Should nobody be able to read what is on `resolved`, nothing moves that this process knows the version of.
        prior = self._branches.lock() or self._last
        try:
            policies = self._world.policies()
        except Fault as fault:
            self._watch.blind(fault)
            return _Decision((main, ""), self._watch.standing, time.monotonic(), outside("Valid", fault))
        if prior is not None and (look or self._watch.due(policies.digest)):
            self._watch.look(prior, policies.digest)
        key, standing = (main, policies.digest), self._watch.standing
        known = self._decision
        if known is None or known.key != key or standing.differs(known.standing) or self._due(known, look=look):
            self._last = prior
            result = desire(
                self._branches.wanted_files(),
                self.identity,
                prior,
                self._world.catalog,
                self._world.surroundings(policies),
                self._claim.take,
            )
            before, known = known, _Decision(key, standing, time.monotonic())
            if isinstance(result, Desired):
                self._last, known.warnings = result.lock, result.warnings
                known.files, known.tree = result.files, self._branches.tree_of(result.files)
            else:
                known.hitch = _as_before(before, key, result)
            self._decision = known
        elif standing.fault is None:
            known.standing = standing
        return known

    def _due(self, decision: _Decision, *, look: bool) -> bool:
        """Whether to decide again: `resolved` is not what it should be, or a Hitch may have gone by itself.

        What is outside is asked again by looks alone: they keep their distance when it fails, changes on a cluster do not.
        """
        hitch = decision.hitch
        if hitch is None:
            return decision.files is None and self._branches.tree(RESOLVED) != decision.tree
        if not hitch.refused:
            return look
        return hitch.stage != "Valid" and time.monotonic() - decision.at > self._world.retry

    def _push_resolved(self, main: str, decision: _Decision) -> list[str]:
        files, decision.files = decision.files, None
        if files is None or self._last is None or self._branches.tree(RESOLVED) == decision.tree:
            return []
        digest = "sha256:" + hashlib.sha256(files[LOCK_FILE]).hexdigest()
        message = resolved_message(self.identity.name, main, self._branches.lock(), self._last, digest)
        self._branches.push_resolved(files, message, self._last)
        self._claim.hold(self._last)
        for cluster in sorted(self.clusters):
            try:
                self._world.clusters.look_now(cluster, self._last.flux_namespace)
            except Fault as fault:  # it looks by itself after a while
                log.debug("flux was not asked to look", environment=self.identity.name, cluster=cluster, why=fault.message)
        return [RESOLVED]

    def _push_status(self, status: EnvironmentStatus, *, look: bool) -> list[str]:
        data = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        where = self._notices.repository if self._notices is not None else None
        files = {STATUS_FILE: documents.dump(data), PAGE_FILE: page(status, where).encode()}
        if self._branches.tree(STATUS) == self._branches.tree_of(files):
            if look and time.time() - self._branches.confirmed() > self._world.confirm:
                self._confirm(files)
            return []
        trailers = f"Input-Commit: {status.input}\n" + (f"Resolved-Commit: {status.resolved}\n" if status.resolved else "")
        self._pace.pushed(time.monotonic())
        self._branches.push_status(files, f"{subject(status)}\n\n{trailers}", status)
        return [STATUS]

    def _confirm(self, files: Mapping[str, bytes]) -> None:
        try:
            self._branches.confirm(files)
        except Rejected as fault:  # a server may keep such refs to itself; the status is as good as before
            log.debug("status not confirmed", environment=self.identity.name, why=fault.message)

    def _status(self, main: str, hitch: Hitch | None, wait: float) -> EnvironmentStatus | None:
        lock = self._branches.lock()
        if hitch is not None and self._says_nothing(hitch, main, lock):
            log.warning("not checked again", environment=self.identity.name, why=hitch.message)
            hitch = None
        if hitch is not None and hitch.refused and hitch.stage == "Resolved" and self._is_resolved(main):
            hitch = replace(hitch, stage="Trusted")  # nothing new is refused: what is resolved lost its trust
        for patience in sorted({0.0, wait}):  # they all begin before any of them is waited for
            for cluster in sorted(self.clusters):
                self._world.clusters.ensure(cluster, wait=patience)
        verdicts = self._verdicts(lock) if lock else {}
        standing = self._watch.standing.of({p.artifact for p in lock.packages} if lock else ())
        if not wait and any(v.reason == "NotObserved" for v in verdicts.values()):
            return None
        return report(self.identity.name, main, self._branches.head(RESOLVED), lock, verdicts, hitch, standing)

    def _says_nothing(self, hitch: Hitch, main: str, lock: EnvironmentLock | None) -> bool:
        """Whether this very commit is resolved already: that it cannot be judged again just now says nothing about it."""
        if hitch.refused or hitch.stage == "Committed" or lock is None:
            return False
        return self._is_resolved(main)

    def _is_resolved(self, main: str) -> bool:
        """Whether what is on `resolved` is what this very commit came to, be it from one before that came to the same."""
        head, told = self._branches.head(RESOLVED), self._branches.status()
        if self._accepted == (main, head) or self._branches.input_of_resolved() == main:
            return True
        accepted = told is not None and (told.input, told.refused, told.resolved) == (main, None, head)
        return told is not None and accepted and told.condition("Committed").status == "True"

    def _verdicts(self, lock: EnvironmentLock) -> dict[tuple[str, str], Verdict]:
        # What people took away was not "removed by somebody", should they ever want it again.
        wanted = {(p.application, cluster, p.entry) for p in lock.packages for cluster in p.placements}
        self._seen = {one: ready for one, ready in self._seen.items() if one in wanted}
        world, committed = self._world, self._branches.time(RESOLVED)
        seen = remember(self._seen, told(self._branches.status()))
        verdicts = judge(lock, world.clusters, world.limits, committed=committed, now=time.time(), seen=seen)
        self._seen = remember(seen, sightings(lock, verdicts))
        return self._behind.quoted(verdicts, lock.flux_namespace, age=time.time() - committed)


def _as_before(before: _Decision | None, key: tuple[str, str], hitch: Hitch) -> Hitch:
    """The same trouble in the words it was first told in: each attempt may fail in other ones, and none is a change to commit."""
    first = before.hitch if before is not None and before.key == key else None
    if first is None or first.refused or hitch.refused:
        return hitch
    return first if (first.stage, first.reason) == (hitch.stage, hitch.reason) else hitch
