"""Counts and measures for Prometheus through prometheus-client, in a registry of its own, so that no library adds to it.

No label has a value that people choose, so that the number of series is fixed.
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
    """The counters and histograms of the process. Safe for use by several threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._passes = Counter("reconciler_passes", "Passes, by result.", ["result"], registry=registry)
        self._seconds = Histogram("reconciler_pass_seconds", "Duration of passes.", buckets=_PASS, registry=registry)
        self._wakes = Histogram(
            "reconciler_wake_seconds",
            "From a delivery to the start of the pass that it requests.",
            buckets=_WAKE,
            registry=registry,
        )
        self._deliveries = Counter("reconciler_deliveries", "Requests to the webhook, by result.", ["result"], registry=registry)

    def record_pass(self, result: str, seconds: float) -> None:
        """Counts a pass."""
        self._passes.labels(result).inc()
        self._seconds.observe(seconds)

    def record_wakeup(self, seconds: float) -> None:
        """Records the seconds between a delivery and the start of its pass."""
        self._wakes.observe(seconds)

    def record_delivery(self, result: str) -> None:
        """Counts a request to the webhook."""
        self._deliveries.labels(result).inc()

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Registers a gauge whose value is computed at each scrape."""
        Gauge(name, what, registry=self._registry).set_function(value)

    def watch_each(self, name: str, what: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Registers a gauge with one series for each value of a label, computed at each scrape."""
        gauge = Gauge(name, what, [label], registry=self._registry)
        for label_value, value in values.items():
            gauge.labels(label_value).set_function(value)

    def text(self) -> bytes:
        """Returns all measurements in the text format of Prometheus."""
        return generate_latest(self._registry)
