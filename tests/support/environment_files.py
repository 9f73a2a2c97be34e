"""The files of an Environment's repository as text."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.services.admission.gate import AdmissionGate
from reconciler.services.environment_pass import EnvironmentPass
from reconciler.services.planning.namespace_claims import NamespaceClaim, sole_claim
from reconciler.services.reconcile.reconciler import EnvironmentReconciler

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.review.pull_request_reviewer import PullRequestReviewer

CLUSTER = "hz-fsn-rtz-prod-acme"

SECOND = "hz-hel-rtz-prod-acme"


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
