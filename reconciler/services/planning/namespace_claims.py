"""Which Environment holds which Namespaces of which cluster: no two of them may install into one.

What stands on a `resolved` branch is held, for all that are known to this process; what an accepted commit is about to put there
is held from that moment. Nothing is kept anywhere else, so that a restart changes nothing: an Environment that wants more than
it has waits until every other one that could have it was read.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.lock import ClusterNamespace, EnvironmentLock


def cluster_namespaces(lock: EnvironmentLock | None) -> frozenset[ClusterNamespace]:
    """The Namespaces that a lock needs for itself alone."""
    packages = lock.packages if lock is not None else []
    flux = lock.flux_namespace if lock is not None else ""
    return frozenset(place for p in packages for c in p.placements for place in ((c, p.application), (c, flux)))


class NamespaceRegistry:
    """The claims of all Environments of a process, for all its threads.

    Each is known by the repository it comes from. Only those of one name can ever meet, since a cluster carries the name of its
    Environment (`domain.validation.environment`).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._held: dict[str, frozenset[ClusterNamespace]] = {}  # of those that were read
        self._asked: dict[str, frozenset[ClusterNamespace]] = {}

    def set_known_environments(self, identities: Mapping[str, EnvironmentIdentity]) -> None:
        """Say which Environments there are, by repository. What those hold that are gone is free.

        One that cannot be who its repository's owner makes it holds nothing: it must not keep anything from whom it plays.
        """
        with self._lock:
            self._names = {repository: one.name for repository, one in identities.items() if _may_be(one)}
            self._held = {one: held for one, held in self._held.items() if one in self._names}
            self._asked = {one: asked for one, asked in self._asked.items() if one in self._names}

    def of(self, repository: str) -> NamespaceClaim:
        """The part of one Environment."""
        return NamespaceClaim(self, repository)

    def record(self, repository: str, held: Iterable[ClusterNamespace]) -> None:
        """Say what stands on an Environment's `resolved`."""
        with self._lock:
            if repository in self._names:
                self._held[repository] = frozenset(held)

    def acquire(self, repository: str, wanted: frozenset[ClusterNamespace]) -> Mapping[ClusterNamespace, str]:
        """Ask for all that an Environment is to have; it gets all or nothing.

        Returns:
            What another one holds, and which.

        Raises:
            UnavailableError: one that could hold some of it was not read yet.
        """
        with self._lock:
            taken = self._conflicts_with(repository, wanted)
            if repository in self._names:
                self._asked[repository] = frozenset() if taken else wanted
            return taken

    def conflicts_with(self, repository: str, wanted: frozenset[ClusterNamespace]) -> Mapping[ClusterNamespace, str]:
        """What `acquire` would find in the way; nothing is asked for."""
        with self._lock:
            return self._conflicts_with(repository, wanted)

    def _conflicts_with(self, repository: str, wanted: frozenset[ClusterNamespace]) -> Mapping[ClusterNamespace, str]:
        if repository not in self._names:  # it went while it was worked on, or is about to be refused for who it is
            return {}
        mine = self._held.get(repository, frozenset())
        rivals = [o for o, name in sorted(self._names.items()) if name == self._names[repository] and o != repository]
        if wanted - mine and (unread := [o for o in rivals if o not in self._held]):
            hint = "it is tried again; see why that one fails, or take it out of the configuration"
            raise UnavailableError(
                f"{unread[0]} is the same Environment and was not read yet: it may hold what is asked for", hint
            )
        return {place: o for o in rivals for place in self._kept(o, repository) & wanted}

    def _kept(self, other: str, repository: str) -> frozenset[ClusterNamespace]:
        """What one Environment keeps from another; of what both have since long, the first by name of its repository keeps it."""
        mine, theirs = self._held.get(repository, frozenset()), self._held.get(other, frozenset())
        kept = (theirs | self._asked.get(other, frozenset())) - mine
        return kept | (theirs & mine) if other < repository else kept


class NamespaceClaim:
    """One Environment's part of the claims."""

    def __init__(self, claims: NamespaceRegistry, repository: str) -> None:
        self._claims = claims
        self._repository = repository

    def record(self, lock: EnvironmentLock | None) -> None:
        """Say what stands on its `resolved`."""
        self._claims.record(self._repository, cluster_namespaces(lock))

    def acquire(self, lock: EnvironmentLock) -> Mapping[ClusterNamespace, str]:
        """Ask for what a lock needs: `NamespaceRegistry.acquire`."""
        return self._claims.acquire(self._repository, cluster_namespaces(lock))

    def conflicts_with(self, lock: EnvironmentLock) -> Mapping[ClusterNamespace, str]:
        """What would be in the way of that: `NamespaceRegistry.conflicts_with`."""
        return self._claims.conflicts_with(self._repository, cluster_namespaces(lock))


def sole_claim(identity: EnvironmentIdentity) -> NamespaceClaim:
    """The claim of the only Environment that there is."""
    claims = NamespaceRegistry()
    claims.set_known_environments({identity.name: identity})
    return claims.of(identity.name)


def _may_be(identity: EnvironmentIdentity) -> bool:
    """Whether an Environment of that name can be its owner's: it is called organization-envType."""
    return identity.organization is None or identity.name.startswith(f"{identity.organization}-")
