"""Parses OCI manifests and descriptors strictly from bytes (OCI image specification 1.1).

`what` in each function names the thing in messages.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reconciler.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST_LIMIT: Final = 4 << 20  # bytes: what the distribution specification asks registries to accept
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Descriptor:
    """The description of other content in a manifest.

    Attributes:
        media_type: the media type; empty when the manifest gives none.
        digest: `sha256:` and 64 hexadecimal digits.
        size: bytes.
        artifact_type: the kind of artifact of a referrer; often empty.
        annotations: unsigned, and never a base for trust.
    """

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """An image manifest, read by digest.

    Attributes:
        digest: the digest of `raw`.
        raw: the bytes as the registry stores them.
        media_type: of the manifest.
        artifact_type: `artifactType`, else the media type of the config, as the specification requires.
        config: the config blob.
        layers: in order.
        annotations: of the manifest.
    """

    digest: str
    raw: bytes
    media_type: str
    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


def digest_of_bytes(data: bytes) -> str:
    """Returns the digest of bytes: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def describe(data: bytes, media_type: str) -> Descriptor:
    """Returns the descriptor of bytes."""
    return Descriptor(media_type, digest_of_bytes(data), len(data))


def document(raw: bytes, what: str) -> dict[str, Any]:
    """Decodes a JSON object; IntegrityError for anything else."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{what}: not JSON") from error
    if not isinstance(value, dict):
        raise IntegrityError(f"{what}: not a JSON object")
    return value


def list_field(table: Mapping[str, Any], key: str, what: str) -> list[Any]:
    """Returns the list under a key, empty when the key is missing; IntegrityError for anything but a list."""
    value = table.get(key) or []
    if not isinstance(value, list):
        raise IntegrityError(f"{what}: `{key}` is not a list")
    return value


def parse_manifest(raw: bytes, digest: str, what: str) -> Manifest:
    """Parses an image manifest whose bytes have been checked against `digest`; IntegrityError for anything else."""
    table = document(raw, what)
    media_type = table.get("mediaType") or MANIFEST_TYPE  # optional in OCI manifests
    if media_type not in (MANIFEST_TYPE, DOCKER_MANIFEST_TYPE) or "manifests" in table:
        raise IntegrityError(f"{what}: not an image manifest", "push an artifact for one platform, not an index of several")
    config = parse_descriptor(table.get("config"), what)
    artifact_type = table.get("artifactType")
    return Manifest(
        digest=digest,
        raw=raw,
        media_type=media_type,
        artifact_type=artifact_type if isinstance(artifact_type, str) and artifact_type else config.media_type,
        config=config,
        layers=tuple(parse_descriptor(layer, what) for layer in list_field(table, "layers", what)),
        annotations=_annotations(table),
    )


def parse_descriptor(entry: object, what: str) -> Descriptor:
    """Parses one descriptor; IntegrityError when it has no sha256 digest or no size."""
    if not isinstance(entry, dict):
        raise IntegrityError(f"{what}: a descriptor is missing or not an object")
    digest, size = entry.get("digest"), entry.get("size")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise IntegrityError(f"{what}: a descriptor has no sha256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise IntegrityError(f"{what}: a descriptor has no size")
    return Descriptor(
        media_type=_text(entry.get("mediaType")),
        digest=digest,
        size=size,
        artifact_type=_text(entry.get("artifactType")),
        annotations=_annotations(entry),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _annotations(entry: Mapping[str, Any]) -> dict[str, str]:
    annotations = entry.get("annotations")
    pairs = annotations.items() if isinstance(annotations, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}
