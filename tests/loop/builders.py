"""An Environment on disk and in-memory doubles of what surrounds it: our own protocols, and nothing of anybody else's."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.decide.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.decide.policies import EnvironmentPolicies
from reconciler.decide.render import RenderContext
from reconciler.decide.shape import parse_document
from reconciler.decide.trust import TrustPolicies
from reconciler.loop.admission import AdmissionGate
from reconciler.loop.branches import EnvironmentBranches
from reconciler.loop.claims import NamespaceClaim, sole_claim
from reconciler.loop.desire import EnvironmentIdentity
from reconciler.loop.environment_pass import EnvironmentPass
from reconciler.loop.judge import AssessmentLimits
from reconciler.loop.passes import EnvironmentReconciler, ReconcileContext
from reconciler.model.artifact import CHART_TYPE
from reconciler.model.blueprint import Blueprint
from reconciler.model.faults import ReconcilerError, UnavailableError
from reconciler.model.lock import ChartPin, EnvironmentLock, Package, TrustEvidence
from reconciler.model.observation import Failure, Observation
from reconciler.model.status import EnvironmentStatus
from reconciler.world.documents import load
from reconciler.world.git import Repository
from tests.world.git_server import bare, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from reconciler.loop.health import Health
    from reconciler.loop.notices import CommitStatusPublisher
    from reconciler.loop.pulls import PullRequestReviewer

CLUSTER = "hz-fsn-rtz-prod-acme"
SECOND = "hz-hel-rtz-prod-acme"
PREFIX = "registry.example/openova"
VALUES = "sha256:" + "5" * 64


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def environment(*, name: str = "acme-prod", organization: str = "acme", clusters: tuple[str, ...] = (CLUSTER,)) -> str:
    placements = "".join(f"    - {{cluster: {c}, region: {c.split('-')[1]}}}\n" for c in clusters)
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: Environment\n"
        f"metadata: {{name: {name}}}\n"
        f"spec:\n  organization: {organization}\n  envType: prod\n  placements:\n{placements}"
    )


def application(name: str, blueprint: str = "bp-shop", version: str = "^1.0", more: str = "") -> str:
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: Application\n"
        f"metadata: {{name: {name}}}\n"
        f"spec:\n  blueprint: {{name: {blueprint}, version: {version}}}\n{more}"
    )


def files(*names: str, **changes: Any) -> dict[str, str]:
    """An Environment of some Applications, each of `bp-shop`."""
    return {"environment.yaml": environment(**changes)} | {f"applications/{n}.yaml": application(n) for n in names}


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


class Shelf:
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


DOWN = UnavailableError("registry.example did not answer")


class Fleet:
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
        self.releases = {(c, p.application): running(p) for p in lock.packages for c in p.placements}


def running(package: Package) -> dict[str, Any]:
    """A HelmRelease that is ready in every respect."""
    return {
        "metadata": {
            "uid": f"uid-{package.application}",
            "generation": 1,
            "labels": {"app.kubernetes.io/managed-by": "catalyst-reconciler"},
            "annotations": {"catalyst.openova.io/entry": package.entry},
        },
        "spec": {"suspend": False, **package.release_spec},
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


NO_KUBECONFIG = Failure("KubeconfigMissing", f"there is no kubeconfig for {CLUSTER}")
AROUND = RenderContext(sovereign="test", keys={})


@dataclass
class Stage:
    """One Environment: its bare repository, and all that passes over it need."""

    folder: Path
    shelf: Shelf = field(default_factory=lambda: Shelf(verified("bp-shop", "1.0.0")))
    fleet: Fleet = field(default_factory=Fleet)
    identity: EnvironmentIdentity = field(default_factory=lambda: EnvironmentIdentity("acme-prod"))
    policies: Callable[[], TrustPolicies] = field(default_factory=lambda: lambda: TrustPolicies(()))
    limits: dict[str, float] = field(default_factory=dict)
    judged: AssessmentLimits = field(default_factory=AssessmentLimits)
    notices: CommitStatusPublisher | None = None
    around: RenderContext = AROUND
    url: str = ""
    starts: int = 0

    def __post_init__(self) -> None:
        self.origin = bare(self.folder / "served" / "env.git")

    @property
    def clone(self) -> Path:
        """Where the newest Reconciliation keeps its clone."""
        return self.folder / f"clone-{self.starts}"

    def start(
        self,
        *,
        gate: AdmissionGate | None = None,
        proposed: Callable[[], AbstractSet[int]] = frozenset,
        pulls: PullRequestReviewer | None = None,
        retry: float | None = None,
    ) -> EnvironmentPass:
        """As after a restart on another machine: nothing is known, and nothing is cloned."""
        self.starts += 1
        world = self.world(retry=retry)
        branches = EnvironmentBranches(Repository(self.clone, self.url or self.origin.as_uri()))
        return passes(self.identity, branches, world, gate=gate, notices=self.notices, proposed=proposed, pulls=pulls)

    def world(self, *, retry: float | None = None) -> ReconcileContext:
        """What its passes share."""
        return ReconcileContext(
            catalog=self.shelf,
            clusters=self.fleet,
            policies=self.policies,
            surroundings=lambda _: self.around,
            limits=self.judged,
            **{"coalesce": 0.0, **self.limits, **({} if retry is None else {"retry": retry})},
        )

    def push(self, content: dict[str, str], branch: str = "main", message: str = "a change") -> str:
        return commit(self.origin, branch, content, message)

    def settle(self, content: dict[str, str]) -> EnvironmentPass:
        """Push, and pass until everything runs and is said to."""
        self.push(content)
        reconciliation = self.start()
        reconciliation.run(wait=1)
        self.fleet.run_all(self.lock())
        reconciliation.run(wait=1)
        return reconciliation

    def git(self, *arguments: str) -> str:
        return git(self.origin, *arguments)

    def head(self, branch: str) -> str | None:
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None

    def message(self, branch: str) -> str:
        return self.git("log", "-1", "--format=%B", branch)

    def show(self, branch: str, file: str) -> str:
        return self.git("show", f"{branch}:{file}")

    def paths(self, branch: str) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", branch).splitlines()

    def trees(self, branch: str) -> list[str]:
        """The trees of a branch's commits, newest first."""
        return self.git("log", "--format=%T", branch, "--").splitlines() if self.head(branch) else []

    def everything(self) -> tuple[str, str]:
        """All refs, and how many objects there are: what any push would change."""
        return self.git("for-each-ref"), self.git("count-objects", "-v")

    def lock(self) -> EnvironmentLock:
        found, problems = parse_document(load(self.show("resolved", "environment.lock.yaml").encode(), "lock"), EnvironmentLock)
        assert found is not None, problems
        return found

    def status(self) -> EnvironmentStatus:
        found, problems = parse_document(load(self.show("status", "status.yaml").encode(), "status"), EnvironmentStatus)
        assert found is not None, problems
        return found


