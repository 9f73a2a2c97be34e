"""Reads a HelmRelease into the facts that the assessment uses. Reading raises nothing, whatever shape the object has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.model.canonical import release_digest
from reconciler.model.labels import ENTRY_ANNOTATION, MANAGED_BY
from reconciler.model.plain_data import mapping

FluxCondition = Mapping[str, Any]

_STATUSES: Final = frozenset({"True", "False", "Unknown"})
_OURS: Final = tuple(MANAGED_BY.items())


@dataclass(frozen=True, slots=True)
class HelmReleaseFacts:
    """The facts of a HelmRelease.

    Attributes:
        ours: the reconciler wrote it: its label and its annotation are present.
        entry: the annotation's value.
        uid: its uid.
        deleted: it is being deleted.
        suspended: Flux does not reconcile it.
        generation: of its spec; None when it is missing.
        observed: the generation that helm-controller reconciled last; None when it is missing.
        well_formed: its conditions are well-formed, and each type occurs once.
        conditions: by type; of a type that occurs twice, the last.
        newest: the newest entry of its history; None when there is no history, empty when that entry is malformed.
        digest: digest over all of it that decides what Flux makes of it (`model.canonical.release_digest`).
        last_attempted_config: digest of the values last attempted.
        attempted_chart: version of the chart last attempted.
        attempted_artifact: digest of the artifact last attempted.
    """

    ours: bool
    entry: str | None
    uid: str | None
    deleted: bool
    suspended: bool
    generation: int | None
    observed: int | None
    well_formed: bool
    conditions: Mapping[str, FluxCondition]
    newest: Mapping[str, Any] | None
    digest: str
    last_attempted_config: str | None
    attempted_chart: str | None
    attempted_artifact: str | None


def read_helm_release(release: Mapping[str, Any]) -> HelmReleaseFacts:
    """Reads a HelmRelease as the Kubernetes API returns it, or its projection by `adapters.kubernetes`, which has `digest`."""
    metadata, status = mapping(release.get("metadata")), mapping(release.get("status"))
    labels, annotations = mapping(metadata.get("labels")), mapping(metadata.get("annotations"))
    reported = status.get("conditions") or ()
    conditions: dict[str, FluxCondition] = {}
    for condition in reported if isinstance(reported, list) else ():
        condition_type = text_field(mapping(condition), "type")
        if condition_type and text_field(condition, "status") in _STATUSES:
            conditions[condition_type] = condition
    history = status.get("history")
    newest = mapping(history[0]) if isinstance(history, list) and history else None
    entry = annotations.get(ENTRY_ANNOTATION)
    return HelmReleaseFacts(
        ours=entry is not None and all(labels.get(k) == v for k, v in _OURS),
        entry=entry if isinstance(entry, str) else None,
        uid=text_field(metadata, "uid") or None,
        deleted=bool(metadata.get("deletionTimestamp")),
        suspended=bool(mapping(release.get("spec")).get("suspend")),
        generation=_integer(metadata.get("generation")),
        observed=_integer(status.get("observedGeneration")),
        well_formed=(isinstance(reported, list) or not reported) and len(conditions) == len(reported),
        conditions=conditions,
        newest=newest,
        digest=text_field(release, "digest") or release_digest(release),
        last_attempted_config=text_field(status, "lastAttemptedConfigDigest") or None,
        attempted_chart=text_field(status, "lastAttemptedRevision") or None,
        attempted_artifact=text_field(status, "lastAttemptedRevisionDigest") or None,
    )


def text_field(part: Mapping[str, Any], key: str) -> str:
    """Returns the string at a key, or an empty one."""
    value = part.get(key)
    return value if isinstance(value, str) else ""


def _integer(value: Any) -> int | None:
    return value if type(value) is int else None
