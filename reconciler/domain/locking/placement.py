"""The modes in which an Application is placed on the clusters of its Environment."""

from __future__ import annotations

MODES = ("single-region", "active-active", "active-hotstandby")
"""The modes of a Blueprint that lists none. Only single-region limits the clusters; the others are treated alike."""
