"""Why releases do not come, as Flux tells it: asked rarely, only of clusters that answer, and only to explain."""

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

"""Seconds after a commit in which nobody wonders yet."""

INTERVAL: Final = 60.0

"""Seconds for which an answer is taken as it is."""

MAX_ASKED: Final = 8

"""Applications on one cluster that are asked about: what keeps more than that from coming is what they share."""

_EXPLAINED_REASONS: Final = frozenset({"AwaitingApply", "SourceNotReady", "ArtifactNotReady", "ProgressDeadlineExceeded"})


class FluxDiagnostics:
    """What stands behind the releases of one Environment."""

    def __init__(self, view: SourceView) -> None:
        self._view = view
        self._known: dict[tuple[str, str], tuple[float, str]] = {}

    def with_diagnostics(
        self, verdicts: Mapping[tuple[str, str], Verdict], namespace: str, *, age: float
    ) -> dict[tuple[str, str], Verdict]:
        """The same verdicts; those at which people will wonder quote what Flux says of what stands behind them.

        Args:
            verdicts: by Application and cluster.
            namespace: which Flux reads.
            age: seconds since the resolved commit was made.
        """
        settled = dict(verdicts)
        wondered_at = sorted((c, a) for (a, c), verdict in verdicts.items() if verdict.reason in _EXPLAINED_REASONS)
        if age < GRACE or not wondered_at:
            self._known.clear()
            return settled
        asked: dict[str, int] = {}
        for cluster, application in wondered_at:
            asked[cluster] = asked.get(cluster, 0) + 1
            if asked[cluster] <= MAX_ASKED:
                words = self._words(cluster, namespace, application)
                settled[application, cluster] = with_flux_message(verdicts[application, cluster], words)
        return settled

    def _words(self, cluster: str, namespace: str, application: str) -> str:
        now = time.monotonic()
        at, words = self._known.get((cluster, application), (0.0, ""))
        if (cluster, application) not in self._known or now - at > INTERVAL:
            try:
                words = failing_conditions(self._view.flux_sources(cluster, namespace, application))
            except ReconcilerError:  # it explains, it is not needed
                words = ""
            self._known[cluster, application] = now, words
        return words
