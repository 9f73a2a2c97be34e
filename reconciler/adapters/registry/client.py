"""OCI registries: tags, manifests, blobs and referrers, every byte checked against its digest.

The only module that knows `oras`, and it takes only its reading of references from there: oras-py (0.2.43) checks no
digest, sets no time-out, follows any token realm and extracts archives unsafely. How requests are sent, and what may
go wrong on the way, is `adapters.registry.transport`. Nothing here interprets content beyond manifests, which
`formats.oci_manifest` reads.

Sources: OCI distribution and image specifications 1.1. Raw manifest bytes are kept, since a digest is over bytes.
"""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from oras.container import Container

from reconciler.adapters.registry.circuit_breaker import HostCircuitBreaker
from reconciler.adapters.registry.hosts import Hosts
from reconciler.adapters.registry.transport import Transport
from reconciler.adapters.registry.urls import join, origin
from reconciler.formats.oci_manifest import (
    DIGEST,
    DOCKER_MANIFEST_TYPE,
    INDEX_TYPE,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    describe,
    digest_of_bytes,
    document,
    list_field,
    parse_descriptor,
)
from reconciler.formats.oci_manifest import parse_manifest as read_manifest
from reconciler.model.errors import ConfigurationError, IntegrityError, NotFoundError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reconciler.adapters.registry.responses import RegistryResponse
    from reconciler.formats.oci_manifest import Descriptor, Manifest

_ACCEPT = f"{MANIFEST_TYPE}, {INDEX_TYPE}, {DOCKER_MANIFEST_TYPE}"

REFERRER_LIMIT = 64
_TAG_PAGES = 50
_TAG_LIMIT = 10_000
_TAG_BYTES = 4 << 20  # per page

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"[A-Za-z0-9.:\[\]-]*[.:][A-Za-z0-9.:\[\]-]*/{_COMPONENT}(?:/{_COMPONENT})*")


