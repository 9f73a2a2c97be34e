"""Assesses how far a removal is on a cluster: a release is gone only when a fresh and complete list does not contain it.

One that nobody saw there may still come: Flux may be applying an earlier commit. Its Namespace would then be pruned with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.domain.readiness.assessment import MAX_MESSAGE, MAX_REASON, UNOBSERVED_REASONS, bounded, unobserved
from reconciler.domain.readiness.helm_release import read_helm_release, text_field

if TYPE_CHECKING:
    from reconciler.model.lock import Removal
    from reconciler.model.observation import Observation

UNSEEN: Final = frozenset({"AwaitingApply", *UNOBSERVED_REASONS})
"""The reasons with which a status tells that the HelmRelease was not seen. With any other it was seen: it may be Helm's word."""


@dataclass(frozen=True, slots=True)
class RemovalProgress:
    """How far a removal is on one cluster.

    Attributes:
        is_gone: whether the HelmRelease was observed to be absent.
        reason: a stable identifier for programs.
        message: what is waited for, and Helm's words when it hangs.
    """

    is_gone: bool
    reason: str
    message: str


def assess_removal(
    removal: Removal, cluster: str, observation: Observation, *, stale_after: float, may_come: bool
) -> RemovalProgress:
    """Assesses a removal on one of its clusters.

    Args:
        removal: the removal.
        cluster: the cluster.
        observation: the last observation of its HelmRelease.
        stale_after: seconds after which an observation no longer counts.
        may_come: whether Flux may still apply an earlier commit that has the HelmRelease: it was not seen since it is removed.
    """
    reason, message = _pending(removal, cluster, observation, stale_after, may_come=may_come) or ("Gone", "")
    return RemovalProgress(reason == "Gone", bounded(reason, MAX_REASON), bounded(message, MAX_MESSAGE))


def _pending(
    removal: Removal, cluster: str, observation: Observation, stale_after: float, *, may_come: bool
) -> tuple[str, str] | None:
    """Returns why a release is not known to be gone: a reason and a message; None when it is gone."""
    unseen = unobserved(cluster, observation, stale_after)
    name = f"{removal.flux_namespace}/{removal.object_name}"
    if unseen is not None:
        return unseen.reason, unseen.message
    if observation.unreadable:
        return "Unreadable", f"the HelmRelease {name} on {cluster} cannot be read: {observation.unreadable}; see who wrote it"
    if observation.release is None:
        never = f"the HelmRelease {name} is not on {cluster}; Flux may still be applying an earlier commit that has it"
        return ("AwaitingApply", never) if may_come else None
    facts = read_helm_release(observation.release)
    if not facts.deleted:
        return "AwaitingPrune", f"Flux has not deleted the HelmRelease {name} on {cluster} yet"
    ready = facts.conditions.get("Ready", {})
    if ready.get("status") == "False" and text_field(ready, "message"):
        return text_field(ready, "reason") or "NotReady", text_field(ready, "message")
    return "Uninstalling", f"Helm is uninstalling {name} on {cluster}"
