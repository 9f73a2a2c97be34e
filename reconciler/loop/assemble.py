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
from reconciler.decide.render import RenderContext
from reconciler.loop.announcements import PolicyStatusPublisher
from reconciler.loop.blobs import CachedBlobs
from reconciler.loop.branches import EnvironmentBranches
from reconciler.loop.catalog import VerifiedCatalog
from reconciler.loop.claims import NamespaceRegistry
from reconciler.loop.environment_pass import EnvironmentPass
from reconciler.loop.gates import AdmissionGateFactory
from reconciler.loop.judge import AssessmentLimits
from reconciler.loop.notices import CommitStatusPublisher
from reconciler.loop.passes import EnvironmentReconciler, ReconcileContext
from reconciler.loop.policies import (
    ENVIRONMENTS,
    FOLDER,
    DirectoryPolicySource,
    GitPolicySource,
    environment_policies_at,
    read_environment_policies,
    read_policies,
    trust_policies_at,
)
from reconciler.loop.pulls import PullRequestReviewer
from reconciler.loop.secrets import token_of
from reconciler.loop.targets import EnvironmentTarget, discover, system_repository
from reconciler.loop.vouch import verify_artifact
from reconciler.model.faults import ConfigurationError, UnavailableError
from reconciler.world.cache import BlobCache
from reconciler.world.cluster import ClusterPool
from reconciler.world.cosign import Cosign
from reconciler.world.git import Repository
from reconciler.world.gitea import Gitea
from reconciler.world.mirrors import MirroredRegistry
from reconciler.world.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.decide.trust import TrustPolicies
    from reconciler.loop.admission import AdmissionGate
    from reconciler.loop.settings import Settings
    from reconciler.world.git import Snapshot

T = TypeVar("T")