class Registry:
    """A client for all registries; one object serves all threads.

    A repository is `host[:port]/path`, where the host holds a dot or a port. Every method raises `Unavailable`,
    `Denied`, `NotFoundError` or `IntegrityError`, pushes also `RejectedError`; a repository or digest that is none is
    `ConfigurationError`.

    Args:
        plain_http: hosts spoken to without TLS.
        authorities: PEM files of the certificate authorities by which single hosts are believed.
        token_hosts: by host, other hosts that issue its tokens and may be sent its credentials.
        replaceable: hosts that are left alone for a while when they do not answer, since others have the same.
        credentials: a docker `config.json`; None for anonymous access.
        timeout: seconds to connect, and without a byte; a whole answer may take four times that.
        attempts: how often a request is sent before `Unavailable` is raised.
        clock: seconds on the monotonic clock.
    """

    def __init__(
        self,
        *,
        plain_http: Collection[str] = (),
        authorities: Mapping[str, Path] | None = None,
        token_hosts: Mapping[str, Collection[str]] | None = None,
        has_mirror: Collection[str] = (),
        credentials: Path | None = None,
        timeout: float = 15.0,
        attempts: int = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = Hosts(frozenset(plain_http), authorities or {}, token_hosts or {})
        self._transport = Transport(
            hosts=self._hosts,
            silences=HostCircuitBreaker(has_mirror, clock),
            credentials=credentials,
            timeout=timeout,
            attempts=attempts,
        )

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def shared_deadline(self) -> AbstractContextManager[None]:
        """Meanwhile all that this thread asks for may take as long as one answer may; what comes too late is `Unavailable`."""
        return self._transport.together()

    def is_plain_http(self, repository: str) -> bool:
        """Whether this repository's host is spoken to without TLS."""
        return repository.partition("/")[0] in self._hosts.plain_http

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags in the registry's order, at most 10,000; what is no tag by the specification is left out."""
        what = f"the tags of {repository}"
        with self.shared_deadline():
            return self._tags(self._url(_container(repository).tags_url(1000)), what)

    def _tags(self, url: str, what: str) -> tuple[str, ...]:
        seen = dict[str, None]()
        for _ in range(_TAG_PAGES):
            answer = self._transport.request("GET", url, what, limit=_TAG_BYTES)
            page = document(answer.body, what).get("tags") or []
            if not isinstance(page, list):
                raise IntegrityError(f"{what}: the list is no list")
            seen.update((tag, None) for tag in page if isinstance(tag, str) and _TAG.fullmatch(tag))
            if len(seen) > _TAG_LIMIT:
                break
            following = _next(answer, url, what)
            if following is None:
                return tuple(seen)
            url = following
        raise IntegrityError(f"{what}: the list does not end within {_TAG_LIMIT} tags or {_TAG_PAGES} pages")

    def resolve(self, repository: str, tag: str) -> str:
        """Return the digest that a tag names now, computed from the manifest's bytes, not taken from a header."""
        return self._manifest(repository, tag).digest

    def manifest(self, repository: str, digest: str) -> Manifest:
        """Return the image manifest with this digest; an index of several is `IntegrityError`, as no artifact of ours."""
        what = f"the manifest {repository}@{digest}"
        answer = self._manifest(repository, digest)
        _verify(answer, digest, what)
        return read_manifest(answer.body, digest, what)

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """Return a blob whole; refused before it is fetched when it is said to be larger than `limit` bytes."""
        what = f"the blob {repository}@{blob.digest}"
        if blob.size > limit:
            raise IntegrityError(f"{what}: {blob.size} bytes where at most {limit} are accepted")
        url = self._url(_container(repository).get_blob_url(_checked_digest(blob.digest)))
        answer = self._transport.request("GET", url, what, limit=blob.size)
        if len(answer.body) != blob.size:
            raise IntegrityError(f"{what}: {len(answer.body)} bytes where the manifest says {blob.size}")
        _verify(answer, blob.digest, what)
        return answer.body

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """Return what refers to a manifest (signatures, attestations), at most 64; empty when nothing does.

        Asks the referrers API, and where there is none reads the fallback tag `sha256-<hex>` (specification:
        "Referrers Tag Schema"). More than 64 is `IntegrityError`: reading them all is how a registry would stall us.
        """
        what = f"the referrers of {repository}@{digest}"
        found: dict[str, Descriptor] = {}
        for entry in self._referrer_entries(repository, _checked_digest(digest), what):
            referrer = parse_descriptor(entry, what)
            found[referrer.digest] = referrer
            if len(found) > REFERRER_LIMIT:
                raise IntegrityError(
                    f"{what}: more than the {REFERRER_LIMIT} that are read",
                    "remove superfluous signatures and attestations from the registry",
                )
        return tuple(found.values())

    def push_blob(self, repository: str, data: bytes, media_type: str) -> Descriptor:
        """Upload a blob unless the registry has it; return its descriptor."""
        container, blob = _container(repository), describe(data, media_type)
        what = f"the blob {repository}@{blob.digest}"
        try:
            self._transport.request("HEAD", self._url(container.get_blob_url(blob.digest)), what, limit=0)
        except NotFoundError:
            self._upload(self._url(container.upload_blob_url()), data, blob.digest, what)
        return blob

    def push_manifest(self, repository: str, raw: bytes, media_type: str, tag: str | None) -> str:
        """Upload a manifest, under a tag when one is given, and return its digest. An existing tag is moved."""
        digest = digest_of_bytes(raw)
        url = self._url(_container(repository).manifest_url(_checked_tag(tag) if tag else digest))
        what = f"the manifest {repository}:{tag}" if tag else f"the manifest {repository}@{digest}"
        self._transport.request("PUT", url, what, limit=65536, headers={"Content-Type": media_type}, data=raw)
        return digest

    def _url(self, path: str) -> str:
        host, _, rest = path.partition("/")
        return f"{self._hosts.base(host)}/{rest}"

    def _manifest(self, repository: str, reference: str) -> RegistryResponse:
        """Fetch a manifest by digest or tag, as it is stored."""
        by_digest = reference.startswith("sha256:")
        what = f"the manifest {repository}{'@' if by_digest else ':'}{reference}"
        checked = _checked_digest(reference) if by_digest else _checked_tag(reference)
        url = self._url(_container(repository).manifest_url(checked))
        return self._transport.request("GET", url, what, limit=MANIFEST_LIMIT, headers={"Accept": _ACCEPT})

    def _referrer_entries(self, repository: str, digest: str, what: str) -> list[Any]:
        """Fetch the entries of the referrers index: from the API in one page, else from the fallback tag."""
        container = _container(repository)
        url = self._url(f"{container.registry}/v2/{container.api_prefix}/referrers/{digest}")
        try:
            answer = self._transport.request("GET", url, what, limit=MANIFEST_LIMIT, headers={"Accept": INDEX_TYPE})
            if _next(answer, url, what) is not None:
                raise IntegrityError(f"{what}: the list does not fit one page, and at most {REFERRER_LIMIT} are read")
            raw = answer.body
        except NotFoundError:
            try:
                raw = self._manifest(repository, digest.replace(":", "-")).body
            except NotFoundError:
                return []
        return list_field(document(raw, what), "manifests", what)

    def _upload(self, url: str, data: bytes, digest: str, what: str) -> None:
        """Upload in one piece: POST for a place, PUT to it. The place must be the registry's own."""
        answer = self._transport.request("POST", url, what, limit=65536, data=b"")
        place = join(url, answer.headers.get("Location", ""), what)
        if answer.status != HTTPStatus.ACCEPTED or origin(place) != origin(url):
            raise RejectedError(f"{what}: the registry offers no place of its own to upload to")
        place += ("&" if urlsplit(place).query else "?") + urlencode({"digest": digest})
        headers = {"Content-Type": "application/octet-stream"}
        self._transport.request("PUT", place, what, limit=65536, headers=headers, data=data)


def _container(repository: str) -> Container:
    """Parse `host[:port]/path`. Stricter than oras, which would fill in docker.io and `latest`."""
    if not _REPOSITORY.fullmatch(repository):
        raise ConfigurationError(f"`{repository}` is no repository", "write host/path or host:port/path, in lower case")
    return Container(repository)


def _checked_digest(digest: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise ConfigurationError(f"`{digest}` is no digest", "write sha256: and 64 hexadecimal digits")
    return digest


def _checked_tag(tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise ConfigurationError(f"`{tag}` is no tag")
    return tag


def _verify(answer: RegistryResponse, digest: str, what: str) -> None:
    if answer.digest != digest:
        raise IntegrityError(
            f"{what}: the registry sends other content ({answer.digest})",
            "its storage is damaged or something between rewrites answers; push the artifact again",
        )


def _next(answer: RegistryResponse, url: str, what: str) -> str | None:
    """The next page that a `Link` header (RFC 8288) names, or None; it must be the registry's own."""
    match = re.search(r'<([^<>]*)>\s*;\s*rel="?next"?', answer.headers.get("Link", ""))
    if match is None:
        return None
    following = join(url, match[1], what)
    if origin(following) != origin(url):
        raise IntegrityError(f"{what}: the next page is said to be on another host")
    return following
