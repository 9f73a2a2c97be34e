"""What all passes over an Environment share."""

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
    """What all passes share.

    Attributes:
        catalog: what can be installed.
        clusters: what runs.
        policies: reads the trust policies as they stand now; raises a ReconcilerError.
        surroundings: what rendering needs to know, under some policies.
        limits: within which observations are judged.
        retry: seconds after which a refused commit's Blueprints are looked for again.
        confirm: seconds after which a status that did not change is confirmed.
        coalesce: seconds between two status commits that only changes on a cluster ask for.
        patience: seconds for which Flux may look again at what was ready before that is news.
    """

    catalog: Catalog
    clusters: ClusterView
    policies: Callable[[], TrustPolicies]
    surroundings: Callable[[TrustPolicies], RenderContext]
    limits: AssessmentLimits = field(default_factory=AssessmentLimits)
    retry: float = 60.0
    confirm: float = 300.0
    coalesce: float = 1.0
    patience: float = 3.0
