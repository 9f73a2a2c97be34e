"""From the configuration to everything that passes need."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from reconciler.decide.policies import EnvironmentPolicies
from reconciler.decide.render import Surroundings
from reconciler.loop.announcements import Announcements
from reconciler.loop.blobs import CachedBlobs
from reconciler.loop.branches import Branches
from reconciler.loop.catalog import TrustedCatalog
from reconciler.loop.claims import Claims
from reconciler.loop.environment_pass import EnvironmentPass
from reconciler.loop.gates import Gates
from reconciler.loop.judge import Limits
from reconciler.loop.notices import Notices
from reconciler.loop.passes import Reconciliation, World
from reconciler.loop.policies import (
    ENVIRONMENTS,
    FOLDER,
    PolicyFiles,
    PolicyRepository,
    environment_policies_at,
    policies_at,
    read_environment_policies,
    read_policies,
)
from reconciler.loop.pulls import Pulls
from reconciler.loop.secrets import token_of
from reconciler.loop.targets import Target, system_repository, targets
from reconciler.loop.vouch import vouch
from reconciler.model.faults import Misconfigured, Unavailable
from reconciler.world.cache import Cache
from reconciler.world.cluster import Clusters
from reconciler.world.cosign import Cosign
from reconciler.world.git import Repository
from reconciler.world.gitea import Gitea
from reconciler.world.mirrors import Mirrored
from reconciler.world.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.decide.trust import Policies
    from reconciler.loop.admission import Gate
    from reconciler.loop.settings import Settings
    from reconciler.world.git import Snapshot

T = TypeVar("T")


class Runtime:
    """The real world, as configured; close it when done."""

    def __init__(self, settings: Settings, *, on_change: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self._claims = Claims()
        clusters = settings.clusters
        self.gitea = Gitea(settings.gitea.url, token_of(settings.gitea)) if settings.gitea else None
        self._registry = registries(settings)
        self._cosign = Cosign(settings.cosign.program, timeout=settings.cosign.timeout, credentials=settings.registry.credentials)
        self.limits = Limits(clusters.stale_after, clusters.progress_deadline)
        self.clusters = Clusters(
            clusters.directory, stale_after=clusters.stale_after, allow_exec=clusters.allow_exec, on_change=on_change
        )
        self._closing = contextlib.ExitStack()
        policies = policy_source(settings, self._closing)
        self._policies = environment_policy_source(settings, self._closing)
        self._sources = (policies, self._policies)
        self._announcements = Announcements(self.gitea, settings.trust.repository, self._policies)
        self._gates = Gates(settings, self.gitea, self._policies, partial(repository, history=True))
        blobs = CachedBlobs(self._registry.blob, Cache(settings.state / "cache", settings.cache.size))
        catalog = TrustedCatalog(
            [c.prefix for c in settings.catalogs],
            policies,
            self._registry,
            partial(vouch, self._registry, blobs, self._cosign),
            blobs,
            fresh=settings.intervals.retry,
            reverify=settings.trust.reverify_interval,
        )
        self.world = World(
            catalog=catalog,
            clusters=self.clusters,
            policies=policies,
            surroundings=partial(_surroundings, settings),
            limits=self.limits,
            retry=settings.intervals.retry,
            confirm=settings.intervals.confirm,
        )

    def close(self) -> None:
        """Stop observing and close connections."""
        self.clusters.close()
        self._registry.close()
        if self.gitea is not None:
            self.gitea.close()
        self._closing.close()

    def check(self) -> None:
        """See whether what every pass needs is there: cosign, trust policies, a place for each Environment named.

        Raises:
            Misconfigured: something is not.
        """
        targets(self.settings, None)
        self._cosign.version()
        with contextlib.suppress(Unavailable):  # it comes back
            self.world.policies()
            self._policies()

    def targets(self) -> dict[str, Target]:
        """The Environments there are now, by key. Raises a Fault."""
        found = targets(self.settings, self.gitea)
        self._gates.expect(found)
        self._claims.expect({target.label: target.identity for target in found.values()})
        return found

    def environment_pass(self, target: Target) -> EnvironmentPass:
        """The passes over one Environment."""
        histories = self.settings.state / "histories"
        gitea, where, claim = self.gitea, target.repository, self._claims.of(target.label)
        branches = Branches(self.clone(target))
        if gitea is None or where is None or self.settings.gitea is None:
            gate = self._gates.of(target, None, histories)
            reconciler = Reconciliation(target.identity, branches, self.world, claim, gate, None, frozenset)
            return EnvironmentPass(reconciler, branches, None)
        clone = repository(target, self.settings.state / "plans", history=True)
        gate = self._gates.of(target, clone, histories)
        pulls = Pulls(gitea, self.settings.gitea.username, where, clone, target.identity, self.world, claim, gate)
        notices = Notices(gitea, where)
        reconciler = Reconciliation(target.identity, branches, self.world, claim, gate, notices, pulls.proposed)
        return EnvironmentPass(reconciler, branches, pulls)

    def publish_policies(self) -> None:
        """Post on the system repository whether its EnvironmentPolicies can be used."""
        self._announcements.publish()

    def gate(self, target: Target) -> Gate:
        """The rules for an Environment, for a command that writes nothing but `resolved`."""
        folder = Path(self._closing.enter_context(TemporaryDirectory(prefix="reconciler-", ignore_cleanup_errors=True)))
        return self._gates.of(target, repository(target, folder, history=True), folder / "histories")

    def look_at_policies(self) -> None:
        """Have the next passes look at the policies first: somebody changed them."""
        for source in self._sources:
            if isinstance(source, PolicyRepository):
                source.look_again()

    def clone(self, target: Target) -> Repository:
        """An Environment's repository, with what passes fetched of it."""
        return repository(target, self.settings.state / "clones")


