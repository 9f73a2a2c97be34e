"""What the head of `main` comes to, decided once, and again only when something changes that it rests on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.decide.reviewed import keeping
from reconciler.loop.branches import RESOLVED, Branches
from reconciler.loop.desire import Desired, Identity, desire, input_of, outside
from reconciler.loop.plan import as_planned, reviewed
from reconciler.loop.standing import Watch
from reconciler.model.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.decide.conditions import Hitch
    from reconciler.decide.standing import Standing
    from reconciler.loop.claims import Claim
    from reconciler.loop.passes import World
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.problem import Problem
    from reconciler.world.git import Snapshot


@dataclass
class Decision:
    """What was decided, for as long as nothing changes that it rests on.

    Attributes:
        key: `main`'s head and the policies' digest.
        standing: whether what was locked was still trusted.
        at: when, by the monotonic clock.
        hitch: why there is nothing to commit.
        tree: the tree id that `resolved` should have; None with a hitch.
        files: that tree's files, until they are pushed.
        lock: what it comes to; None with a hitch.
        input_: a digest of what people wrote.
        base: the head of `resolved` that it was decided upon.
        warnings: what is to be known of it.
    """

    key: tuple[str, str]
    standing: Standing
    at: float
    hitch: Hitch | None = None
    tree: str | None = None
    files: Mapping[str, bytes] | None = None
    lock: EnvironmentLock | None = None
    input_: str = ""
    base: str | None = None
    warnings: tuple[Problem, ...] = ()


class Decisions:
    """The decisions on one Environment.

    Args:
        identity: who it must say it is.
        branches: its branches as last seen.
        world: what passes share.
        claim: its hold on Namespaces.
        proposed: asks for the pull requests that are open.

    Attributes:
        last: the newest lock that this process knows of; None when there was none.
    """

    def __init__(
        self,
        identity: Identity,
        branches: Branches,
        world: World,
        claim: Claim,
        proposed: Callable[[], AbstractSet[int]] = frozenset,
    ) -> None:
        self._identity, self._branches, self._world, self._claim = identity, branches, world, claim
        self._proposed = proposed
        self._watch = Watch(world.catalog)
        self._known: Decision | None = None
        self._accepted: tuple[str, str | None] | None = None
        self.last: EnvironmentLock | None = None

    @property
    def standing(self) -> Standing:
        """Whether what was locked at the last look is still trusted."""
        return self._watch.standing

    def of(self, main: str, *, look: bool) -> Decision:
        """What this commit comes to: remembered, unless what it rests on changed or it is time to try again."""
        # Should nobody be able to read what is on `resolved`, nothing moves that this process knows the version of.
        prior = self._branches.lock() or self.last
        try:
            policies = self._world.policies()
        except Fault as fault:
            self._watch.blind(fault)
            return Decision((main, ""), self._watch.standing, time.monotonic(), outside("Valid", fault))
        if prior is not None and (look or self._watch.due(policies.digest)):
            self._watch.look(prior, policies.digest)
        key, standing = (main, policies.digest), self._watch.standing
        known = self._known
        if known is None or known.key != key or standing.differs(known.standing) or self._due(known, look=look):
            self.last = prior
            written = self._branches.wanted_files()
            result = desire(
                written,
                self._identity,
                prior,
                self._world.catalog,
                self._world.surroundings(policies),
                self._claim.take,
                kept=self._kept(written, prior),
            )
            known = self._known = self._remembered(key, standing, result, input_of(written))
        elif standing.fault is None:
            known.standing = standing
        return known

    def _kept(self, written: Snapshot, prior: EnvironmentLock | None) -> Mapping[str, Package] | None:
        """The packages that are to stay: those that people reviewed, and those of what is held already."""
        known = self._known
        held = known.lock if known is not None and self._holds(known, input_of(written)) else None
        found = (*as_planned(self._branches, written), *reviewed(self._branches, written, self._proposed))
        return keeping(prior, found, held)

    def _remembered(self, key: tuple[str, str], standing: Standing, result: Desired | Hitch, input_: str) -> Decision:
        decision = Decision(key, standing, time.monotonic(), input_=input_, base=self._branches.head(RESOLVED))
        if isinstance(result, Desired):
            self.last = decision.lock = result.lock
            decision.warnings = result.warnings
            decision.files, decision.tree = result.files, self._branches.tree_of(result.files)
        else:
            decision.hitch = _as_before(self._known, key, result)
        return decision

    def _due(self, decision: Decision, *, look: bool) -> bool:
        """Whether to decide again: `resolved` is not what it should be, or a Hitch may have gone by itself.

        What is outside is asked again by looks alone: they keep their distance when it fails, changes on a cluster do not. What
        is held for days is asked again all the time: it must be trusted when it is committed, not when it was pushed.
        """
        hitch, old = decision.hitch, time.monotonic() - decision.at > self._world.retry
        if hitch is None:
            moved = decision.base != self._branches.head(RESOLVED)
            return old or moved if decision.files is not None else self._branches.tree(RESOLVED) != decision.tree
        if not hitch.refused:
            return look
        return hitch.stage != "Valid" and old

    def _holds(self, decision: Decision, input_: str) -> bool:
        """Whether it is of what people wrote, on what is resolved now, and was not committed yet."""
        return decision.input_ == input_ and decision.files is not None and decision.base == self._branches.head(RESOLVED)

    def accept(self, main: str) -> None:
        """Remember that what is on `resolved` now is what a commit came to."""
        self._accepted = (main, self._branches.head(RESOLVED))

    def is_resolved(self, main: str) -> bool:
        """Whether what is on `resolved` is what this very commit came to, be it from one before that came to the same."""
        head, told = self._branches.head(RESOLVED), self._branches.status()
        if self._accepted == (main, head) or self._branches.input_of_resolved() == main:
            return True
        accepted = told is not None and (told.input, told.refused, told.resolved) == (main, None, head)
        return told is not None and accepted and told.condition("Committed").status == "True"


def _as_before(before: Decision | None, key: tuple[str, str], hitch: Hitch) -> Hitch:
    """The same trouble in the words it was first told in: each attempt may fail in other ones, and none is a change to commit."""
    first = before.hitch if before is not None and before.key == key else None
    if first is None or first.refused or hitch.refused:
        return hitch
    return first if (first.stage, first.reason) == (hitch.stage, hitch.reason) else hitch
