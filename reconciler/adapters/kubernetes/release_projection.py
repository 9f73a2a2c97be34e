"""Reduces a HelmRelease to the parts that readiness needs: a thousand must fit in memory, and a cluster must not fill it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, Final

from reconciler.model.canonical import release_spec_digest
from reconciler.model.plain_data import mapping

MAX_PROJECTED_TEXT: Final = 2_000
"""Characters stored of one text of a condition; more than any message of the reconciler quotes."""

_STATUS: Final = (
    "observedGeneration",
    "conditions",
    "lastAttemptedConfigDigest",
    "lastAttemptedRevision",
    "lastAttemptedRevisionDigest",
)

Key = tuple[str, str]
"""A HelmRelease's namespace and name."""
ReleaseObject = Mapping[str, Any]
"""A HelmRelease in the shape of the Kubernetes API, with the parts that readiness needs. Immutable by convention."""
Releases = dict[Key, ReleaseObject]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch.

    Attributes:
        version: the resourceVersion after it, from which a watch continues.
        key: the HelmRelease's namespace and name; None for a bookmark, which only reports the progress of the watch.
        release: its current state; None when it was deleted.
    """

    version: str
    key: Key | None = None
    release: ReleaseObject | None = None


def project(item: Mapping[str, Any]) -> tuple[Key, ReleaseObject]:
    """Returns a HelmRelease's namespace and name, and the parts of it that readiness needs.

    Raises:
        KeyError, TypeError: it has no name.
    """
    metadata, status = item["metadata"], mapping(item.get("status"))
    projected_metadata = {key: metadata[key] for key in ("uid", "generation", "deletionTimestamp") if key in metadata}
    for field in ("labels", "annotations"):
        relevant = {
            key: value for key, value in mapping(metadata.get(field)).items() if "openova.io/" in key or "managed-by" in key
        }
        projected_metadata[field] = {intern(key): value for key, value in relevant.items()}
    projected_status = {key: status[key] for key in _STATUS if key in status}
    if isinstance(projected_status.get("conditions"), list):
        projected_status["conditions"] = [_condition(condition) for condition in projected_status["conditions"]]
    history = status.get("history")
    if isinstance(history, list) and history:
        latest = mapping(history[0])
        projected_status["history"] = [
            {key: latest[key] for key in ("status", "ociDigest", "chartVersion", "configDigest") if key in latest}
        ]
    spec = mapping(item.get("spec"))
    # A digest of the spec is enough: it is compared with that of the spec that the lock renders.
    release = {
        "metadata": projected_metadata,
        "spec": {"suspend": spec.get("suspend", False)},
        "runs": release_spec_digest(spec),
        "status": projected_status,
    }
    return (metadata["namespace"], metadata["name"]), release


def _condition(condition: Any) -> Any:
    """Returns a condition with its texts cut; None for a malformed one, so that it is assessed as malformed."""
    if not isinstance(condition, dict):
        return None
    return {intern(k): _text(v) if isinstance(v, str) else v for k, v in condition.items()}


def _text(text: str) -> str:
    """Cuts a text to the limit; short texts are interned, because a thousand HelmReleases have them in common."""
    return intern(text) if len(text) < 32 else text[:MAX_PROJECTED_TEXT]  # noqa: PLR2004 - an estimate of the longest common word
