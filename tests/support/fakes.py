"""In-memory doubles of our own interfaces: a Catalog, clusters, forges and a clock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reconciler.adapters.gitea.webhooks import REPORTED_EVENTS, REQUESTED_EVENTS
from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.domain.rendering.flux_objects import RenderContext, helm_release_spec
from reconciler.model.artifact import CHART_TYPE
from reconciler.model.blueprint import Blueprint
from reconciler.model.errors import AccessDeniedError, ReconcilerError, UnavailableError
from reconciler.model.forge import Webhook
from reconciler.model.lock import ChartPin, EnvironmentLock, Package, TrustEvidence
from reconciler.model.observation import Failure, Observation
from tests.support.environment_files import CLUSTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "registry.example/openova"

VALUES = "sha256:" + "5" * 64


DOWN = UnavailableError("registry.example did not answer")


NO_KUBECONFIG = Failure("KubeconfigMissing", f"there is no kubeconfig for {CLUSTER}")

WEBHOOK_URL = "http://reconciler.example/webhook"

OTHER_WEBHOOKS = Webhook(1, "http://chat.example/hook", active=True, json=True, events=frozenset({"push"}), branches="")

OWN_WEBHOOK = Webhook(2, WEBHOOK_URL, active=True, json=True, events=REPORTED_EVENTS, branches="main")


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def proof(authority: str, of: str) -> TrustEvidence:
    """Evidence for something, as one policy wants it."""
    return TrustEvidence(
        policy="openova", policy_digest=sha256("policy"), authority=authority, signature=sha256(f"signature of {of}")
    )


def verified(
    name: str, version: str, *depends: str, home: str = PREFIX, upgrades: Mapping[str, list[str]] | None = None
) -> VerifiedBlueprint:
    spec = {"version": version, "depends": list(depends), "upgrades": dict(upgrades or {})}
    blueprint = Blueprint.model_validate(
        {"apiVersion": "catalyst.openova.io/v1", "kind": "Blueprint", "metadata": {"name": name}, "spec": spec}
    )
    return VerifiedBlueprint(
        blueprint=blueprint,
        artifact=f"oci://{home}/{name}@{sha256(f'{name} {version}')}",
        chart=ChartPin(digest=sha256(f"chart of {name} {version}"), media_type=CHART_TYPE),
        evidence=[proof("release", f"{name} {version}")],
    )


class FakeCatalog:
    """A Catalog in memory: what is put on it can be found, unless it is down.

    `asked` counts what a real one would look for: not what is known by its digest, and so remembered.
    """

    def __init__(self, *blueprints: VerifiedBlueprint) -> None:
        self.down: ReconcilerError | None = None
        self.asked = self.recalled = 0
        self._content: dict[str, dict[str, VerifiedBlueprint | ExcludedVersion]] = {}
        for one in blueprints:
            self.put(one)

    def put(self, one: VerifiedBlueprint) -> None:
        self._content.setdefault(one.blueprint.name, {})[one.blueprint.version] = one

    def put_unsigned(self, name: str, version: str) -> None:
        self._content.setdefault(name, {})[version] = ExcludedVersion(version, "Untrusted", "it has no signature")

    def find(self, name: str) -> Mapping[str, tuple[str, ...]]:
        self._ask()
        return {PREFIX: tuple(self._content[name])} if name in self._content else {}

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        del catalog
        self._ask(remembered=digest is not None)
        return self._content[name][version]

    def _ask(self, *, remembered: bool = False) -> None:
        self.asked += not remembered
        self.recalled += remembered
        if self.down is not None:
            raise self.down


class FakeClusters:
    """A ClusterView in memory: HelmReleases that a test puts there."""

    def __init__(self) -> None:
        self.releases: dict[tuple[str, str], dict[str, Any]] = {}
        self.failures: dict[str, Failure] = {}
        self.unlisted: set[str] = set()
        self.age = 0.0
        self.ensured: list[tuple[str, float]] = []
        self.asked_to_look: list[tuple[str, str]] = []
        self.refuses_to_look: ReconcilerError | None = None
        self.flux: dict[str, Mapping[str, Any] | None] = {}
        self.asked_why: list[tuple[str, str, str]] = []

    def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
        self.ensured.append((context, wait))
        if wait:
            self.unlisted.discard(context)

    def observe(self, context: str, namespace: str, name: str) -> Observation:
        del namespace
        if (failure := self.failures.get(context)) is not None:
            return Observation(failure=failure)
        return Observation(listed=context not in self.unlisted, age=self.age, release=self.releases.get((context, name)))

    def request_reconcile(self, context: str, namespace: str) -> None:
        self.asked_to_look.append((context, namespace))
        if self.refuses_to_look is not None:
            raise self.refuses_to_look

    def flux_sources(self, context: str, namespace: str, application: str) -> Mapping[str, Mapping[str, Any] | None]:
        self.asked_why.append((context, namespace, application))
        if (failure := self.failures.get(context)) is not None:
            raise UnavailableError(failure.message)
        return self.flux

    def run_all(self, lock: EnvironmentLock) -> None:
        """Let every cluster run what the lock says."""
        self.releases = {(c, p.object_name): running(p, c) for p in lock.packages for c in p.placements}


def running(package: Package, cluster: str = CLUSTER) -> dict[str, Any]:
    """A HelmRelease that is ready in every respect."""
    return {
        "metadata": {
            "uid": f"uid-{package.application}-{cluster}",
            "generation": 1,
            "labels": {"app.kubernetes.io/managed-by": "catalyst-reconciler"},
            "annotations": {"catalyst.openova.io/entry": package.entry},
        },
        "spec": {"suspend": False, **helm_release_spec(package, RenderContext(sovereign="test", keys={}).locked)},
        "status": {
            "observedGeneration": 1,
            "lastAttemptedConfigDigest": VALUES,
            "conditions": [{"type": "Ready", "status": "True", "reason": "InstallSucceeded", "message": "installed"}],
            "history": [
                {
                    "status": "deployed",
                    "ociDigest": package.digest,
                    "chartVersion": f"{package.version}+0123456789ab",
                    "configDigest": VALUES,
                }
            ],
        },
    }


@dataclass
class FakeWebhookForge:
    """A forge in memory."""

    kept: list[Webhook] = field(default_factory=lambda: [OTHER_WEBHOOKS])
    secrets: dict[int, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    last: int = 10
    trouble: ReconcilerError | None = None

    def webhooks(self, repository: str) -> tuple[Webhook, ...]:
        assert repository == "acme/prod"
        self.calls.append("list")
        if self.trouble is not None:
            raise self.trouble
        return tuple(self.kept)

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        assert (repository, frozenset(events), branches) == ("acme/prod", REQUESTED_EVENTS, "main")
        self.calls.append("create")
        self.last += 1
        self.kept.append(replace(OWN_WEBHOOK, id=self.last, url=url))
        self.secrets[self.last] = secret
        return self.last

    def delete_hook(self, repository: str, hook: int) -> None:
        assert repository == "acme/prod"
        self.calls.append(f"delete {hook}")
        self.kept = [one for one in self.kept if one.id != hook]


@dataclass
class FakeCommitStatusForge:
    """A forge in memory; `trouble` is raised before a POST is written, `lost` after it."""

    shown: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    asked: int = 0
    trouble: bool = False
    lost: bool = False

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        assert repository == "acme/acme-prod"
        self.asked += 1
        return {context: (state, words) for context, state, words in self.shown.get(commit, [])}

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        assert repository == "acme/acme-prod"
        if self.trouble:
            raise AccessDeniedError("no")
        self.shown.setdefault(commit, []).append((context, state, description))
        if self.lost:
            self.lost = False
            raise UnavailableError("the answer was lost")


# silence


class ManualClock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now
