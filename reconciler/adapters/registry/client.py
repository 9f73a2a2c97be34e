"""A client of OCI registries: tags, manifests, blobs and referrers, every byte checked against its digest.

The only module that imports `oras`, for parsing references and building the addresses of endpoints; the package's face gives the
reasons why the rest is ours. `adapters.registry.transport` sends the requests and maps their failures. Content is interpreted no
further than manifests, which `formats.oci_manifest` parses.

Sources: OCI distribution and image specifications 1.1. Manifests are returned with their raw bytes, since a digest is over bytes.
"""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from oras.container import Container

from reconciler.adapters.registry.circuit_breaker import HostCircuitBreaker
from reconciler.adapters.registry.header_fields import next_link
from reconciler.adapters.registry.hosts import Hosts, address_of, repository_address
from reconciler.adapters.registry.responses import json_object
from reconciler.adapters.registry.transport import REDIRECTIONS, Transport
from reconciler.adapters.registry.urls import own_address
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
# What registries without the referrers API respond (404 by the specification, the others seen on real ones), and what those do
# that do not take a HEAD of a blob. A denial or a failure is neither: it would hide what is there.
_NOT_SUPPORTED: Final = frozenset({400, 405, 406, 410, 415, 501})
_TAG_PAGES = 50
_TAG_LIMIT = 10_000
_TAG_BYTES = 4 << 20  # per page

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"[A-Za-z0-9.:\[\]-]*[.:][A-Za-z0-9.:\[\]-]*/{_COMPONENT}(?:/{_COMPONENT})*")


