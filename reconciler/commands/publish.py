"""Publishing: a catalog folder becomes a signed OCI artifact that Helm, Flux and the reconciler read.

A published version never changes: its tag is written once, and publishing the same folder again finds everything done.
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
        """Whether its registry is spoken to without TLS."""

    def push_blob(self, repository: str, data: bytes, media_type: str) -> Descriptor:
        """Upload content, if it is not there."""

    def push_manifest(self, repository: str, raw: bytes, media_type: str, tag: str | None) -> str:
        """Upload a manifest under its digest, which is returned, or under a tag too."""


class ArtifactSigner(SignatureVerifier, Protocol):
    """The calls to cosign that publishing needs; `adapters.cosign.runner.Cosign` in production."""

    def public_key(self, key: Path, password: str) -> str:
        """The public key of a private one, as PEM."""

    def sign(self, reference: str, key: Path, *, password: str, plain_http: bool) -> None:
        """Sign an artifact, named by its digest."""


@dataclass(frozen=True)
class SigningKey:
    """Who signs.

    Attributes:
        key: the private key file.
        password: of the key file.
        public_key: PEM; tells whether an artifact is signed by this key already.
    """

    key: Path
    password: str = field(repr=False)
    public_key: str

    @classmethod
    def load(cls, cosign: ArtifactSigner, key: Path, password: str) -> SigningKey:
        """Read a private key file. Takes a third of a second, as signing does: the key is encrypted slowly by design."""
        return cls(key, password, cosign.public_key(key, password))


@dataclass(frozen=True)
class Published:
    """What publishing one folder came to.

    Attributes:
        reference: `host/path/bp-name@sha256:...`.
        digest: the artifact's.
        pushed: whether this call wrote the tag; False when it was there with the same content.
        signed: whether this call added a signature; False when one by this key was there, or nobody signs.
        signature: digest of the manifest that holds the signature; None when nobody signs.
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
        directory: the folder; its documents have been validated by the caller.
        name: the Blueprint's full name, `bp-...`.
        version: the Blueprint's; equal to the chart's.
        chart: `chart/Chart.yaml`, decoded.
        prefix: where to, `host/path`.
        registry: that host's.
        cosign: the program that signs.
        signer: whose signature to add; None leaves the artifact unsigned, and so not installable.

    Raises:
        RejectedError: this version is published with other content.
        Missing, Corrupt: the folder (`formats.helm_archive`).
        Unavailable, Denied, Misconfigured: the registry or cosign.
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

    Source: Helm's OCI artifacts (config: Chart.yaml as JSON; layer: the archive). Helm and Flux choose the chart's layer
    by its media type and do not mind another one. Equal content gives an equal digest: no times, keys sorted.

    Raises:
        RejectedError: the tag is taken by other content. (Two publishers at the same moment are not told apart: registries
            have no conditional write.)
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
    """Sign unless it is signed by that key; return whether a signature was added, and where it is, read back."""
    holder = Signer("publisher", key=signer.public_key)
    before = fetch_signatures(registry, repository, digest).find_signature_by(cosign, holder)
    if before is not None:
        return False, before
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
