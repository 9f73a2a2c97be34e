"""How an Application is placed on the clusters of its Environment."""

from __future__ import annotations

MODES = ("single-region", "active-active", "active-hotstandby")  # where a Blueprint names none; only the first is told apart
