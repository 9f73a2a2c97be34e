"""Reduces a HelmRelease to the parts that readiness needs: a thousand must fit in memory, and a cluster must not fill it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, Final

from reconciler.model.canonical import release_digest
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

UNREADABLE: Final[ReleaseObject] = {"unreadable": "it is nested too deeply to be read"}
"""Takes the place of a HelmRelease that cannot be read."""


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

    One that is nested too deeply to be read is `unreadable`.

    Raises:
        KeyError, TypeError: it has no name.
    """
    key = (item["metadata"]["namespace"], item["metadata"]["name"])
    try:
        return key, _projected(item)
    except RecursionError:
        return key, UNREADABLE


def _projected(item: Mapping[str, Any]) -> ReleaseObject:
    metadata, status = item["metadata"], mapping(item.get("status"))
    projected_metadata = {key: _scalar(metadata[key]) for key in ("uid", "generation", "deletionTimestamp") if key in metadata}
    for field in ("labels", "annotations"):
        relevant = {
            key: value for key, value in mapping(metadata.get(field)).items() if "openova.io/" in key or "managed-by" in key
        }
        projected_metadata[field] = {intern(key): _scalar(value) for key, value in relevant.items()}
    projected_status = {key: _scalar(status[key]) for key in _STATUS if key in status}
    if isinstance(status.get("conditions"), list):
        projected_status["conditions"] = [_condition(condition) for condition in status["conditions"]]
    history = status.get("history")
    if isinstance(history, list) and history:
        latest = mapping(history[0])
        projected_status["history"] = [
            {key: _scalar(latest[key]) for key in ("status", "ociDigest", "chartVersion", "configDigest") if key in latest}
        ]
    spec = mapping(item.get("spec"))
    # A digest is enough: it is compared with that of the resolved commit's file.
    return {
        "metadata": projected_metadata,
        "spec": {"suspend": _scalar(spec.get("suspend", False))},
        "digest": release_digest(item),
        "status": projected_status,
    }


def _condition(condition: Any) -> Any:
    """Returns a condition with its texts cut; None for a malformed one, so that it is assessed as malformed."""
    if not isinstance(condition, dict):
        return None
    return {intern(key): _scalar(value) for key, value in condition.items()}


def _scalar(value: Any) -> Any:
    """Returns a value that must be a scalar, texts cut to the limit; the word `malformed` for a list or a mapping.

    Nothing that is nested is stored: comparing it could fail. Short texts are interned, because a thousand HelmReleases have them
    in common.
    """
    if isinstance(value, str):
        return intern(value) if len(value) < 32 else value[:MAX_PROJECTED_TEXT]  # noqa: PLR2004 - an estimate of the longest common word
    return "malformed" if isinstance(value, list | dict) else value
