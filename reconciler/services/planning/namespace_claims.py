"""Claims on Namespaces: no two Environments may install into the same Namespace of a cluster.

The Namespaces of a lock on a `resolved` branch are claimed, for all Environments that this process has read. Those of an accepted
commit are claimed from that moment. Claims are stored nowhere else, so that a restart changes nothing: an Environment that
requests new Namespaces waits until every other Environment that could hold them was read.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.lock import ClusterNamespace, EnvironmentLock, Package, Removal


def cluster_namespaces(lock: EnvironmentLock | None) -> frozenset[ClusterNamespace]:
    """The Namespaces that a lock needs exclusively, also until what is in them is uninstalled."""
    if lock is None:
        return frozenset()
    owners: list[tuple[Package | Removal, str]] = [(package, lock.flux_namespace) for package in lock.packages]
    owners += [(removal, removal.flux_namespace) for removal in lock.removing]
    return frozenset(
        namespace for owner, flux in owners for c in owner.placements for namespace in ((c, owner.namespace), (c, flux))
    )


class NamespaceRegistry:
    """The claims of all Environments of a process. Safe for use by several threads.

    Each Environment is identified by its repository. Only Environments of the same name can conflict, since a cluster's name
    starts with that of its Environment (`domain.validation.environment`).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._held: dict[str, frozenset[ClusterNamespace]] = {}  # by repository, of those that were read
        self._requested: dict[str, frozenset[ClusterNamespace]] = {}

    def set_known_environments(self, identities: Mapping[str, EnvironmentIdentity]) -> None:
        """Set the Environments that exist, by repository. Releases the claims of all others.

        A repository whose Environment name does not start with its owner's name gets no claims, so that it cannot block the
        Environment it impersonates.
        """
        with self._lock:
            self._names = {
                repository: identity.name for repository, identity in identities.items() if _belongs_to_owner(identity)
            }
            self._held = {key: namespaces for key, namespaces in self._held.items() if key in self._names}
            self._requested = {key: namespaces for key, namespaces in self._requested.items() if key in self._names}

    def of(self, repository: str) -> NamespaceClaim:
        """The claim of one Environment."""
        return NamespaceClaim(self, repository)

    def record(self, repository: str, held: Iterable[ClusterNamespace]) -> None:
        """Record the Namespaces of the lock on an Environment's `resolved`."""
        with self._lock:
            if repository in self._names:
                self._held[repository] = frozenset(held)

    def acquire(self, repository: str, requested: frozenset[ClusterNamespace]) -> Mapping[ClusterNamespace, str]:
        """Claim Namespaces for an Environment: all of them or none.

        Returns:
            The Namespaces that another Environment holds, each with that one's repository.

        Raises:
            UnavailableError: an Environment that could hold some of them was not read yet.
        """
        with self._lock:
            conflicts = self._conflicts_with(repository, requested)
            if repository in self._names:
                self._requested[repository] = frozenset() if conflicts else requested
            return conflicts

    def conflicts_with(self, repository: str, requested: frozenset[ClusterNamespace]) -> Mapping[ClusterNamespace, str]:
        """The conflicts that `acquire` would return. Claims nothing."""
        with self._lock:
            return self._conflicts_with(repository, requested)

    def _conflicts_with(self, repository: str, requested: frozenset[ClusterNamespace]) -> Mapping[ClusterNamespace, str]:
        if repository not in self._names:  # it was removed during the pass, or is about to be refused for its name
            return {}
        own = self._held.get(repository, frozenset())
        rivals = [other for other, name in sorted(self._names.items()) if name == self._names[repository] and other != repository]
        if requested - own and (unread := [other for other in rivals if other not in self._held]):
            hint = f"it is retried; see why reading {unread[0]} fails, or remove it from the configuration"
            raise UnavailableError(
                f"{unread[0]} is the same Environment and was not read yet: it may hold the requested Namespaces", hint
            )
        return {namespace: other for other in rivals for namespace in self._withheld(other, repository) & requested}

    def _withheld(self, other: str, repository: str) -> frozenset[ClusterNamespace]:
        """The Namespaces that one Environment withholds from another.

        Of those that both hold already, the Environment whose repository sorts first keeps them.
        """
        own, theirs = self._held.get(repository, frozenset()), self._held.get(other, frozenset())
        withheld = (theirs | self._requested.get(other, frozenset())) - own
        return withheld | (theirs & own) if other < repository else withheld


class NamespaceClaim:
    """The claim of one Environment."""

    def __init__(self, registry: NamespaceRegistry, repository: str) -> None:
        self._registry = registry
        self._repository = repository

    def record(self, lock: EnvironmentLock | None) -> None:
        """Record the Namespaces of the lock on its `resolved`."""
        self._registry.record(self._repository, cluster_namespaces(lock))

    def acquire(self, lock: EnvironmentLock) -> Mapping[ClusterNamespace, str]:
        """Claim the Namespaces that a lock needs: `NamespaceRegistry.acquire`."""
        return self._registry.acquire(self._repository, cluster_namespaces(lock))

    def conflicts_with(self, lock: EnvironmentLock) -> Mapping[ClusterNamespace, str]:
        """The conflicts of that claim: `NamespaceRegistry.conflicts_with`."""
        return self._registry.conflicts_with(self._repository, cluster_namespaces(lock))


def sole_claim(identity: EnvironmentIdentity) -> NamespaceClaim:
    """The claim of an Environment that is the only one."""
    registry = NamespaceRegistry()
    registry.set_known_environments({identity.name: identity})
    return registry.of(identity.name)


def _belongs_to_owner(identity: EnvironmentIdentity) -> bool:
    """Whether an Environment of this name may belong to the repository's owner: its name is organization-envType."""
    return identity.organization is None or identity.name.startswith(f"{identity.organization}-")
