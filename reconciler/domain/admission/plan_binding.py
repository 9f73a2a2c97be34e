"""What an approval is bound to: the plan that its reviewer saw, read back from a commit status."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BOUND: Final = re.compile(r"; diff ([0-9a-f]{32})-([0-9a-f]{32}); tree ([0-9a-f]{40})")


@dataclass(frozen=True)
class PlanFingerprint:
    """What approvals of a plan are bound to.

    Attributes:
        tree: the tree id that `resolved` would have.
        files: a digest of which files of people it changes, from what to what.
        packages: a digest of which artifacts it brings to which Applications.
    """

    tree: str
    files: str
    packages: str


def parse_fingerprint(description: str) -> PlanFingerprint | None:
    """What a plan's mark binds approvals to."""
    found = _BOUND.search(description)
    return PlanFingerprint(found[3], found[1], found[2]) if found and found.end() == len(description) else None
