"""Reads the fingerprint of a plan from the commit status that reported it: the plan to which approvals are bound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BOUND: Final = re.compile(r"; diff ([0-9a-f]{32})-([0-9a-f]{32}); tree ([0-9a-f]{40})")


@dataclass(frozen=True)
class PlanFingerprint:
    """The fingerprint of a plan, to which its approvals are bound.

    Attributes:
        tree: the tree id that `resolved` would have.
        files: a digest of the documents that it changes, with their content before and after.
        packages: a digest of the artifacts that it brings, by Application.
    """

    tree: str
    files: str
    packages: str


def parse_fingerprint(description: str) -> PlanFingerprint | None:
    """Returns the fingerprint at the end of a commit status's description; None when there is none."""
    match = _BOUND.search(description)
    return PlanFingerprint(match[3], match[1], match[2]) if match and match.end() == len(description) else None
