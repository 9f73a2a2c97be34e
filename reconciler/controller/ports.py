"""The measurements that the controller records; `adapters.metrics.Metrics` in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Measurements(Protocol):
    """Records counts and durations. Safe for use by several threads."""

    def record_pass(self, result: str, seconds: float) -> None:
        """Count a pass, and record its duration."""

    def record_wakeup(self, seconds: float) -> None:
        """Record the seconds between a delivery and its pass."""

    def record_delivery(self, result: str) -> None:
        """Count a request to the webhook."""

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Publish a number that is computed at each scrape."""

    def watch_each(self, name: str, what: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Publish numbers that are computed at each scrape, one for each value of a label."""

    def text(self) -> bytes:
        """All measurements, in the text format of Prometheus."""
