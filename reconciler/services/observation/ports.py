"""The calls to clusters that observation needs, and the limits for assessing observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.observation import Observation


class SourceView(Protocol):
    """The Flux sources of clusters; `adapters.kubernetes.ClusterPool` in production."""

    def flux_sources(self, context: str, namespace: str, application: str) -> Mapping[str, Mapping[str, Any] | None]:
        """The Flux objects behind an Application's HelmRelease, by name; None for an object that does not exist.

        Raises a ReconcilerError.
        """


class ClusterView(SourceView, Protocol):
    """The observed state of clusters; `adapters.kubernetes.ClusterPool` in production."""

    def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
        """Start to observe a cluster unless it is observed already; wait up to some seconds for its first response."""

    def observe(self, context: str, namespace: str, name: str) -> Observation:
        """The last observation of one HelmRelease."""

    def request_reconcile(self, context: str, namespace: str) -> None:
        """Request that Flux fetch the repository at once."""


@dataclass(frozen=True)
class AssessmentLimits:
    """Limits for assessing observations, in seconds.

    Attributes:
        stale_after: age after which an observation is stale.
        progress_deadline: time in which a commit should become ready.
        apply_grace: time for which Flux may still be applying a replaced commit; by default as long as a Kustomization may take.
    """

    stale_after: float = 60.0
    progress_deadline: float = 900.0
    apply_grace: float = 300.0
