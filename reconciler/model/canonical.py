"""Digests over data: equal meaning, equal digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest_of(data: Any) -> str:
    """The sha256 digest of plain data in canonical JSON (sorted keys, no blanks), as `sha256:<hex>`."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


# What of a HelmRelease's spec decides what runs. Its other fields say when and how patiently.
_RUNS = (
    "chart",
    "chartRef",
    "commonMetadata",
    "kubeConfig",
    "postRenderers",
    "releaseName",
    "serviceAccountName",
    "storageNamespace",
    "targetNamespace",
    "values",
    "valuesFrom",
)


def release_spec_digest(spec: Mapping[str, Any]) -> str:
    """A digest over what a HelmRelease's spec makes run, alike for what we render and for what an API server gives back.

    On its way through YAML and Go a whole float becomes an integer, and fields of the spec that are null or empty may come or go.
    In values they stay: to Helm a null takes a default of the chart away.
    """
    return digest_of({key: plain for key in _RUNS if (plain := _plain(spec.get(key))) not in (None, {}, [])})


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and data.is_integer():
        return int(data)
    return data
