"""How little of a HelmRelease is kept: a thousand must fit in memory, and a cluster must not be able to fill it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, Final

from reconciler.model.canonical import release_spec_digest

MAX_PROJECTED_TEXT: Final = 2_000
"""Characters kept of one text of a condition; more than any message of ours quotes."""

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
"""A HelmRelease in the shape the Kubernetes API gives it, with the parts that readiness needs. Never changed once made."""
Releases = dict[Key, ReleaseObject]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch.

    Attributes:
        version: the resourceVersion after it, from which a watch goes on.
        key: which HelmRelease; None when the event only tells how far the watch is (a bookmark).
        release: what it is now; None when it is gone.
    """

    version: str
    key: Key | None = None
    release: ReleaseObject | None = None


def project(item: Mapping[str, Any]) -> tuple[Key, ReleaseObject]:
    """A HelmRelease's namespace and name, and the parts of it that readiness needs.

    Raises:
        KeyError, TypeError: it has no name.
    """
    metadata, status = item["metadata"], mapping(item.get("status"))
    kept = {k: metadata[k] for k in ("uid", "generation", "deletionTimestamp") if k in metadata}
    for words in ("labels", "annotations"):
        ours = {k: v for k, v in mapping(metadata.get(words)).items() if "openova.io/" in k or "managed-by" in k}
        kept[words] = {intern(k): v for k, v in ours.items()}
    seen = {k: status[k] for k in _STATUS if k in status}
    if isinstance(seen.get("conditions"), list):
        seen["conditions"] = [_condition(c) for c in seen["conditions"]]
    history = status.get("history")
    if isinstance(history, list) and history:
        latest = mapping(history[0])
        seen["history"] = [{k: latest[k] for k in ("status", "ociDigest", "chartVersion", "configDigest") if k in latest}]
    spec = mapping(item.get("spec"))
    # Of the spec a digest is enough: it is compared with that of the spec that the lock makes.
    release = {
        "metadata": kept,
        "spec": {"suspend": spec.get("suspend", False)},
        "runs": release_spec_digest(spec),
        "status": seen,
    }
    return (metadata["namespace"], metadata["name"]), release


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _condition(condition: Any) -> Any:
    """A condition with its texts cut; what is none stays none, so that it is judged as such."""
    if not isinstance(condition, dict):
        return None
    return {intern(k): _text(v) if isinstance(v, str) else v for k, v in condition.items()}


def _text(text: str) -> str:
    """A text cut to a bound; short ones are words that a thousand HelmReleases have in common."""
    return intern(text) if len(text) < 32 else text[:MAX_PROJECTED_TEXT]  # noqa: PLR2004 - a guess at what a word is
