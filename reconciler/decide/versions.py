"""Versions and npm-style ranges, by the semantic-version library.

Rule: a pre-release fits a range only when the range names a pre-release of that very version (as npm has it).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from semantic_version import NpmSpec, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RANGE = 256  # characters: what a person can still mean

# What npm reads too, and the library does not: `>= 1.2`, `~> 1.2`, `^v1.2`.
_LOOSE = re.compile(r"(?<=~)>|(?<=[<>=^~])\s+(?=[\dvxX*])|(?<![^\s<>=^~|])v(?=\d)")


@lru_cache(maxsize=4096)
def is_version(text: str) -> bool:
    """Whether the text is a full semantic version."""
    # The library takes digits of any script, and a line break at the end.
    if not text.isascii() or not text.isprintable():
        return False
    try:
        Version(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def is_range(text: str) -> bool:
    """Whether the text is a version range: `^1.2`, `~1.2`, `1.x`, `>=1 <2`, `1.2 - 1.4`, `a || b`, `*` or one version."""
    if len(text) > MAX_RANGE or not text.isascii() or not text.isprintable():
        return False
    try:
        _spec(text)
    except (ValueError, AttributeError):  # the latter where a hyphen lacks an end, as in `1 - <`
        return False
    return True


@lru_cache(maxsize=65536)
def fits(version: str, range_: str) -> bool:
    """Whether a version is in a range; what is not a version or not a range fits nothing."""
    if not is_version(version) or not is_range(range_):
        return False
    found = Version(version)
    # The library lets pre-releases into a range that has an upper end alone, such as `<2`.
    named = not found.prerelease or f"{found.truncate()}-" in range_
    return named and bool(_spec(range_).match(found))


def _spec(range_: str) -> NpmSpec:
    return NpmSpec(_LOOSE.sub("", range_))


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """The versions among the words (tags may be anything), newest first, without doubles."""
    return _newest_first(tuple(versions))


def older(version: str, than: str) -> bool:
    """Whether a version comes before another one; builds of one version are as old as each other. Both must be versions."""
    return bool(Version(version).truncate("prerelease") < Version(than).truncate("prerelease"))


@lru_cache(maxsize=4096)
def _newest_first(versions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({v for v in versions if is_version(v)}, key=_precedence, reverse=True))


@lru_cache(maxsize=65536)
def _precedence(version: str) -> tuple[Any, str]:
    return Version(version).precedence_key, version  # build metadata has no precedence; the text makes the order total
