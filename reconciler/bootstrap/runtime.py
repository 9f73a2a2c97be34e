"""Builds everything that reconciliations need from the configuration."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import structlog

from reconciler.adapters.blob_cache import BlobCache
from reconciler.bootstrap.clients import (
    cluster_client,
    commit_keys,
    cosign_client,
    forge_client,
    plain_http_hosts,
    registry_client,
    repository,
)
from reconciler.bootstrap.gate_factory import AdmissionGateFactory
from reconciler.bootstrap.policy_sources import environment_policy_source, policy_source
from reconciler.controller.discovery import EnvironmentTarget, discover, follow_renames
from reconciler.domain.rendering.flux_objects import RenderContext
from reconciler.domain.status.confirmation import MAX_AHEAD
from reconciler.model.errors import ConfigurationError, UnavailableError
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

log = structlog.get_logger()


class Runtime:
    """The clients and services of one configuration. Close it when done."""

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
        self._policy_status = PolicyStatusPublisher(self.gitea, settings.trust.repository, self._policies)
        self._gates = AdmissionGateFactory(settings, self.gitea, self._policies, partial(repository, settings, history=True))
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
        self.context = ReconcileContext(
            catalog=catalog,
            clusters=self.clusters,
            policies=policies,
            render_context=partial(_render_context, settings),
            limits=self.limits,
            retry=settings.intervals.retry,
            confirm=settings.intervals.confirm,
        )

    def close(self) -> None:
        """Stops observing and closes connections."""
        self.clusters.close()
        self._registry.close()
        if self.gitea is not None:
            self.gitea.close()
        self._closing.close()

    def check(self) -> None:
        """Checks what every pass needs: cosign, the policies, the commits' key, and a location for each named Environment.

        Raises:
            ConfigurationError: one of them is missing or invalid.
        """
        if (keys := commit_keys(self.settings)) is not None and not keys.can_sign:
            raise ConfigurationError("signing.acceptedKeys alone verifies commits, and signs none", "set signing.keyFile")
        discover(self.settings, None)
        self._cosign.version()
        with contextlib.suppress(UnavailableError):  # a source that is unavailable is fetched again by each pass
            self.context.policies()
            self._policies()

    def targets(self) -> dict[str, EnvironmentTarget]:
        """The Environments there are now, by key. Raises a ReconcilerError."""
        targets = follow_renames(discover(self.settings, self.gitea), self.gitea)
        self._compare_clocks()
        self._gates.set_known_environments(targets)
        self._claims.set_known_environments({target.display_name: target.identity for target in targets.values()})
        return targets

    def clock_ahead(self) -> float:
        """Seconds by which this machine's clock is ahead of the forge's; 0 without a forge."""
        return self.gitea.clock_ahead if self.gitea is not None else 0.0

    def _compare_clocks(self) -> None:
        """Logs that this machine's clock and the forge's differ by more than what a commit may be dated ahead."""
        ahead = self.clock_ahead()
        if abs(ahead) > MAX_AHEAD:
            log.warning("the clocks of this machine and of the forge differ", ahead=round(ahead))

    def environment_pass(self, target: EnvironmentTarget) -> EnvironmentPass:
        """Builds the reconciliation of one Environment, and the review of its pull requests."""
        histories = self.settings.state / "histories"
        gitea, location, claim = self.gitea, target.repository, self._claims.of(target.display_name)
        branches = EnvironmentBranches(self.clone(target))
        if gitea is None or location is None or self.settings.gitea is None:
            gate = self._gates.build(target, None, histories)
            reconciler = EnvironmentReconciler(target.identity, branches, self.context, claim, gate, None, frozenset)
            return EnvironmentPass(reconciler, branches, None)
        clone = repository(self.settings, target, self.settings.state / "plans", history=True)
        gate = self._gates.build(target, clone, histories)
        reviewer = PullRequestReviewer(
            gitea, self.settings.gitea.username, location, clone, target.identity, self.context, claim, gate
        )
        publisher = CommitStatusPublisher(gitea, location)
        reconciler = EnvironmentReconciler(target.identity, branches, self.context, claim, gate, publisher, reviewer.open_numbers)
        return EnvironmentPass(reconciler, branches, reviewer)

    def publish_policies(self) -> None:
        """Posts on the system repository whether its EnvironmentPolicies are valid."""
        self._policy_status.publish()

    def gate(self, target: EnvironmentTarget) -> AdmissionGate:
        """Builds the gate of an Environment for a command, with clones that are removed when this is closed."""
        folder = Path(self._closing.enter_context(TemporaryDirectory(prefix="reconciler-", ignore_cleanup_errors=True)))
        return self._gates.build(target, repository(self.settings, target, folder, history=True), folder / "histories")

    def refresh_policies(self) -> None:
        """Forces the policy sources to refresh before the next pass. Called when the system repository receives a push."""
        for source in self._sources:
            if isinstance(source, GitPolicySource):
                source.request_refresh()

    def clone(self, target: EnvironmentTarget) -> Repository:
        """The repository of an Environment, with the clone that passes fetch into."""
        return repository(self.settings, target, self.settings.state / "clones")


def _render_context(settings: Settings, policies: TrustPolicies) -> RenderContext:
    return RenderContext(
        sovereign=settings.sovereign,
        keys=policies.keys,
        plain_http=plain_http_hosts(settings),
        pull_secrets={c.prefix.partition("/")[0]: c.pull_secret for c in settings.catalogs if c.pull_secret},
        interval=settings.flux.interval,
        timeout=settings.flux.timeout,
    )
