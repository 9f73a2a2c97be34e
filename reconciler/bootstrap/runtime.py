"""From the configuration to everything that passes need."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reconciler.adapters.blob_cache import BlobCache
from reconciler.bootstrap.clients import (
    cluster_client,
    cosign_client,
    forge_client,
    plain_http_hosts,
    registry_client,
    repository,
)
from reconciler.bootstrap.gate_factory import AdmissionGateFactory
from reconciler.bootstrap.policy_sources import environment_policy_source, policy_source
from reconciler.controller.discovery import EnvironmentTarget, discover
from reconciler.domain.rendering.flux_objects import RenderContext
from reconciler.model.errors import UnavailableError
from reconciler.services.environment_pass import EnvironmentPass
from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
from reconciler.services.observation.ports import AssessmentLimits
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.planning.namespace_claims import NamespaceRegistry
from reconciler.services.policies.policy_commit_status import PolicyStatusPublisher
from reconciler.services.policies.policy_sources import GitPolicySource
from reconciler.services.reconcile.reconciler import EnvironmentReconciler
from reconciler.services.repository.branches import EnvironmentBranches
from reconciler.services.review.pull_request_reviewer import PullRequestReviewer
from reconciler.services.verification.artifact_verifier import verify_artifact
from reconciler.services.verification.cached_blobs import CachedBlobs
from reconciler.services.verification.verified_catalog import VerifiedCatalog

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.adapters.git.repository import Repository
    from reconciler.config.settings import Settings
    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.services.admission.gate import AdmissionGate


class Runtime:
    """The real world, as configured; close it when done."""

    def __init__(self, settings: Settings, *, on_change: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self._claims = NamespaceRegistry()
        self.gitea = forge_client(settings) if settings.gitea else None
        self._registry = registry_client(settings)
        self._cosign = cosign_client(settings)
        self.limits = AssessmentLimits(settings.clusters.stale_after, settings.clusters.progress_deadline)
        self.clusters = cluster_client(settings, on_change)
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
            render_context=partial(_render_context, settings),
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


def _render_context(settings: Settings, policies: TrustPolicies) -> RenderContext:
    return RenderContext(
        sovereign=settings.sovereign,
        keys=policies.keys,
        plain_http=plain_http_hosts(settings),
        pull_secrets={c.prefix.partition("/")[0]: c.pull_secret for c in settings.catalogs if c.pull_secret},
        interval=settings.flux.interval,
        timeout=settings.flux.timeout,
    )
