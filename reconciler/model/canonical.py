"""Computes digests over data; data of equal meaning has equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest_of(data: Any) -> str:
    """Returns the sha256 digest of plain data in canonical JSON (sorted keys, no whitespace), as `sha256:<hex>`."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


# The fields of a HelmRelease's spec that determine the running workload. The others set intervals, time-outs and retries.
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
    """Returns the digest over the fields of a HelmRelease's spec that determine the running workload.

    It is equal for the spec that the reconciler renders and for the one that an API server returns. YAML and Go turn a float
    without a fraction into an integer, and may add or drop fields of the spec that are null or empty. In `values` null and empty
    fields are part of the digest: in Helm a null removes a default of the chart.
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
