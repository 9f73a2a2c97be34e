"""Where the evidence is that a lock names by digest: in a registry, or in a folder to which it was saved before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reconciler.formats.oci_manifest import MANIFEST_LIMIT, digest_of_bytes
from reconciler.formats.oci_manifest import parse_manifest as read_manifest
from reconciler.model.errors import ConfigurationError, IntegrityError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.formats.oci_manifest import Descriptor, Manifest


class EvidenceStore(Protocol):
    """Where evidence is: a `Registry`, or a folder. Raises ReconcilerErrors; of them Missing and Corrupt are findings."""

    def manifest(self, repository: str, digest: str) -> Manifest:
        """The manifest with this digest."""

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content with this digest and size, of at most `limit` bytes."""


@dataclass(frozen=True)
class EvidenceFolder:
    """A folder of evidence, in which a file is called by its content's digest: `sha256sum` tells what it should be called."""

    folder: Path

    def manifest(self, repository: str, digest: str) -> Manifest:
        """As a registry would give it."""
        return read_manifest(self._read(digest, MANIFEST_LIMIT), digest, f"the manifest {repository}@{digest}")

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """As a registry would give it."""
        del repository
        return self._read(blob.digest, limit)

    def save(self, content: bytes) -> None:
        """Write a file; raises Misconfigured when it cannot be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file(digest_of_bytes(content)).write_bytes(content)
        except OSError as error:
            raise ConfigurationError(f"evidence cannot be saved in {self.folder}: {error.strerror}") from None

    def _read(self, digest: str, limit: int) -> bytes:
        file = self._file(digest)
        try:
            with file.open("rb") as stream:
                content = stream.read(limit + 1)
        except FileNotFoundError:
            raise NotFoundError(f"there is no {file}") from None
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
        if digest_of_bytes(content) != digest:
            raise IntegrityError(f"{file} is not what its name says")
        return content

    def _file(self, digest: str) -> Path:
        return self.folder / f"{digest.replace(':', '-')}.json"


@dataclass(frozen=True)
class RecordingStore:
    """A store of which everything that was asked for is kept."""

    store: EvidenceStore
    kept: EvidenceFolder

    def manifest(self, repository: str, digest: str) -> Manifest:
        """As the store gives it."""
        found = self.store.manifest(repository, digest)
        self.kept.save(found.raw)
        return found

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """As the store gives it."""
        content = self.store.blob(repository, blob, limit=limit)
        self.kept.save(content)
        return content
