"""Versions and npm-style ranges, by the semantic-version library.

Rule: a pre-release fits a range only when the range names a pre-release of that very version (as npm has it).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from semantic_version import NpmSpec, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RANGE = 256  # characters: what a person can still mean


@lru_cache(maxsize=4096)
def is_version(text: str) -> bool:
    """Whether the text is a full semantic version."""
    try:
        Version(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def is_range(text: str) -> bool:
    """Whether the text is a version range: `^1.2`, `~1.2`, `1.x`, `>=1 <2`, `1.2 - 1.4`, `a || b`, `*` or one version."""
    if len(text) > MAX_RANGE:
        return False
    try:
        NpmSpec(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65536)
def fits(version: str, range_: str) -> bool:
    """Whether a version is in a range; what is not a version or not a range fits nothing."""
    return is_version(version) and is_range(range_) and bool(NpmSpec(range_).match(Version(version)))


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """The versions among the words (tags may be anything), newest first, without doubles."""
    return tuple(str(v) for v in sorted({Version(v) for v in versions if is_version(v)}, key=_precedence, reverse=True))


def _precedence(version: Version) -> tuple[object, str]:
    return version.precedence_key, str(version)  # build metadata has no precedence; the text makes the order total
