"""The status, `status.yaml` on the `status` branch: the observed state of an Environment and the verdicts drawn from it.

It changes only when the observed state changes in meaning: it has no resourceVersion and no "last checked".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from reconciler.model.base import Model
from reconciler.model.release import is_unset

if TYPE_CHECKING:
    from collections.abc import Mapping

Truth = Literal["True", "False", "Unknown"]
State = Literal["Running", "Installing", "Updating", "Degraded", "Failed", "Paused", "PendingApproval", "Unknown"]
PolicyKind = Literal["EnvironmentPolicy", "TrustPolicy"]


class Condition(Model):
    """Condition of the Environment, as in Kubernetes: `reason` is a stable, machine-readable word, `message` is for people."""

    type: str
    status: Truth
    reason: str
    message: str


class ReadyEvidence(Model):
    """The HelmRelease's Ready condition, as observed."""

    status: str
    reason: str
    observed_generation: int | None = None
    last_transition_time: str = ""


class ObservedEvidence(Model):
    """Fields of the HelmRelease on which a verdict is based; a field is None where the object does not have it."""

    helm_release: str
    uid: str | None = None
    generation: int | None = None
    ready: ReadyEvidence | None = None
    chart_version: str | None = None
    oci_digest: str | None = None
    entry: str | None = None


class PlacementStatus(Model):
    """Status of an Application on one cluster; `waiting_for` names the Application at the root of its dependency chain."""

    cluster: str
    ready: Truth
    state: State
    reason: str
    message: str
    waiting_for: list[str] | None = None
    evidence: ObservedEvidence | None = None


class ApplicationStatus(Model):
    """Status of an Application over all its placements.

    `ready` is True only when it is on every placement. `digest` is the locked artifact's.
    """

    name: str
    blueprint: str
    version: str
    digest: str
    state: State
    ready: Truth
    placements: list[PlacementStatus]


class RemovalPlacement(Model):
    """How far a removal is on one cluster; `message` quotes Helm when it hangs."""

    cluster: str
    reason: str
    message: str


class RemovalStatus(Model):
    """Status of an Application that is being uninstalled. It is no Application of the Environment any more, and never Ready."""

    name: str
    blueprint: str
    version: str
    state: Literal["Removing"] = "Removing"
    placements: list[RemovalPlacement]


class StatusMetadata(Model):
    """`metadata` of a status: the Environment's name."""

    name: str


class PolicyInForce(Model):
    """Policy that was in force when the status was made. One that is missing later holds, until its removal is stated."""

    kind: PolicyKind
    name: str
    digest: str


def policies_in_force(kind: PolicyKind, digests: Mapping[str, str]) -> tuple[PolicyInForce, ...]:
    """Returns the policies of a kind as a status names them, given their digests by name."""
    return tuple(PolicyInForce(kind=kind, name=name, digest=digest) for name, digest in sorted(digests.items()))


class ProblemLine(Model):
    """Problem of the refused commit: its location and its message, one line each."""

    place: str
    message: str


class EnvironmentStatus(Model):
    """Status of an Environment: whether the desired state runs.

    Attributes:
        input: the commit of `main` that was evaluated; the last one while there is no `main`, empty when there never was one.
        resolved: the commit of `resolved` to which the statuses of the Applications refer.
        refused: the head of `main`, only while it is refused.
        removing: what is being uninstalled, on some clusters or all; absent when nothing is.
        policies: the TrustPolicies, and the EnvironmentPolicies that apply to it; also one that is missing or cannot be read now.
    """

    api_version: Literal["catalyst.openova.io/v1alpha1"] = "catalyst.openova.io/v1alpha1"
    kind: Literal["EnvironmentStatus"] = "EnvironmentStatus"
    metadata: StatusMetadata
    input: str
    resolved: str | None = None
    refused: str | None = None
    problems: list[ProblemLine] = []
    policies: list[PolicyInForce] = []
    conditions: list[Condition]
    applications: Annotated[list[ApplicationStatus], Field(default_factory=list)]
    removing: Annotated[list[RemovalStatus], Field(exclude_if=is_unset)] = []

    def in_force(self, kind: PolicyKind) -> Mapping[str, str]:
        """Returns the digests of the policies of a kind that were in force, by name."""
        return {policy.name: policy.digest for policy in self.policies if policy.kind == kind}

    def condition(self, kind: str) -> Condition:
        """Returns the condition of a type; every status has each type exactly once."""
        return next(c for c in self.conditions if c.type == kind)