def gate_of(policies: Callable[[], EnvironmentPolicies], clock: Callable[[], float] = time.time) -> AdmissionGate:
    """The gate of acme-prod under some policies, on no forge."""
    return AdmissionGate("acme-prod", policies, None, lambda _: "no other Environment is known here", clock)


def open_gate() -> AdmissionGate:
    """A gate without any EnvironmentPolicy: it admits everything."""
    return gate_of(EnvironmentPolicies)


def passes(
    identity: EnvironmentIdentity,
    branches: EnvironmentBranches,
    world: ReconcileContext,
    *,
    claim: NamespaceClaim | None = None,
    gate: AdmissionGate | None = None,
    notices: CommitStatusPublisher | None = None,
    proposed: Callable[[], AbstractSet[int]] = frozenset,
    pulls: PullRequestReviewer | None = None,
) -> EnvironmentPass:
    """The passes over an Environment: alone on its clusters and without policies, unless a test says otherwise."""
    claim, gate = claim or sole_claim(identity), gate or open_gate()
    reconciler = EnvironmentReconciler(identity, branches, world, claim, gate, notices, pulls.open_numbers if pulls else proposed)
    return EnvironmentPass(reconciler, branches, pulls)


class Latch:
    """Lets a thread be held where a test wants it."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.open.wait(20)


def measured(health: Health) -> dict[str, float]:
    """All measurements by name and labels."""
    lines = (line for line in health.metrics.text().decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if "_created" not in name}
