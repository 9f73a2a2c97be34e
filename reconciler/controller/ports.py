"""The measurements that the controller takes; `adapters.metrics.Metrics` in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Measurements(Protocol):
    """Counts and measures. Safe for use by several threads."""

    def record_pass(self, result: str, seconds: float) -> None:
        """Count a pass, and note how long it took."""

    def record_wakeup(self, seconds: float) -> None:
        """Note how long after a delivery its pass began."""

    def record_delivery(self, result: str) -> None:
        """Count a request to the webhook."""

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Publish a number that is computed when it is asked for."""

    def watch_each(self, name: str, what: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Publish numbers that are computed when they are asked for, one for each value of a label."""

    def text(self) -> bytes:
        """All measurements, in the text format of Prometheus."""
