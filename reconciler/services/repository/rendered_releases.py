"""Digests of the HelmReleases in the files of a commit of `resolved`: what must be on the clusters, whatever code rendered it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from reconciler.domain.readiness.helm_release import text_field
from reconciler.formats.yaml.documents import MAX_OWN_PARTS, load_all
from reconciler.model.canonical import release_digest
from reconciler.model.flux import HELM_GROUP
from reconciler.model.git import SnapshotLimits
from reconciler.model.layout import CLUSTERS_FOLDER
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.lock import ReleaseKey
    from reconciler.services.repository.ports import GitRepository

RENDERED_LIMITS: Final = SnapshotLimits(file=32 << 20, total=256 << 20, entries=100_000)  # as `audit` reads them

_Found = tuple[tuple[tuple[str, str], str], ...]


class RenderedReleases:
    """The HelmReleases of commits in a repository. Caches the last commit; a file that does not change is parsed once."""

    def __init__(self, repository: GitRepository) -> None:
        self._repository = repository
        self._last: tuple[str | None, Mapping[ReleaseKey, str]] = (None, {})
        self._parsed: dict[bytes, _Found] = {}

    def at(self, commit: str | None) -> Mapping[ReleaseKey, str]:
        """The digest of each HelmRelease (`model.canonical.release_digest`) in the folder of its cluster.

        A HelmRelease that cannot be read, or that two files of a cluster have, is not in the result.

        Raises:
            ReconcilerError: the repository could not be read.
        """
        if self._last[0] != commit:
            self._last = (commit, self._read(commit) if commit is not None else {})
        return self._last[1]

    def _read(self, commit: str) -> Mapping[ReleaseKey, str]:
        parsed: dict[bytes, _Found] = {}
        releases: dict[ReleaseKey, str] = {}
        ambiguous: set[ReleaseKey] = set()
        for path, content in self._repository.read(commit, limits=RENDERED_LIMITS).files.items():
            folder, _, below = path.partition("/")
            if folder != CLUSTERS_FOLDER or b"HelmRelease" not in content:
                continue
            id_ = hashlib.sha256(content).digest()
            if id_ not in parsed:  # clusters of one Environment have the same files
                parsed[id_] = self._parsed[id_] if id_ in self._parsed else _releases(content, path)
            for (namespace, name), digest in parsed[id_]:
                key = (below.partition("/")[0], namespace, name)
                ambiguous |= {key} & releases.keys()
                releases[key] = digest
        self._parsed = parsed
        return {key: digest for key, digest in releases.items() if key not in ambiguous}


def _releases(content: bytes, path: str) -> _Found:
    documents = load_all(content, path, max_bytes=RENDERED_LIMITS.file, max_parts=MAX_OWN_PARTS)
    found = []
    for document in (mapping(source.data) for source in documents):
        metadata = mapping(document.get("metadata"))
        is_release = document.get("kind") == "HelmRelease" and text_field(document, "apiVersion").startswith(f"{HELM_GROUP}/")
        if is_release:
            found.append(((text_field(metadata, "namespace"), text_field(metadata, "name")), release_digest(document)))
    return tuple(found)
