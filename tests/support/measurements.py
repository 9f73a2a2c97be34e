"""Reads the metrics of a process by name and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.controller.health import Health


def measured(health: Health) -> dict[str, float]:
    """All measurements by name and labels."""
    lines = (line for line in health.metrics.text().decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if "_created" not in name}
