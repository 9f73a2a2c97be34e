"""Computes digests over data; data of equal meaning has equal digests."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from reconciler.model.plain_data import mapping


def digest_of(data: Any) -> str:
    """Returns the sha256 digest of plain data in canonical JSON (sorted keys, no whitespace), as `sha256:<hex>`."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


_EXACT: Final = 2**53  # from here on not every integer is a float64
_LARGEST: Final = int(sys.float_info.max)

# Fields of a HelmRelease's spec that change neither what runs nor what its conditions mean.
_HARMLESS_FIELDS: Final = frozenset({"maxHistory", "persistentClient"})

# Labels and annotations in Flux's domains by which it knows what it applied, or by which people ask it to look again.
_HARMLESS_KEYS: Final = frozenset(
    {
        "kustomize.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/namespace",
        "reconcile.fluxcd.io/forceAt",
        "reconcile.fluxcd.io/requestedAt",
        "reconcile.fluxcd.io/resetAt",
    }
)
_FLUX_DOMAIN: Final = "fluxcd.io"

API_DEFAULTS: Final[Mapping[tuple[str, ...], Any]] = {
    ("chart", "spec", "reconcileStrategy"): "ChartVersion",
    ("chart", "spec", "verify", "provider"): "cosign",
    ("chart", "spec", "version"): "*",
    ("uninstall", "deletionPropagation"): "background",
}
"""The fields of a HelmRelease's spec that the API server fills in where their parent exists: the defaults of Flux's CRD."""


def release_digest(release: Mapping[str, Any]) -> str:
    """Returns the digest over all of a HelmRelease that decides what Flux does: its spec, and Flux's labels and annotations.

    It is equal for a release that was rendered and for the same one as an API server returns it. The server fills in defaults;
    YAML and Go turn a float without a fraction into an integer, and may add or drop fields of the spec that are null or empty. In
    `values` null and empty fields are part of the digest: in Helm a null removes a default of the chart. Whatever is not known to
    be harmless counts.
    """
    metadata = mapping(release.get("metadata"))
    return digest_of(
        {
            "spec": _spec(mapping(release.get("spec"))),
            **{field: keys for field in ("labels", "annotations") if (keys := _flux_keys(mapping(metadata.get(field))))},
        }
    )


def is_harmless(key: str) -> bool:
    """Returns whether a label or annotation changes nothing that Flux does; those of other domains do not."""
    return key in _HARMLESS_KEYS or not key.partition("/")[0].endswith(_FLUX_DOMAIN)


def _flux_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if not is_harmless(key)}


def _spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: _plain(value) for key, value in spec.items() if key not in _HARMLESS_FIELDS}
    for (*parents, last), default in API_DEFAULTS.items():
        parent: Any = plain
        for step in parents:
            parent = parent.get(step) if isinstance(parent, dict) else None
        if isinstance(parent, dict):
            parent.setdefault(last, default)
    if plain.get("suspend") is False:
        del plain["suspend"]
    return {key: value for key, value in plain.items() if value not in (None, {}, [])}


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, int) and _EXACT <= abs(data) <= _LARGEST:
        return int(float(data))  # Go writes a large float64 with the fewest digits that name it, and zeros for the rest
    return data
