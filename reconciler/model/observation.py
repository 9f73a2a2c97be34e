"""What was seen of one HelmRelease on one cluster, or why nothing could be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Why a cluster cannot be looked at: rows 1 to 4 of readiness.md.
FailureReason = Literal["KubeconfigMissing", "WatchFailed", "AccessDenied", "FluxMissing"]


@dataclass(frozen=True)
class Failure:
    """A reason why a cluster could not be looked at, and what it said."""

    reason: FailureReason
    message: str


@dataclass(frozen=True)
class Observation:
    """A look at one HelmRelease.

    Attributes:
        failure: why the cluster could not be looked at; None when it could.
        listed: whether a first list was complete since observing began.
        age: seconds since the cluster's answers were last known good, by the monotonic clock.
        release: the HelmRelease as the Kubernetes API gave it, or what of it readiness needs; None when it is absent.
    """

    failure: Failure | None = None
    listed: bool = False
    age: float = 0.0
    release: Mapping[str, Any] | None = None
