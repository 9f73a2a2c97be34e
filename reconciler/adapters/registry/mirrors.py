"""Mirrors: other registries that hold copies of a registry's repositories, such as a Harbor next door.

A mirror `harbor.example/ghcr` of `ghcr.io` has `ghcr.io/openova/bp-x` as `harbor.example/ghcr/openova/bp-x`. It is trusted
with nothing: content is checked against its digest wherever it comes from, and signatures are judged here, so that one that
lies costs time.
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

    Each method asks one place after another, until one answers. When none does, the ReconcilerError is the named repository's
    own unless that is `NotFoundError`, else a mirror's; so `NotFoundError` is said only when every place said it.
    `Misconfigured` is raised at once.

    Args:
        registry: the client, which asks one place; its `replaceable` hosts are not waited for again and again.
        mirrors: by host, the prefixes `host[/path]` that stand for it, in the order in which they are asked.
    """

    def __init__(self, registry: Registry, mirrors: Mapping[str, Sequence[str]]) -> None:
        self.registry = registry
        self._mirrors = mirrors

    def close(self) -> None:
        """Close idle connections."""
        self.registry.close()

    def locations(self, repository: str) -> tuple[str, ...]:
        """Where a repository can be had from: its mirrors, and at last itself."""
        host, _, path = repository.partition("/")
        return *(f"{prefix}/{path}" for prefix in self._mirrors.get(host, ())), repository

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags: of the named repository, and only when it does not tell, of a mirror.

        The other way round, a mirror that is no longer fed would hide new versions for ever, and keep those that were withdrawn;
        and lists of tags are small.
        """
        *mirrors, named = self.locations(repository)
        return _first((named, *mirrors), named, self.registry.tags)

    def resolve(self, repository: str, tag: str) -> str:
        """The digest that a tag names. A mirror's word suffices: what it names is checked to be the version asked for."""
        return self._nearest(repository, lambda place: self.registry.resolve(place, tag))

    def manifest(self, repository: str, digest: str) -> Manifest:
        """The image manifest with this digest."""
        return self._nearest(repository, lambda place: self.registry.manifest(place, digest))

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """The content with this digest and size, of at most `limit` bytes."""
        return self._nearest(repository, lambda place: self.registry.blob(place, blob, limit=limit))

    def _nearest(self, repository: str, ask: Callable[[str], T]) -> T:
        return _first(self.locations(repository), repository, ask)


def _first(places: Iterable[str], named: str, ask: Callable[[str], T]) -> T:
    """The first answer; else the most telling ReconcilerError."""
    faults: dict[str, IntegrityError | AccessDeniedError | NotFoundError | UnavailableError] = {}
    for place in places:
        try:
            return ask(place)
        except (IntegrityError, AccessDeniedError, NotFoundError, UnavailableError) as fault:
            faults[place] = fault
    own = faults.pop(named)
    raise next((fault for fault in (own, *faults.values()) if not isinstance(fault, NotFoundError)), own)
