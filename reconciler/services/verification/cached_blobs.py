"""Content by digest: from the cache, or else fetched and put there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reconciler.formats.oci_manifest import Descriptor
    from reconciler.services.verification.ports import ContentCache


class Blobs(Protocol):
    """Returns content: `CachedBlobs`, or the registry itself. Raises ReconcilerErrors."""

    def __call__(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content with this digest and size, of at most `limit` bytes."""


@dataclass(frozen=True)
class CachedBlobs:
    """Fetches content once, as long as the cache has room for it."""

    fetch: Blobs
    cache: ContentCache

    def __call__(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content, as the registry returns it."""
        data = self.cache.get(blob.digest) if blob.size <= limit else None
        if data is None or len(data) != blob.size:
            data = self.fetch(repository, blob, limit=limit)
            self.cache.put(data)
        return data
