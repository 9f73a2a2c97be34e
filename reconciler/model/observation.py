"""The observed state of a HelmRelease on a cluster, or the reason why it could not be observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# The reasons why a cluster cannot be observed: rows 1 to 4 of the readiness rules.
FailureReason = Literal["KubeconfigMissing", "WatchFailed", "AccessDenied", "FluxMissing"]


@dataclass(frozen=True)
class Failure:
    """The reason why a cluster could not be observed, and the message of the failure."""

    reason: FailureReason
    message: str


@dataclass(frozen=True)
class Observation:
    """An observation of one HelmRelease.

    Attributes:
        failure: why the cluster could not be observed; None when it was observed.
        listed: whether a first list has completed since observation began.
        age: seconds since the cluster's responses were last known to be current, by the monotonic clock.
        release: the HelmRelease as the Kubernetes API returned it, or the fields that readiness needs; None when it is absent.
        unreadable: why the HelmRelease, which exists, cannot be read; empty when it can.
        shared_with: the cluster of another placement on which the same object was observed, by its uid; empty when there is none.
    """

    failure: Failure | None = None
    listed: bool = False
    age: float = 0.0
    release: Mapping[str, Any] | None = None
    unreadable: str = ""
    shared_with: str = ""
