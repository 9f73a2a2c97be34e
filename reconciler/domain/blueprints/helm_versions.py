"""Decides whether a chart's version is in the range of a declared dependency, as Helm does (Masterminds/semver 3.5).

Helm's ranges are not npm's (`domain.versions`): a comma joins, `1.2` is `~1.2`, `>1` is `>=2`, `!=` excludes, and a pre-release
fits only where the range names one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Final

_MAX_RANGE: Final = 512
_MAX_GROUPS: Final = 32
_SUFFIX: Final = r"(?:-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?"
_VERSION: Final = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{_SUFFIX}")
_PARTIAL: Final = rf"v?([0-9|xX*]+)(?:\.([0-9|xX*]+))?(?:\.([0-9|xX*]+))?{_SUFFIX}"
_OPERATOR: Final = r"(!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)"
_CONSTRAINT: Final = re.compile(rf"{_OPERATOR}\s*{_PARTIAL}")
_GROUP: Final = re.compile(rf"\s*{_CONSTRAINT.pattern}\s*(?:(?:\s+|,\s*){_CONSTRAINT.pattern}\s*)*")
_HYPHEN: Final = re.compile(rf"\s*({_PARTIAL})\s+-\s+({_PARTIAL})\s*")
_X: Final = frozenset({"x", "X", "*"})

_Key = tuple[int, int, int]


@dataclass(frozen=True)
class _Version:
    key: _Key
    pre: str

    @classmethod
    def parse(cls, text: str) -> _Version | None:
        match = _VERSION.fullmatch(text)
        return cls((int(match[1]), int(match[2] or 0), int(match[3] or 0)), match[4] or "") if match else None

    def compare(self, other: _Version) -> int:
        if self.key != other.key:
            return 1 if self.key > other.key else -1
        return _compare_pre(self.pre, other.pre)


@dataclass(frozen=True)
class _Constraint:
    """One comparison; `parts` is how many numbers of its version are given: 3 unless it has an `x` or is short."""

    operator: str
    version: _Version
    parts: int

    def admits(self, version: _Version) -> bool:
        order, given, wanted = version.compare(self.version), version.key, self.version.key
        match self.operator:
            case "!=":
                parts = self.parts or 3
                return given[:parts] != wanted[:parts] or (parts > 1 and version.pre != self.version.pre)
            case ">":
                return order > 0 if self.parts in {0, 3} else given[: self.parts] > wanted[: self.parts]
            case ">=" | "=>":
                return order >= 0
            case "<":
                return order < 0
            case "<=" | "=<":
                return order <= 0 if self.parts == 3 else given[: self.parts or 2] <= wanted[: self.parts or 2]  # noqa: PLR2004
            case "^":
                return order >= 0 and self._same_left(given)
            case "~" | "~>":
                return order >= 0 and self._near(given)
            case _:
                return order == 0 if self.parts == 3 else order >= 0 and self._near(given)  # noqa: PLR2004 - all of them

    def _near(self, given: _Key) -> bool:
        wanted = self.version.key
        if wanted == (0, 0, 0) and self.parts in {0, 3}:
            return True
        return given[:1] == wanted[:1] if self.parts == 1 else given[:2] == wanted[:2]

    def _same_left(self, given: _Key) -> bool:
        wanted = self.version.key
        if wanted[0] > 0 or self.parts == 1:
            return given[0] == wanted[0]
        if wanted[1] > 0 or self.parts == 2:  # noqa: PLR2004 - `0.2` and `0.2.x`
            return given[:2] == wanted[:2]
        return given == wanted


def is_in_range(version_range: str, version: str) -> bool:
    """Whether a version is in a range; False for what is no version or range to Helm."""
    parsed, groups = _Version.parse(version), _groups(version_range)
    if parsed is None or groups is None:
        return False
    return any(
        (not parsed.pre or any(constraint.version.pre for constraint in group))
        and all(constraint.admits(parsed) for constraint in group)
        for group in groups
    )


def is_helm_version(text: str) -> bool:
    """Whether Helm takes a text as a version."""
    return _VERSION.fullmatch(text) is not None


def _groups(version_range: str) -> list[list[_Constraint]] | None:
    if len(version_range.encode()) > _MAX_RANGE:
        return None
    text = _HYPHEN.sub(lambda match: f">= {match[1]}, <= {match[6]} ", version_range)
    alternatives = text.split("||")
    if len(alternatives) > _MAX_GROUPS or not all(_GROUP.fullmatch(part) for part in alternatives):
        return None
    groups = [[_constraint(match) for match in _CONSTRAINT.finditer(part)] for part in alternatives]
    return None if any(constraint is None for group in groups for constraint in group) else groups  # type: ignore[return-value]


def _constraint(match: re.Match[str]) -> _Constraint | None:
    operator, major, minor, patch, pre = match.groups()
    if major in _X:
        return _Constraint(operator, _Version((0, 0, 0), pre or ""), 0)
    numbers = [major]
    for number in (minor, patch):
        if number is None or number in _X:
            break
        numbers.append(number)
    version = _Version.parse(".".join(numbers) + (f"-{pre}" if pre else ""))
    return _Constraint(operator, version, len(numbers)) if version else None


def _compare_pre(left: str, right: str) -> int:
    if left == right:
        return 0
    if not left or not right:
        return 1 if not left else -1
    key = cmp_to_key(_compare_identifier)
    a, b = [key(part) for part in left.split(".")], [key(part) for part in right.split(".")]
    return 1 if a > b else -1


def _compare_identifier(left: str, right: str) -> int:
    if left == right:
        return 0
    if left.isdigit() and right.isdigit():
        return 1 if int(left) > int(right) else -1
    if left.isdigit() or right.isdigit():
        return -1 if left.isdigit() else 1
    return 1 if left > right else -1
