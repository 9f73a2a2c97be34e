"""What the head of `main` comes to, decided once, and again only when something changes that it rests on."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from reconciler.domain.blocker import Refused, Unavailable, is_final, keep_first_wording, unavailable
from reconciler.domain.desired_state import DesiredState, compute_desired_state
from reconciler.domain.locking.input_digests import input_digest
from reconciler.domain.resolution.preferences import version_preferences
from reconciler.formats.git_objects import tree_id
from reconciler.model.errors import ReconcilerError, RejectedError
from reconciler.model.layout import RESOLVED
from reconciler.services.planning.planner import exact_plan, reviewed_packages
from reconciler.services.verification.lock_reverifier import LockReverifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.domain.trust.lock_trust import LockTrust
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.git import Snapshot
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.problem import Problem
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.planning.namespace_claims import NamespaceClaim
    from reconciler.services.repository.branches import EnvironmentBranches


@dataclass(frozen=True)
class Decision:
    """What the head of `main` comes to, as decided at one time.

    Attributes:
        key: `main`'s head and the policies' digest.
        standing: whether what was locked was still trusted.
        at: when, by the monotonic clock.
        input_: a digest of the documents.
        base: the head of `resolved` that it was decided upon.
        blocker: why there is nothing to commit, or why it could not be committed.
        lock: what it comes to; None when nothing could be decided.
        tree: the tree id that `resolved` should have; None without a lock.
        files: that tree's files until they are applied; None afterwards, and without a lock.
        warnings: problems that do not refuse it.
    """

    key: tuple[str, str]
    standing: LockTrust
    at: float
    input_: str = ""
    base: str | None = None
    blocker: Refused | Unavailable | None = None
    lock: EnvironmentLock | None = None
    tree: str | None = None
    files: Mapping[str, bytes] | None = None
    warnings: tuple[Problem, ...] = ()


class DecisionCache:
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
        identity: EnvironmentIdentity,
        branches: EnvironmentBranches,
        world: ReconcileContext,
        claim: NamespaceClaim,
        proposed: Callable[[], AbstractSet[int]],
    ) -> None:
        self._identity, self._branches, self._world, self._claim = identity, branches, world, claim
        self._proposed = proposed
        self._watch = LockReverifier(world.catalog)
        self._known: Decision | None = None
        self._accepted: tuple[str, str | None] | None = None
        self.last: EnvironmentLock | None = None

    @property
    def standing(self) -> LockTrust:
        """Whether what was locked at the last look is still trusted."""
        return self._watch.standing

    def decide(self, main: str, *, fetch: bool) -> Decision:
        """What this commit comes to: remembered, unless what it rests on changed or it is time to try again."""
        # Should nobody be able to read what is on `resolved`, nothing moves that this process knows the version of.
        prior = self._branches.lock() or self.last
        try:
            policies = self._world.policies()
        except ReconcilerError as fault:
            self._watch.mark_unverifiable(fault)
            return Decision((main, ""), self._watch.standing, time.monotonic(), blocker=unavailable("Valid", fault))
        if prior is not None and (fetch or self._watch.policies_changed(policies.digest)):
            self._watch.reverify(prior, policies.digest)
        key, standing = (main, policies.digest), self._watch.standing
        known = self._known
        if known is None or known.key != key or standing.needs_new_decision(known.standing) or self._due(known, fetch=fetch):
            self.last = prior
            written = self._branches.input_snapshot()
            result = compute_desired_state(
                written,
                self._identity,
                prior,
                self._world.catalog,
                self._world.surroundings(policies),
                self._claim.acquire,
                kept=self._preferences(written, prior),
            )
            known = self._known = self._remembered(key, standing, result, input_digest(written))
        elif standing.fault is None:
            known = self._known = replace(known, standing=standing)
        return known

    def _preferences(self, written: Snapshot, prior: EnvironmentLock | None) -> Mapping[str, Package] | None:
        """The packages that are to stay: those that people reviewed, and those of what is held already."""
        known = self._known
        held = known.lock if known is not None and self._holds(known, input_digest(written)) else None
        found = (*exact_plan(self._branches, written), *reviewed_packages(self._branches, written, self._proposed))
        return version_preferences(prior, found, held)

    def _remembered(
        self, key: tuple[str, str], standing: LockTrust, result: DesiredState | Refused | Unavailable, input_: str
    ) -> Decision:
        decision = Decision(key, standing, time.monotonic(), input_, self._branches.head(RESOLVED))
        match result:
            case DesiredState():
                self.last = result.lock
                tree = tree_id(result.files)
                return replace(decision, lock=result.lock, tree=tree, files=result.files, warnings=result.warnings)
            case Refused():
                return replace(decision, blocker=result)
            case Unavailable():
                before = self._known.blocker if self._known is not None and self._known.key == key else None
                first = before if isinstance(before, Unavailable) else None
                return replace(decision, blocker=keep_first_wording(first, result))
            case _:
                assert_never(result)

    def _due(self, decision: Decision, *, fetch: bool) -> bool:
        """Whether to decide again: `resolved` is not what it should be, or the blocker may have gone by itself.

        What is outside is asked again by looks alone: they keep their distance when it fails, changes on a cluster do not. What
        is held for days is asked again all the time: it must be trusted when it is committed, not when it was pushed.
        """
        blocker, old = decision.blocker, time.monotonic() - decision.at > self._world.retry
        match blocker:
            case None:
                moved = decision.base != self._branches.head(RESOLVED)
                return old or moved if decision.files is not None else self._branches.tree(RESOLVED) != decision.tree
            case Unavailable():
                return fetch
            case Refused():
                return not is_final(blocker) and old
            case _:
                assert_never(blocker)

    def _holds(self, decision: Decision, input_: str) -> bool:
        """Whether it is of what people wrote, on what is resolved now, and was not committed yet."""
        return decision.input_ == input_ and decision.files is not None and decision.base == self._branches.head(RESOLVED)

    def applied(self, decision: Decision) -> None:
        """Remember that what is on `resolved` now is what a decision came to; its files are not needed any more."""
        self._accepted = (decision.key[0], self._branches.head(RESOLVED))
        self._drop_files(decision, None)

    def rejected(self, decision: Decision, error: RejectedError) -> Unavailable:
        """Remember that the server did not take a decision's commit: it is decided on anew at the next fetch."""
        blocker = unavailable("Committed", error)
        self._drop_files(decision, blocker)
        return blocker

    def _drop_files(self, decision: Decision, blocker: Unavailable | None) -> None:
        if self._known is decision:
            self._known = replace(decision, files=None, blocker=blocker)

    def is_resolved(self, main: str) -> bool:
        """Whether what is on `resolved` is what this very commit came to, be it from one before that came to the same."""
        head, told = self._branches.head(RESOLVED), self._branches.status()
        if self._accepted == (main, head) or self._branches.input_of_resolved() == main:
            return True
        accepted = told is not None and (told.input, told.refused, told.resolved) == (main, None, head)
        return told is not None and accepted and told.condition("Committed").status == "True"
