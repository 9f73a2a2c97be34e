"""Parses versions and npm-style ranges, and decides which version satisfies which range.

The npm package `semver` 7 sets the rules; `nodesemver` is a port of it to Python. A pre-release satisfies a range only where the
range names a pre-release of that very version, and build metadata is ignored. Where the port still behaves as an older npm does,
`_parsed_range` corrects it; `tests/unit/domain/npm_ranges.tsv` has npm's own results.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    import nodesemver

MAX_VERSION_LENGTH: Final = 256  # characters of a version or a range, as in npm; the port's patterns are polynomial in it
_MAX_NUMBER: Final = 2**53 - 1  # of a major, minor or patch version, as in npm

# Most ranges that people write. The port compiles a hundred patterns when it is imported: `validate` does without it.
_SIMPLE: Final = re.compile(r"[~^]?(?:0|[1-9]\d{0,14})(?:\.(?:0|[1-9]\d{0,14})){0,2}", re.ASCII)
_BUILD: Final = re.compile(r"\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*")
_OPERATOR: Final = re.compile(r"(\^|~>?) +")
# A number after a wildcard, as in `1.x.2` and `x.1`: npm refuses it except after `^`, after `~` and in a hyphen range.
_MISPLACED: Final = re.compile(r"(?<![\w.~^-])(?<!~>)v?(?:(?:\d+|[xX*])\.)?[xX*]\.\d")
# After `^` and `~` the port takes a pre-release's first hyphen, as in `^1.0.0--a`, for the one before it.
_HYPHENED: Final = re.compile(r"([~^]>?v?[\dxX*.]+-)(?=-)")
_ANY: Final = frozenset({"", ">=0.0.0"})


def is_version(text: str) -> bool:
    """Whether the text is a full semantic version, without a leading `v`."""
    return _parsed_version(text) is not None


def is_range(text: str) -> bool:
    """Whether the text is a version range: `^1.2`, `~1.2`, `1.x`, `>=1 <2`, `1.2 - 1.4`, `a || b`, `*` or one version."""
    return _SIMPLE.fullmatch(text) is not None or _parsed_range(text) is not None


@lru_cache(maxsize=65536)
def satisfies(version: str, range_: str) -> bool:
    """Whether a version is in a range; a text that is not a version, or not a range, gives False."""
    parsed, parsed_range = _parsed_version(version), _parsed_range(range_)
    return parsed is not None and parsed_range is not None and bool(parsed_range.test(parsed))


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Returns the versions among the texts (tags may be anything), newest first, without duplicates."""
    return _newest_first(tuple(versions))


def is_older(version: str, than: str) -> bool:
    """Whether a version precedes another one; builds of one version are equally old. Both must be versions."""
    return bool(_precedence(version) < _precedence(than))


@lru_cache(maxsize=4096)
def _newest_first(versions: tuple[str, ...]) -> tuple[str, ...]:
    # Build metadata has no precedence; the text makes the order total.
    return tuple(sorted({v for v in versions if is_version(v)}, key=lambda v: (_precedence(v), v), reverse=True))


@lru_cache(maxsize=65536)
def _precedence(version: str) -> tuple[Any, ...]:
    import nodesemver  # noqa: PLC0415 - see _SIMPLE

    key: tuple[Any, ...] = nodesemver.full_key_function(version)
    return key


@lru_cache(maxsize=65536)
def _parsed_version(text: str) -> nodesemver.SemVer | None:
    import nodesemver  # noqa: PLC0415 - see _SIMPLE

    # The port accepts `v1.2.3`, blanks around it, digits of any script and a line break at its end.
    if (
        len(text) > MAX_VERSION_LENGTH
        or not text.isascii()
        or not text.isprintable()
        or not text[:1].isdigit()
        or text[-1] == " "
    ):
        return None
    try:
        parsed = nodesemver.make_semver(text, loose=False)
    except ValueError:
        return None
    return parsed if _is_bounded(parsed) else None


@lru_cache(maxsize=4096)
def _parsed_range(text: str) -> nodesemver.Range | None:
    if len(text) > MAX_VERSION_LENGTH or not text.isascii() or not text.isprintable():
        return None
    import nodesemver  # noqa: PLC0415 - see _SIMPLE

    text = _OPERATOR.sub(r"\1", " ".join(_BUILD.sub("", text).split()))
    if any(" - " not in alternative and _MISPLACED.search(alternative) for alternative in text.split("||")):
        return None
    try:
        parsed = nodesemver.make_range(_HYPHENED.sub(r"\1-", text), loose=False)
    except ValueError:
        return None
    if any(c.value and not _is_bounded(c.semver) for comparators in parsed.set for c in comparators):
        return None
    # For npm `*` beside other alternatives replaces them all: no pre-release is named then.
    if any(all(c.value in _ANY for c in comparators) for comparators in parsed.set):
        return nodesemver.make_range("*", loose=False)
    return parsed


def _is_bounded(version: nodesemver.SemVer) -> bool:
    return bool(max(version.major, version.minor, version.patch) <= _MAX_NUMBER)
