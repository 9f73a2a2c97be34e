"""`status.yaml` on the `status` branch: what was observed, and what follows from it.

Nothing in it changes while the meaning of the world does not: no resourceVersion, no "last checked".
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.base import Model

Truth = Literal["True", "False", "Unknown"]
State = Literal["Running", "Installing", "Updating", "Degraded", "Failed", "Paused", "PendingApproval", "Unknown"]


class Condition(Model):
    """One question about the Environment, answered: `reason` is a stable word, `message` is for people."""

    type: str
    status: Truth
    reason: str
    message: str


class ReadyEvidence(Model):
    """The HelmRelease's Ready condition, as it was read."""

    status: str
    reason: str
    observed_generation: int | None = None
    last_transition_time: str = ""


class ObservedEvidence(Model):
    """What of the HelmRelease a verdict rests on; fields are None where the object did not say."""

    helm_release: str
    uid: str | None = None
    generation: int | None = None
    ready: ReadyEvidence | None = None
    chart_version: str | None = None
    oci_digest: str | None = None
    entry: str | None = None


class PlacementStatus(Model):
    """An Application on one cluster; `waiting_for` names the Application at the root of what it waits for."""

    cluster: str
    ready: Truth
    state: State
    reason: str
    message: str
    waiting_for: list[str] | None = None
    evidence: ObservedEvidence | None = None


class ApplicationStatus(Model):
    """An Application over all its placements; ready is True only when it is on every one. `digest` is the locked artifact's."""

    name: str
    blueprint: str
    version: str
    digest: str
    state: State
    ready: Truth
    placements: list[PlacementStatus]


class StatusMetadata(Model):
    """`metadata` of a status: the Environment's name."""

    name: str


class ProblemLine(Model):
    """A problem of the refused commit, in one line each."""

    place: str
    message: str


class EnvironmentStatus(Model):
    """The answer to "does it run?".

    Attributes:
        input: the commit of `main` that was looked at.
        resolved: the commit of `resolved` that the Applications below are of.
        refused: the commit of `main`, only while `main`'s head is refused.
    """

    api_version: Literal["catalyst.openova.io/v1alpha1"] = "catalyst.openova.io/v1alpha1"
    kind: Literal["EnvironmentStatus"] = "EnvironmentStatus"
    metadata: StatusMetadata
    input: str
    resolved: str | None = None
    refused: str | None = None
    problems: list[ProblemLine] = []
    conditions: list[Condition]
    applications: Annotated[list[ApplicationStatus], Field(default_factory=list)]

    def condition(self, kind: str) -> Condition:
        """The condition of one type; every status has each type exactly once."""
        return next(c for c in self.conditions if c.type == kind)
