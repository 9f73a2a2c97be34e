"""Publishes a catalog folder as a signed OCI artifact that Helm, Flux and the reconciler read.

A published version never changes: its tag is written once, and publishing the same folder again changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.adapters.chart_packager import pack_chart
from reconciler.formats.oci_manifest import MANIFEST_TYPE, describe, digest_of_bytes
from reconciler.model.artifact import BLUEPRINT_TYPE, CHART_TYPE, CONFIG_TYPE
from reconciler.model.errors import NotFoundError, RejectedError
from reconciler.model.trust import Signer
from reconciler.services.verification.ports import ArtifactRegistry
from reconciler.services.verification.signatures import SignatureVerifier, fetch_signatures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.formats.oci_manifest import Descriptor


class ArtifactUploader(ArtifactRegistry, Protocol):
    """The calls to the registry that publishing needs; `adapters.registry.client.Registry` in production."""

    def is_plain_http(self, repository: str) -> bool:
        """Whether the repository's registry is reached without TLS."""

    def push_blob(self, repository: str, data: bytes, media_type: str) -> Descriptor:
        """Upload content, unless the registry has it already."""

    def push_manifest(self, repository: str, raw: bytes, media_type: str, tag: str | None) -> str:
        """Upload a manifest by its digest, and by a tag where one is given; return the digest."""


class ArtifactSigner(SignatureVerifier, Protocol):
    """The calls to cosign that publishing needs; `adapters.cosign.runner.Cosign` in production."""

    def public_key(self, key: Path, password: str) -> str:
        """The public key of a private one, as PEM."""

    def sign(self, reference: str, key: Path, *, password: str, plain_http: bool) -> None:
        """Sign an artifact, named by its digest."""


@dataclass(frozen=True)
class SigningKey:
    """The key that signs.

    Attributes:
        key: the private key file.
        password: the password of the key file.
        public_key: PEM; verifies whether an artifact is signed by this key already.
    """

    key: Path
    password: str = field(repr=False)
    public_key: str

    @classmethod
    def load(cls, cosign: ArtifactSigner, key: Path, password: str) -> SigningKey:
        """Read a private key file. Takes a third of a second, as signing does: decrypting the key is slow by design."""
        return cls(key, password, cosign.public_key(key, password))


@dataclass(frozen=True)
class Published:
    """The result of publishing one folder.

    Attributes:
        reference: `host/path/bp-name@sha256:...`.
        digest: the artifact's digest.
        pushed: whether this call wrote the tag; False when it existed with the same content.
        signed: whether this call added a signature; False when one by this key existed, or without a signer.
        signature: digest of the manifest that contains the signature; None without a signer.
    """

    reference: str
    digest: str
    pushed: bool
    signed: bool
    signature: str | None


def publish(
    directory: Path,
    *,
    name: str,
    version: str,
    chart: Mapping[str, Any],
    prefix: str,
    registry: ArtifactUploader,
    cosign: ArtifactSigner,
    signer: SigningKey | None,
) -> Published:
    """Publish a catalog folder `{blueprint.yaml, chart/}` as `<prefix>/<name>:<version>`, and sign it.

    Args:
        directory: the folder; the caller has validated its documents.
        name: the Blueprint's full name, `bp-...`.
        version: the Blueprint's version, equal to the chart's.
        chart: `chart/Chart.yaml`, decoded.
        prefix: the catalog, `host/path`.
        registry: the client of that host.
        cosign: the program that signs.
        signer: the key that signs; None leaves the artifact unsigned, and so not installable.

    Raises:
        RejectedError: this version is published with other content.
        NotFoundError, IntegrityError: the folder is incomplete or malformed (`formats.helm_archive`).
        UnavailableError, AccessDeniedError, ConfigurationError: the registry or cosign failed.
    """
    try:
        blueprint = (directory / "blueprint.yaml").read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no {directory / 'blueprint.yaml'}") from error
    repository = f"{prefix}/{name}"
    archive = pack_chart(directory / "chart", str(chart["name"]))
    digest, pushed = push_artifact(registry, repository, version, chart=chart, archive=archive, blueprint=blueprint)
    signed, signature = _sign(registry, cosign, repository, digest, signer) if signer else (False, None)
    return Published(f"{repository}@{digest}", digest, pushed, signed, signature)


def push_artifact(
    registry: ArtifactUploader, repository: str, version: str, *, chart: Mapping[str, Any], archive: bytes, blueprint: bytes
) -> tuple[str, bool]:
    """Push a Helm OCI artifact with the Blueprint as a second layer; return its digest and whether it was pushed.

    Source: Helm's OCI artifacts (config: Chart.yaml as JSON; layer: the archive). Helm and Flux choose the chart's layer by its
    media type and ignore other layers. Equal content gives an equal digest: no times, keys sorted.

    Raises:
        RejectedError: the tag has other content. (Two simultaneous publishers are not detected: registries have no conditional
            write.)
    """
    contents = [(_json(chart), CONFIG_TYPE), (archive, CHART_TYPE), (blueprint, BLUEPRINT_TYPE)]
    raw = _manifest(contents)
    try:
        published = registry.resolve(repository, version)
    except NotFoundError:
        for data, media_type in contents:
            registry.push_blob(repository, data, media_type)
        return registry.push_manifest(repository, raw, MANIFEST_TYPE, version), True
    if published != digest_of_bytes(raw):
        raise RejectedError(
            f"{repository}:{version} is already published with other content",
            "versions are immutable: raise the version in blueprint.yaml and Chart.yaml",
        )
    return published, False


def _sign(
    registry: ArtifactUploader, cosign: ArtifactSigner, repository: str, digest: str, signer: SigningKey
) -> tuple[bool, str | None]:
    """Sign unless a signature by that key exists; return whether one was added, and its manifest's digest as read back."""
    holder = Signer("publisher", key=signer.public_key)
    existing = fetch_signatures(registry, repository, digest).find_signature_by(cosign, holder)
    if existing is not None:
        return False, existing
    plain_http = registry.is_plain_http(repository)
    cosign.sign(f"{repository}@{digest}", signer.key, password=signer.password, plain_http=plain_http)
    signatures = fetch_signatures(registry, repository, digest)
    proof = signatures.find_signature_by(cosign, holder)
    if proof is None:
        raise signatures.why_untrusted()
    return True, proof


def _manifest(contents: list[tuple[bytes, str]]) -> bytes:
    """The manifest of a config and its layers."""
    config, *layers = [
        {"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size}
        for blob in (describe(data, media_type) for data, media_type in contents)
    ]
    return _json({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers})


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