class Registry:
    """A client for all registries; one object serves all threads.

    A repository is `host[:port]/path`, where the host contains a dot or a port. Every method raises `UnavailableError`,
    `AccessDeniedError`, `NotFoundError` or `IntegrityError`, pushes also `RejectedError`; an invalid repository or digest is a
    `ConfigurationError`.

    Args:
        plain_http: hosts that are contacted without TLS.
        authorities: PEM files of the certificate authorities by which single hosts are trusted.
        token_hosts: by host, other hosts that issue its tokens and may receive its credentials.
        has_mirror: hosts that are skipped for a while when they do not respond, since others have the same content.
        credentials: a docker `config.json`; None for anonymous access.
        timeout: seconds to connect, and without a byte; a whole response may take four times that.
        attempts: how often a request is sent before `UnavailableError` is raised.
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
            circuit_breaker=HostCircuitBreaker({address_of(host) for host in has_mirror}, clock),
            credentials=credentials,
            timeout=timeout,
            attempts=attempts,
        )

    def close(self) -> None:
        """Closes idle connections."""
        self._transport.close()

    def shared_deadline(self) -> AbstractContextManager[None]:
        """Bounds all requests of this thread in a `with` by the deadline of one response; later ones raise `UnavailableError`."""
        return self._transport.shared_deadline()

    def is_plain_http(self, repository: str) -> bool:
        """Whether the host of this repository is contacted without TLS."""
        return repository.partition("/")[0] in self._hosts.plain_http

    def tags(self, repository: str) -> tuple[str, ...]:
        """Returns all tags in the registry's order, at most 10,000; names that the specification does not allow are left out."""
        what = f"the tags of {repository}"
        with self.shared_deadline():
            return self._tags(self._url(_container(repository).tags_url(1000)), what)

    def _tags(self, url: str, what: str) -> tuple[str, ...]:
        tags = dict[str, None]()
        for _ in range(_TAG_PAGES):
            response = self._transport.request("GET", url, what, limit=_TAG_BYTES)
            page = document(response.body, what).get("tags") or []
            if not isinstance(page, list):
                raise IntegrityError(f"{what}: `tags` is not a list")
            tags.update((tag, None) for tag in page if isinstance(tag, str) and _TAG.fullmatch(tag))
            if len(tags) > _TAG_LIMIT:
                break
            next_page = _next(response, url, what)
            if next_page is None:
                return tuple(tags)
            url = next_page
        raise IntegrityError(f"{what}: the list does not end within {_TAG_LIMIT} tags or {_TAG_PAGES} pages")

    def resolve(self, repository: str, tag: str) -> str:
        """Returns the digest that a tag names now, computed from the manifest's bytes, not taken from a header."""
        return self._manifest(repository, tag).digest

    def manifest(self, repository: str, digest: str) -> Manifest:
        """Returns the image manifest with this digest; an index of several is `IntegrityError`, never an artifact of ours."""
        what = f"the manifest {repository}@{digest}"
        response = self._manifest(repository, digest)
        _verify(response, digest, what)
        return read_manifest(response.body, digest, what)

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        """Returns a whole blob; IntegrityError before any request when its descriptor declares more than `limit` bytes."""
        what = f"the blob {repository}@{blob.digest}"
        if blob.size > limit:
            raise IntegrityError(f"{what}: {blob.size} bytes where at most {limit} are accepted")
        url = self._url(_container(repository).get_blob_url(_checked_digest(blob.digest)))
        response = self._transport.request("GET", url, what, limit=blob.size)
        if len(response.body) != blob.size:
            raise IntegrityError(f"{what}: {len(response.body)} bytes where the manifest declares {blob.size}")
        _verify(response, blob.digest, what)
        return response.body

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """Returns the referrers of a manifest (signatures, attestations), at most 64; empty when it has none.

        Requests the referrers API, and where there is none the fallback tag `sha256-<hex>` (specification: "Referrers Tag
        Schema"): as cosign and Flux do, also where the API's path is answered otherwise than with an index. More than
        64 is `IntegrityError`: with an endless list a registry could stall the reconciler.
        """
        what = f"the referrers of {repository}@{digest}"
        referrers: dict[str, Descriptor] = {}
        for entry in self._referrer_entries(repository, _checked_digest(digest), what):
            referrer = parse_descriptor(entry, what)
            referrers[referrer.digest] = referrer
            if len(referrers) > REFERRER_LIMIT:
                raise IntegrityError(
                    f"{what}: more than the limit of {REFERRER_LIMIT}",
                    "remove superfluous signatures and attestations from the registry",
                )
        return tuple(referrers.values())

    def push_blob(self, repository: str, data: bytes, media_type: str) -> Descriptor:
        """Uploads a blob unless the registry has it; returns its descriptor.

        A redirect to another host says that it has it there: in an object storage. Where the registry cannot say, it is uploaded.
        """
        container, blob = _container(repository), describe(data, media_type)
        what, url = f"the blob {repository}@{blob.digest}", self._url(container.get_blob_url(blob.digest))
        accepted = {HTTPStatus.NOT_FOUND, *_NOT_SUPPORTED, *REDIRECTIONS}
        response = self._transport.request("HEAD", url, what, limit=0, accepted=accepted)
        is_stored = response.status < HTTPStatus.BAD_REQUEST and (
            response.status not in REDIRECTIONS or "Location" in response.headers
        )
        if not is_stored:
            self._upload(self._url(container.upload_blob_url()), data, blob.digest, what)
        return blob

    def push_manifest(self, repository: str, raw: bytes, media_type: str, tag: str | None) -> str:
        """Uploads a manifest, with a tag when one is given, and returns its digest. An existing tag is moved."""
        digest = digest_of_bytes(raw)
        url = self._url(_container(repository).manifest_url(_checked_tag(tag) if tag else digest))
        what = f"the manifest {repository}:{tag}" if tag else f"the manifest {repository}@{digest}"
        self._transport.request("PUT", url, what, limit=65536, headers={"Content-Type": media_type}, data=raw)
        return digest

    def _url(self, path: str) -> str:
        host, _, rest = path.partition("/")
        return f"{self._hosts.base(host)}/{rest}"

    def _manifest(self, repository: str, reference: str) -> RegistryResponse:
        """Fetches the stored bytes of a manifest by digest or tag."""
        by_digest = reference.startswith("sha256:")
        what = f"the manifest {repository}{'@' if by_digest else ':'}{reference}"
        checked = _checked_digest(reference) if by_digest else _checked_tag(reference)
        url = self._url(_container(repository).manifest_url(checked))
        return self._transport.request("GET", url, what, limit=MANIFEST_LIMIT, headers={"Accept": _ACCEPT})

    def _referrer_entries(self, repository: str, digest: str, what: str) -> list[Any]:
        """Fetches the entries of the referrers index: from the API in one page, else from the fallback tag."""
        container = _container(repository)
        url = self._url(f"{container.registry}/v2/{container.api_prefix}/referrers/{digest}")
        accepted, headers = {HTTPStatus.NOT_FOUND, *_NOT_SUPPORTED}, {"Accept": INDEX_TYPE}
        response = self._transport.request("GET", url, what, limit=MANIFEST_LIMIT, headers=headers, accepted=accepted)
        if _is_index(response):
            if _next(response, url, what) is not None:
                raise IntegrityError(f"{what}: the list does not fit on one page, and the limit is {REFERRER_LIMIT}")
            return list_field(document(response.body, what), "manifests", what)
        try:
            raw = self._manifest(repository, digest.replace(":", "-")).body
        except NotFoundError:
            return []
        return list_field(document(raw, what), "manifests", what)

    def _upload(self, url: str, data: bytes, digest: str, what: str) -> None:
        """Uploads in one piece: POST for an upload location, PUT to it. The location must be on the registry's own host."""
        response = self._transport.request("POST", url, what, limit=65536, data=b"")
        location = own_address(url, response.headers.get("Location", ""), what)
        if response.status != HTTPStatus.ACCEPTED or location is None:
            raise RejectedError(f"{what}: the registry offers no upload location on its own host")
        location += ("&" if urlsplit(location).query else "?") + urlencode({"digest": digest})
        headers = {"Content-Type": "application/octet-stream"}
        self._transport.request("PUT", location, what, limit=65536, headers=headers, data=data)


