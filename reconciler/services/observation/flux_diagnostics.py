"""Explains stuck releases by quoting the conditions of their Flux sources.

Queried rarely, only for clusters that respond, and only to explain: it changes no verdict.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from reconciler.domain.readiness.flux_sources import failing_conditions, with_flux_message
from reconciler.model.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.readiness.assessment import Verdict
    from reconciler.services.observation.ports import SourceView

GRACE: Final = 20.0
"""Grace period after a commit, in seconds, before Flux is queried."""

INTERVAL: Final = 60.0
"""Seconds for which a response is cached."""

MAX_QUERIED: Final = 8
"""Applications per cluster that are queried: when more are stuck, they share a cause."""

_EXPLAINED_REASONS: Final = frozenset({"AwaitingApply", "SourceNotReady", "ArtifactNotReady", "ProgressDeadlineExceeded"})


class FluxDiagnostics:
    """The Flux diagnostics of one Environment."""

    def __init__(self, view: SourceView) -> None:
        self._view = view
        self._cache: dict[tuple[str, str], tuple[float, str]] = {}

    def with_diagnostics(
        self, verdicts: Mapping[tuple[str, str], Verdict], namespace: str, *, age: float
    ) -> dict[tuple[str, str], Verdict]:
        """Return the same verdicts; those of stuck releases quote the failing conditions of their Flux sources.

        Args:
            verdicts: by Application and cluster.
            namespace: the Namespace of the Flux objects.
            age: seconds since the resolved commit was made.
        """
        explained = dict(verdicts)
        stuck = sorted((c, a) for (a, c), verdict in verdicts.items() if verdict.reason in _EXPLAINED_REASONS)
        if age < GRACE or not stuck:
            self._cache.clear()
            return explained
        queried: dict[str, int] = {}
        for cluster, application in stuck:
            queried[cluster] = queried.get(cluster, 0) + 1
            if queried[cluster] <= MAX_QUERIED:
                conditions = self._failing_conditions(cluster, namespace, application)
                explained[application, cluster] = with_flux_message(verdicts[application, cluster], conditions)
        return explained

    def _failing_conditions(self, cluster: str, namespace: str, application: str) -> str:
        """The failing conditions behind one Application; empty when the cluster could not be queried."""
        now = time.monotonic()
        queried_at, conditions = self._cache.get((cluster, application), (0.0, ""))
        if (cluster, application) not in self._cache or now - queried_at > INTERVAL:
            try:
                conditions = failing_conditions(self._view.flux_sources(cluster, namespace, application))
            except ReconcilerError:  # an explanation is optional
                conditions = ""
            self._cache[cluster, application] = now, conditions
        return conditions
