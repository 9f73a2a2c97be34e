"""Stores of the evidence that a lock names by digest: a registry, or a folder to which an audit saved it before."""

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
    """Returns evidence by digest: a registry, or a folder.

    Raises ReconcilerErrors. NotFoundError and IntegrityError are findings of an audit; any other error ends it.
    """

    def manifest(self, repository: str, digest: str) -> Manifest:
        """The manifest with this digest."""

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content with this digest and size, of at most `limit` bytes."""


@dataclass(frozen=True)
class EvidenceFolder:
    """A folder of evidence. The file name is the digest of its content, so that `sha256sum` can check it."""

    folder: Path

    def manifest(self, repository: str, digest: str) -> Manifest:
        """The manifest, as a registry returns it."""
        return read_manifest(self._read(digest, MANIFEST_LIMIT), digest, f"the manifest {repository}@{digest}")

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content, as a registry returns it."""
        del repository
        return self._read(blob.digest, limit)

    def save(self, content: bytes) -> None:
        """Write content to its file.

        Raises:
            ConfigurationError: the file cannot be written.
        """
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
            raise IntegrityError(f"the content of {file} does not have the digest in its name")
        return content

    def _file(self, digest: str) -> Path:
        return self.folder / f"{digest.replace(':', '-')}.json"


@dataclass(frozen=True)
class RecordingStore:
    """A store that saves everything it returns to a folder."""

    store: EvidenceStore
    folder: EvidenceFolder

    def manifest(self, repository: str, digest: str) -> Manifest:
        """The manifest, as the store returns it."""
        manifest = self.store.manifest(repository, digest)
        self.folder.save(manifest.raw)
        return manifest

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content, as the store returns it."""
        content = self.store.blob(repository, blob, limit=limit)
        self.folder.save(content)
        return content
