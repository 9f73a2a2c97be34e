"""Commit statuses of a forge, and the contexts under which the reconciler posts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SCORE_CONTEXT: Final = "re-score"

RESOLVED_CONTEXT: Final = "catalyst/resolved"

READY_CONTEXT: Final = "catalyst/ready"

PLAN_CONTEXT: Final = "catalyst/plan"

POLICY_CONTEXT: Final = "catalyst/policy"


@dataclass(frozen=True)
class CommitStatus:
    """A commit status: its state, as the forge names it, and a one-line description for people."""

    state: Literal["pending", "success", "failure"]
    description: str