def _container(repository: str) -> Container:
    """Parses `host[:port]/path`. Stricter than oras, which would fill in docker.io and `latest`."""
    if not _REPOSITORY.fullmatch(repository):
        raise ConfigurationError(f"`{repository}` is not a valid repository", "write host/path or host:port/path, in lower case")
    host, _, path = repository.partition("/")
    return Container(f"{host}/{repository_address(host, path)}")


def _is_index(response: RegistryResponse) -> bool:
    """Whether a response of the referrers API is an index, by its media type or, with entries, by its content.

    A registry or a proxy without the API may answer 200 with a page or with an object of its own.
    """
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        return False
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    entries = json_object(response.body).get("manifests")
    return media_type == INDEX_TYPE or (isinstance(entries, list) and bool(entries))


def _checked_digest(digest: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise ConfigurationError(f"`{digest}` is not a sha256 digest", "write sha256: and 64 hexadecimal digits")
    return digest


def _checked_tag(tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise ConfigurationError(f"`{tag}` is not a valid tag")
    return tag


def _verify(response: RegistryResponse, digest: str, what: str) -> None:
    if response.digest != digest:
        raise IntegrityError(
            f"{what}: the registry sent content with another digest ({response.digest})",
            "its storage is damaged or a proxy rewrites responses; push the artifact again",
        )


def _next(response: RegistryResponse, url: str, what: str) -> str | None:
    """Returns the URL of the next page in a `Link` header (RFC 8288), or None; it must be on the registry's own host."""
    target = next_link(response.headers.get("Link", ""))
    if target is None:
        return None
    next_page = own_address(url, target, what)
    if next_page is None:
        raise IntegrityError(f"{what}: the next page is on another host")
    return next_page
