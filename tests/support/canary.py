"""A value that stands for a secret and must never be shown."""

from __future__ import annotations

CANARY = "c4nary-s3cret"
