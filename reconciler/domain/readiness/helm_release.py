"""A HelmRelease read once, into the facts that readiness asks for. Whatever shape it has, reading it raises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.model.canonical import release_spec_digest
from reconciler.model.labels import ENTRY_ANNOTATION, MANAGED_BY

FluxCondition = Mapping[str, Any]

_STATUSES: Final = frozenset({"True", "False", "Unknown"})
_OURS: Final = tuple(MANAGED_BY.items())
_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class HelmReleaseFacts:
    """What a HelmRelease says.

    Attributes:
        ours: the reconciler wrote it: its label and its annotation are there.
        entry: the annotation's value.
        uid: its uid.
        deleted: it is being deleted.
        suspended: Flux does nothing for it.
        generation: of its spec; None when it does not say.
        observed: the generation that helm-controller acted on; None when it does not say.
        well_formed: its conditions are conditions, and each type stands once.
        conditions: by type; of a doubled type the last.
        newest: the newest entry of its history; None when there is no history, empty when that entry is none.
        runs: digest over what its spec makes run (`model.canonical.runs_of`).
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
    runs: str
    last_attempted_config: str | None
    attempted_chart: str | None
    attempted_artifact: str | None


def read_helm_release(release: Mapping[str, Any]) -> HelmReleaseFacts:
    """Reads a HelmRelease as the Kubernetes API gives it, or its projection by `adapters.kubernetes`, which has `runs`."""
    metadata, status = mapping(release.get("metadata")), mapping(release.get("status"))
    labels, annotations = mapping(metadata.get("labels")), mapping(metadata.get("annotations"))
    given = status.get("conditions") or ()
    conditions: dict[str, FluxCondition] = {}
    for one in given if isinstance(given, list) else ():
        kind = text_field(mapping(one), "type")
        if kind and text_field(one, "status") in _STATUSES:
            conditions[kind] = one
    history = status.get("history")
    newest = mapping(history[0]) if isinstance(history, list) and history else None
    entry = annotations.get(ENTRY_ANNOTATION)
    return HelmReleaseFacts(
        ours=entry is not None and all(labels.get(k) == v for k, v in _OURS),
        entry=entry if isinstance(entry, str) else None,
        uid=text_field(metadata, "uid") or None,
        deleted=bool(metadata.get("deletionTimestamp")),
        suspended=bool(mapping(release.get("spec")).get("suspend")),
        generation=_whole(metadata.get("generation")),
        observed=_whole(status.get("observedGeneration")),
        well_formed=(isinstance(given, list) or not given) and len(conditions) == len(given),
        conditions=conditions,
        newest=newest,
        runs=text_field(release, "runs") or release_spec_digest(mapping(release.get("spec"))),
        last_attempted_config=text_field(status, "lastAttemptedConfigDigest") or None,
        attempted_chart=text_field(status, "lastAttemptedRevision") or None,
        attempted_artifact=text_field(status, "lastAttemptedRevisionDigest") or None,
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if type(value) is dict or isinstance(value, Mapping) else _NOTHING


def text_field(part: Mapping[str, Any], key: str) -> str:
    """The string at a key, or an empty one."""
    value = part.get(key)
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None
