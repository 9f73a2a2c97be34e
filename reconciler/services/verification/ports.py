"""The calls to registries, to the blob cache and to cosign that verifying an artifact needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from reconciler.formats.oci_manifest import Descriptor, Manifest


class ArtifactReader(Protocol):
    """Reads manifests and blobs by digest; every method may raise a ReconcilerError."""

    def resolve(self, repository: str, tag: str) -> str:
        """The digest that a tag names now."""

    def manifest(self, repository: str, digest: str) -> Manifest:
        """A manifest, whose bytes have this digest."""

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content of a blob, whose bytes have its digest and its size; one above the limit is refused."""


class ArtifactRegistry(ArtifactReader, Protocol):
    """The registries without their mirrors; `adapters.registry.client.Registry` in production."""

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """The manifests that refer to a digest: signatures and attestations."""

    def shared_deadline(self) -> AbstractContextManager[None]:
        """A context in which all requests together must end within one time-out."""


class MirroredArtifacts(ArtifactReader, Protocol):
    """The registries with their mirrors; `adapters.registry.mirrors.MirroredRegistry` in production."""

    @property
    def registry(self) -> ArtifactRegistry:
        """The registries without their mirrors."""

    def locations(self, repository: str) -> tuple[str, ...]:
        """Where a repository can be read from: its mirrors, then itself."""

    def tags(self, repository: str) -> tuple[str, ...]:
        """The tags of a repository."""


class ContentCache(Protocol):
    """Content by its digest; `adapters.blob_cache.BlobCache` in production."""

    def get(self, digest: str) -> bytes | None:
        """The content with this digest; None when it is not there."""

    def put(self, data: bytes) -> str:
        """Store content; return its digest."""
