"""The calls to clusters that observing needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.observation import Observation


class SourceView(Protocol):
    """What is needed of clusters; `adapters.kubernetes.Clusters` in production."""

    def flux_sources(self, context: str, namespace: str, application: str) -> Mapping[str, Mapping[str, Any] | None]:
        """The Flux objects behind an Application's HelmRelease, by name; None for one that is not there.

        Raises a ReconcilerError.
        """


class ClusterView(SourceView, Protocol):
    """What a pass needs of clusters; `adapters.kubernetes.Clusters` in production."""

    def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
        """See to it that a cluster is observed; wait some seconds for its first answer."""

    def observe(self, context: str, namespace: str, name: str) -> Observation:
        """What is known of one HelmRelease."""

    def request_reconcile(self, context: str, namespace: str) -> None:
        """Ask Flux to look at the repository at once."""


@dataclass(frozen=True)
class AssessmentLimits:
    """Within which observations are judged: seconds after which one is stale, and in which a commit should be ready."""

    stale_after: float = 60.0
    progress_deadline: float = 900.0