class Runtime:
    """The real world, as configured; close it when done."""

    def __init__(self, settings: Settings, *, on_change: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self._claims = NamespaceRegistry()
        clusters = settings.clusters
        self.gitea = Gitea(settings.gitea.url, token_of(settings.gitea)) if settings.gitea else None
        self._registry = registry_client(settings)
        self._cosign = Cosign(settings.cosign.program, timeout=settings.cosign.timeout, credentials=settings.registry.credentials)
        self.limits = AssessmentLimits(clusters.stale_after, clusters.progress_deadline)
        self.clusters = ClusterPool(
            clusters.directory, stale_after=clusters.stale_after, allow_exec=clusters.allow_exec, on_change=on_change
        )
        self._closing = contextlib.ExitStack()
        policies = policy_source(settings, self._closing)
        self._policies = environment_policy_source(settings, self._closing)
        self._sources = (policies, self._policies)
        self._announcements = PolicyStatusPublisher(self.gitea, settings.trust.repository, self._policies)
        self._gates = AdmissionGateFactory(settings, self.gitea, self._policies, partial(repository, history=True))
        blobs = CachedBlobs(self._registry.blob, BlobCache(settings.state / "cache", settings.cache.size))
        catalog = VerifiedCatalog(
            [c.prefix for c in settings.catalogs],
            policies,
            self._registry,
            partial(verify_artifact, self._registry, blobs, self._cosign),
            blobs,
            tag_ttl=settings.intervals.retry,
            reverify_interval=settings.trust.reverify_interval,
        )
        self.world = ReconcileContext(
            catalog=catalog,
            clusters=self.clusters,
            policies=policies,
            surroundings=partial(_render_context, settings),
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
            ConfigurationError: something is not.
        """
        discover(self.settings, None)
        self._cosign.version()
        with contextlib.suppress(UnavailableError):  # it comes back
            self.world.policies()
            self._policies()

    def targets(self) -> dict[str, EnvironmentTarget]:
        """The Environments there are now, by key. Raises a ReconcilerError."""
        found = discover(self.settings, self.gitea)
        self._gates.set_known_environments(found)
        self._claims.set_known_environments({target.display_name: target.identity for target in found.values()})
        return found

    def environment_pass(self, target: EnvironmentTarget) -> EnvironmentPass:
        """The passes over one Environment."""
        histories = self.settings.state / "histories"
        gitea, where, claim = self.gitea, target.repository, self._claims.of(target.display_name)
        branches = EnvironmentBranches(self.clone(target))
        if gitea is None or where is None or self.settings.gitea is None:
            gate = self._gates.build(target, None, histories)
            reconciler = EnvironmentReconciler(target.identity, branches, self.world, claim, gate, None, frozenset)
            return EnvironmentPass(reconciler, branches, None)
        clone = repository(target, self.settings.state / "plans", history=True)
        gate = self._gates.build(target, clone, histories)
        pulls = PullRequestReviewer(gitea, self.settings.gitea.username, where, clone, target.identity, self.world, claim, gate)
        notices = CommitStatusPublisher(gitea, where)
        reconciler = EnvironmentReconciler(target.identity, branches, self.world, claim, gate, notices, pulls.open_numbers)
        return EnvironmentPass(reconciler, branches, pulls)

    def publish_policies(self) -> None:
        """Post on the system repository whether its EnvironmentPolicies can be used."""
        self._announcements.publish()

    def gate(self, target: EnvironmentTarget) -> AdmissionGate:
        """The rules for an Environment, for a command that writes nothing but `resolved`."""
        folder = Path(self._closing.enter_context(TemporaryDirectory(prefix="reconciler-", ignore_cleanup_errors=True)))
        return self._gates.build(target, repository(target, folder, history=True), folder / "histories")

    def refresh_policies(self) -> None:
        """Have the next passes look at the policies first: somebody changed them."""
        for source in self._sources:
            if isinstance(source, GitPolicySource):
                source.request_refresh()

    def clone(self, target: EnvironmentTarget) -> Repository:
        """An Environment's repository, with what passes fetched of it."""
        return repository(target, self.settings.state / "clones")


def registry_client(settings: Settings) -> MirroredRegistry:
    """The registries and their mirrors, as configured."""
    hosts = settings.registry.hosts
    mirrors = {one.host: one.mirrors for one in hosts if one.mirrors}
    client = Registry(
        plain_http=_plain_http(settings),
        authorities={one.host: one.ca for one in hosts if one.ca is not None},
        token_hosts={one.host: one.token_hosts for one in hosts},
        has_mirror={*mirrors, *(prefix.partition("/")[0] for prefixes in mirrors.values() for prefix in prefixes)},
        credentials=settings.registry.credentials,
        timeout=settings.registry.timeout,
    )
    return MirroredRegistry(client, mirrors)


def policy_source(settings: Settings, closing: contextlib.ExitStack) -> Callable[[], TrustPolicies]:
    """Where the trust policies come from; a clone of the system repository goes when `closing` is closed."""
    system = system_repository(settings)
    if system is None:
        return DirectoryPolicySource(settings.trust.directory or Path(), read_policies)
    return _in_repository(settings, system, FOLDER, trust_policies_at, closing)


def environment_policy_source(settings: Settings, closing: contextlib.ExitStack) -> Callable[[], EnvironmentPolicies]:
    """Where the EnvironmentPolicies come from: beside the trust policies; nowhere, if no place is configured."""
    system = system_repository(settings)
    if system is not None:
        return _in_repository(settings, system, ENVIRONMENTS, environment_policies_at, closing)
    if settings.policies.directory is None:
        return EnvironmentPolicies
    return DirectoryPolicySource(settings.policies.directory, read_environment_policies)


def _in_repository(
    settings: Settings,
    system: EnvironmentTarget,
    folder: str,
    read: Callable[[Snapshot], T | ConfigurationError],
    closing: contextlib.ExitStack,
) -> GitPolicySource[T]:
    # not below `state`, which a command that only reads shares with the service
    place = closing.enter_context(TemporaryDirectory(prefix="reconciler-", ignore_cleanup_errors=True))
    every, stands = settings.intervals.poll, settings.trust.reverify_interval
    return GitPolicySource(repository(system, Path(place)), folder, read, every=every, max_staleness=stands)


def repository(target: EnvironmentTarget, folder: Path, *, history: bool = False) -> Repository:
    """An Environment's repository, with its clone in a folder, without the history of its branches or with it."""
    place = f"{target.identity.name}-{hashlib.sha256(target.url.encode()).hexdigest()[:12]}"
    return Repository(folder / place, target.url, credentials=target.credentials, history=history)


@contextlib.contextmanager
def state_lock(state: Path) -> Iterator[None]:
    """Hold the state directory, which one process at a time may use.

    Raises:
        ConfigurationError: another one holds it, or it cannot be written.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"the state directory {state} cannot be used: {error.strerror}") from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"another reconciler uses the state directory {state}", "stop it, or set another `state`"
            ) from None
        yield
    finally:
        os.close(file)


def _plain_http(settings: Settings) -> frozenset[str]:
    catalogs = {c.prefix.partition("/")[0] for c in settings.catalogs if c.plain_http}
    return frozenset(catalogs | {one.host for one in settings.registry.hosts if one.plain_http})


def _render_context(settings: Settings, policies: TrustPolicies) -> RenderContext:
    return RenderContext(
        sovereign=settings.sovereign,
        keys=policies.keys,
        plain_http=_plain_http(settings),
        pull_secrets={c.prefix.partition("/")[0]: c.pull_secret for c in settings.catalogs if c.pull_secret},
        interval=settings.flux.interval,
        timeout=settings.flux.timeout,
    )
