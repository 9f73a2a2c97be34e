"""Limits on the size of YAML documents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class YamlLimits:
    """How much is read.

    Attributes:
        characters: of all scalars of a document, after aliases are followed.
        depth: how deep parts may be nested.
        parts: mappings, lists and scalars of a document, after aliases are followed: a short alias bomb is many.
    """

    characters: int
    depth: int
    parts: int