def registries(settings: Settings) -> Mirrored:
    """The registries and their mirrors, as configured."""
    hosts = settings.registry.hosts
    mirrors = {one.host: one.mirrors for one in hosts if one.mirrors}
    client = Registry(
        plain_http=_plain_http(settings),
        authorities={one.host: one.ca for one in hosts if one.ca is not None},
        token_hosts={one.host: one.token_hosts for one in hosts},
        replaceable={*mirrors, *(prefix.partition("/")[0] for prefixes in mirrors.values() for prefix in prefixes)},
        credentials=settings.registry.credentials,
        timeout=settings.registry.timeout,
    )
    return Mirrored(client, mirrors)


def policy_source(settings: Settings, closing: contextlib.ExitStack) -> Callable[[], Policies]:
    """Where the trust policies come from; a clone of the system repository goes when `closing` is closed."""
    system = system_repository(settings)
    if system is None:
        return PolicyFiles(settings.trust.directory or Path(), read_policies)
    return _in_repository(settings, system, FOLDER, policies_at, closing)


def environment_policy_source(settings: Settings, closing: contextlib.ExitStack) -> Callable[[], EnvironmentPolicies]:
    """Where the EnvironmentPolicies come from: beside the trust policies; nowhere, if no place is configured."""
    system = system_repository(settings)
    if system is not None:
        return _in_repository(settings, system, ENVIRONMENTS, environment_policies_at, closing)
    if settings.policies.directory is None:
        return EnvironmentPolicies
    return PolicyFiles(settings.policies.directory, read_environment_policies)


def _in_repository(
    settings: Settings,
    system: Target,
    folder: str,
    read: Callable[[Snapshot], T | Misconfigured],
    closing: contextlib.ExitStack,
) -> PolicyRepository[T]:
    # not below `state`, which a command that only reads shares with the service
    place = closing.enter_context(TemporaryDirectory(prefix="reconciler-", ignore_cleanup_errors=True))
    every, stands = settings.intervals.poll, settings.trust.reverify_interval
    return PolicyRepository(repository(system, Path(place)), folder, read, every=every, stands=stands)


def repository(target: Target, folder: Path, *, history: bool = False) -> Repository:
    """An Environment's repository, with its clone in a folder, without the history of its branches or with it."""
    place = f"{target.identity.name}-{hashlib.sha256(target.url.encode()).hexdigest()[:12]}"
    return Repository(folder / place, target.url, credentials=target.credentials, history=history)


@contextlib.contextmanager
def exclusive(state: Path) -> Iterator[None]:
    """Hold the state directory, which one process at a time may use.

    Raises:
        Misconfigured: another one holds it, or it cannot be written.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(f"the state directory {state} cannot be used: {error.strerror}") from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured(
                f"another reconciler uses the state directory {state}", "stop it, or set another `state`"
            ) from None
        yield
    finally:
        os.close(file)


def _plain_http(settings: Settings) -> frozenset[str]:
    catalogs = {c.prefix.partition("/")[0] for c in settings.catalogs if c.plain_http}
    return frozenset(catalogs | {one.host for one in settings.registry.hosts if one.plain_http})


def _surroundings(settings: Settings, policies: Policies) -> Surroundings:
    return Surroundings(
        sovereign=settings.sovereign,
        keys=policies.keys,
        plain_http=_plain_http(settings),
        pull_secrets={c.prefix.partition("/")[0]: c.pull_secret for c in settings.catalogs if c.pull_secret},
        interval=settings.flux.interval,
        timeout=settings.flux.timeout,
    )
