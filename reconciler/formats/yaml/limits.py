"""Limits on the size of YAML documents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class YamlLimits:
    """The limits of one document.

    Attributes:
        characters: of all scalars of a document, after aliases are followed.
        depth: of the nesting of parts.
        parts: mappings, lists and scalars of a document, after aliases are followed: a short alias bomb has many.
    """

    characters: int
    depth: int
    parts: int
