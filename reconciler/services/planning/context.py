"""The dependencies and intervals that all passes of a process share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.services.observation.ports import AssessmentLimits, ClusterView

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.domain.catalog import Catalog
    from reconciler.domain.rendering.flux_objects import RenderContext
    from reconciler.domain.trust.trust_policies import TrustPolicies


@dataclass(frozen=True)
class ReconcileContext:
    """The dependencies and intervals that all passes share. Built once by `bootstrap.runtime`.

    Attributes:
        catalog: the Blueprints that can be installed.
        clusters: the observed state of the clusters.
        policies: returns the current trust policies; raises a ReconcilerError.
        render_context: returns what rendering depends on beside the documents, under given trust policies.
        limits: the limits for assessing observations.
        retry: seconds after which the Blueprints of a refused commit are resolved again.
        confirm: seconds between confirmations of a status that does not change.
        coalesce: seconds between two status commits that only changes on a cluster cause.
        patience: seconds for which Flux may re-check a healthy release before that is reported.
    """

    catalog: Catalog
    clusters: ClusterView
    policies: Callable[[], TrustPolicies]
    render_context: Callable[[TrustPolicies], RenderContext]
    limits: AssessmentLimits = field(default_factory=AssessmentLimits)
    retry: float = 60.0
    confirm: float = 300.0
    coalesce: float = 1.0
    patience: float = 3.0
