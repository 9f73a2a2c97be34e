"""Measurements, for Prometheus through prometheus-client: in a registry of their own, so that no library adds to them.

No label holds anything that people choose: the number of series is fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_PASS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)  # seconds
_WAKE: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)  # seconds


class Metrics:
    """What is counted and measured. Safe for use by several threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        here = self._registry
        self._passes = Counter("reconciler_passes", "Passes, by what came of them.", ["result"], registry=here)
        self._seconds = Histogram("reconciler_pass_seconds", "How long passes took.", buckets=_PASS, registry=here)
        self._wakes = Histogram(
            "reconciler_wake_seconds", "From a delivery to the start of the pass it calls for.", buckets=_WAKE, registry=here
        )
        self._deliveries = Counter(
            "reconciler_deliveries", "Requests to the webhook, by what came of them.", ["result"], registry=here
        )

    def record_pass(self, result: str, seconds: float) -> None:
        """Count a pass."""
        self._passes.labels(result).inc()
        self._seconds.observe(seconds)

    def record_wakeup(self, seconds: float) -> None:
        """Note how long after a delivery its pass began."""
        self._wakes.observe(seconds)

    def record_delivery(self, result: str) -> None:
        """Count a request to the webhook."""
        self._deliveries.labels(result).inc()

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Have a number looked up whenever it is asked for."""
        Gauge(name, what, registry=self._registry).set_function(value)

    def watch_each(self, name: str, what: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Have some numbers looked up whenever they are asked for, one for each value of a label."""
        gauge = Gauge(name, what, [label], registry=self._registry)
        for each, value in values.items():
            gauge.labels(each).set_function(value)

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self._registry)
