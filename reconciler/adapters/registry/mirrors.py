"""Requests content from the mirrors of a registry and from the registry itself, such as from a Harbor on the same site.

A mirror `harbor.example/ghcr` of `ghcr.io` has `ghcr.io/openova/bp-x` as `harbor.example/ghcr/openova/bp-x`. It is not trusted:
content is checked against its digest wherever it comes from, and signatures are verified here, so that a lying mirror only costs
time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from reconciler.model.errors import AccessDeniedError, IntegrityError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.adapters.registry.client import Registry
    from reconciler.formats.oci_manifest import Descriptor, Manifest

T = TypeVar("T")


class MirroredRegistry:
    """Registries and their mirrors as one; safe for use by several threads, as the client is.

    Each method requests one location after another, until one responds. When none does, the error is that of the named repository
    unless that is `NotFoundError`, else a mirror's; so `NotFoundError` is raised only when every location raised it.
    `ConfigurationError` is raised at once.

    Args:
        registry: the client, which requests one location; it skips unresponsive hosts of its `has_mirror`.
        mirrors: by host, the prefixes `host[/path]` that replace it, in the order of their requests.
    """

    def __init__(self, registry: Registry, mirrors: Mapping[str, Sequence[str]]) -> None:
        self.registry = registry
        self._mirrors = mirrors

    def close(self) -> None:
        """Closes idle connections."""
        self.registry.close()

    def locations(self, repository: str) -> tuple[str, ...]:
        """Returns the locations of a repository: its mirrors, and last itself."""
        host, _, path = repository.partition("/")
        return *(f"{prefix}/{path}" for prefix in self._mirrors.get(host, ())), repository

    def tags(self, repository: str) -> tuple[str, ...]:
        """Returns all tags of the named repository or, only when it does not respond, of a mirror.

        In the reverse order a mirror that is no longer updated would hide new versions without end, and list withdrawn ones; and
        lists of tags are small.
        """
        *mirrors, named = self.locations(repository)
        return _first((named, *mirrors), named, self.registry.tags)

    def resolve(self, repository: str, tag: str) -> str:
        """Returns the digest that a tag names. A mirror suffices, because the content is checked to be the requested version."""
        return self._nearest(repository, lambda location: self.registry.resolve(location, tag))

    def manifest(self, repository: str, digest: str) -> Manifest:
        """Returns the image manifest with this digest."""
        return self._nearest(repository, lambda location: self.registry.manifest(location, digest))

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """Returns the content with this digest and size, of at most `limit` bytes."""
        return self._nearest(repository, lambda location: self.registry.blob(location, blob, limit=limit))

    def _nearest(self, repository: str, request: Callable[[str], T]) -> T:
        return _first(self.locations(repository), repository, request)


def _first(locations: Iterable[str], named: str, request: Callable[[str], T]) -> T:
    """Returns the first response; else raise the most informative error."""
    errors: dict[str, IntegrityError | AccessDeniedError | NotFoundError | UnavailableError] = {}
    for location in locations:
        try:
            return request(location)
        except (IntegrityError, AccessDeniedError, NotFoundError, UnavailableError) as error:
            errors[location] = error
    own = errors.pop(named)
    raise next((error for error in (own, *errors.values()) if not isinstance(error, NotFoundError)), own)
