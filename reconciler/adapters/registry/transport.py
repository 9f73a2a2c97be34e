"""Sends HTTP requests to OCI registries: every response is bounded in time and size, and credentials stay with their host.

`adapters.registry.client` names repositories and digests; this module sends the requests. The rules, each met by an incident:

- plain http only to hosts that the configuration lists; a redirect never leads from https to http;
- a host with a certificate authority of its own is trusted by that alone, and no other host is trusted by it;
- credentials and tokens go to the registry's own host, and a token is fetched there or from hosts that the configuration lists
  for it (`WWW-Authenticate: Bearer realm=` may name any), so that a lying registry learns nothing;
- a connect and a read time-out, a deadline over a whole response (`adapters.registry.bounded_http`), over all attempts and over
  all requests of one piece of work (a server can delay many responses), and a limit on the size; a compressed response is
  refused, because its size is unknown before it is read;
- only temporary failures are retried, with jitter, and `Retry-After` is honoured up to ten seconds;
- `.netrc`, proxy variables and cookies are not used.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import stamina
import urllib3
from urllib3.exceptions import NewConnectionError

from reconciler.adapters.registry.auth import RegistryCredentials, exchange_body, parse_token, token_url
from reconciler.adapters.registry.bounded_http import READ_TIMEOUT_FACTOR, bounded_pools
from reconciler.adapters.registry.header_fields import Challenge, challenges
from reconciler.adapters.registry.responses import NoResponseError, RegistryResponse, RetryableError, backoff, raise_for_status
from reconciler.adapters.registry.urls import host_of, join, origin
from reconciler.formats.lru_cache import LruCache
from reconciler.model.errors import AccessDeniedError, IntegrityError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from reconciler.adapters.registry.circuit_breaker import HostCircuitBreaker
    from reconciler.adapters.registry.hosts import Hosts

_CHUNK = 65536
_REDIRECTS = 5
REDIRECTIONS: Final = frozenset({301, 302, 303, 307, 308})
_TOKEN_LIMIT = 65536
_MAX_TOKENS = 1000  # in the cache: people choose the names of repositories
_ERROR_LIMIT = 65536


class Transport:
    """One pool of connections to registries, shared by all threads.

    Args:
        hosts: the configuration of single hosts.
        circuit_breaker: skips hosts that recently did not respond.
        credentials: a docker `config.json`; None for anonymous access.
        timeout: seconds to connect, and seconds without a byte. A whole response may take four times that, and after as long
            nothing more is sent for a request.
        attempts: how often a request is sent before `UnavailableError` is raised; once to a host that failed to respond before.
    """

    def __init__(
        self, *, hosts: Hosts, circuit_breaker: HostCircuitBreaker, credentials: Path | None, timeout: float, attempts: int
    ) -> None:
        self._hosts = hosts
        self._circuit_breaker = circuit_breaker
        self._credentials = RegistryCredentials(credentials)
        self._timeout = timeout
        self._patience = READ_TIMEOUT_FACTOR * timeout
        self._attempts = attempts
        self._tokens = LruCache[str](_MAX_TOKENS)
        self._pools = bounded_pools()
        self._shared_deadline: ContextVar[float] = ContextVar("shared_deadline", default=math.inf)

    def close(self) -> None:
        """Closes idle connections."""
        self._pools.clear()

    @contextmanager
    def shared_deadline(self) -> Iterator[None]:
        """Bounds all requests of a piece of work, in this thread, by the deadline of one; nothing more is sent after it."""
        reset = self._shared_deadline.set(time.monotonic() + self._patience)
        try:
            yield
        finally:
            self._shared_deadline.reset(reset)

    def request(
        self,
        method: str,
        url: str,
        what: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        accepted: Collection[int] = (),
    ) -> RegistryResponse:
        """Sends one request and reads its whole response, at most `limit` bytes.

        `url` belongs to the registry that the credentials are for; `what` names the requested thing in messages; a response with
        an `accepted` status is returned, too.

        Raises:
            NotFoundError: 404.
            AccessDeniedError: 401 or 403, or the registry requires a token from another host.
            RejectedError: another 4xx in response to a write.
            IntegrityError: the response is longer than `limit`, or compressed.
            UnavailableError: anything else, after the last attempt.
            ConfigurationError: the credentials or the host's certificate authority cannot be read.
        """
        deadline = min(time.monotonic() + self._patience, self._shared_deadline.get())
        call = _Call(method, url, what, limit, dict(headers or {}), data, deadline, frozenset(accepted))
        with self._circuit_breaker.guard(urlsplit(url).netloc, what) as is_probe:
            retries = stamina.retry_context(
                on=lambda error: backoff(error, call.deadline - time.monotonic()),
                attempts=1 if is_probe else self._attempts,
                timeout=None,
                wait_initial=0.1,
                wait_max=2.0,
                wait_jitter=0.2,
            )
            for attempt in retries:
                with attempt:
                    return self._authorized(call)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _authorized(self, call: _Call) -> RegistryResponse:
        """Sends with the cached token; when the registry requires another, fetches it and sends once more."""
        key = (origin(call.url), call.scope)
        response = self._follow_redirects(call, self._tokens.get(key))
        if response.status == HTTPStatus.UNAUTHORIZED:
            authorization = self._answer_challenges(call, challenges(response.headers.get("WWW-Authenticate", "")))
            self._tokens.put(key, authorization, 1)
            response = self._follow_redirects(call, authorization)
        return raise_for_status(call.method, call.what, call.url, response, call.accepted)

    def _follow_redirects(self, call: _Call, authorization: str | None) -> RegistryResponse:
        """Sends, and follows redirects of reads; the authorization stays with the registry's own host.

        A HEAD is followed on the own host alone: where it leads elsewhere is the caller's answer.
        """
        url = call.url
        for _ in range(_REDIRECTS):
            is_own_host = origin(url) == origin(call.url)
            response = self._send(call, url, {"Authorization": authorization} if authorization and is_own_host else {})
            if response.status == HTTPStatus.UNAUTHORIZED and not is_own_host:
                raise AccessDeniedError(
                    f"{call.what}: the registry redirects to {host_of(url)}, which requires credentials of its own"
                )
            location = response.headers.get("Location", "")
            if call.method not in {"GET", "HEAD"} or response.status not in REDIRECTIONS or not location:
                return response
            if call.method == "HEAD" and origin(join(url, location, call.what)) != origin(call.url):
                return response
            url = self._redirect(call, url, location)
        raise UnavailableError(f"{call.what}: the registry redirects more than {_REDIRECTS} times")

    def _redirect(self, call: _Call, url: str, location: str) -> str:
        target = join(url, location, call.what)
        scheme, host = urlsplit(target)[:2]
        plain = scheme == "http" and urlsplit(url).scheme == "http" and host in self._hosts.plain_http
        if scheme != "https" and not plain:
            raise AccessDeniedError(
                f"{call.what}: the registry redirects to {host_of(target)} without TLS, which is not followed",
                "have the registry redirect to https, or serve its blobs itself",
            )
        return target

    def _send(self, call: _Call, url: str, authorization: Mapping[str, str]) -> RegistryResponse:
        """Sends one request to one URL and reads the response to its end."""
        host, started = host_of(url), time.monotonic()
        if started > call.deadline:
            raise NoResponseError(f"{call.what}: nothing more is requested from {host}, because {self._patience:g} s have passed")
        headers = {"Accept-Encoding": "identity", "User-Agent": "catalyst-reconciler", **call.headers, **authorization}
        response_started = False
        try:
            pool = self._pools.connection_from_url(url, self._hosts.verification(url))
            with pool.urlopen(
                call.method,
                urlsplit(url)._replace(scheme="", netloc="").geturl() or "/",
                body=call.data,
                headers=headers,
                timeout=urllib3.Timeout(connect=self._timeout, read=self._timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            ) as response:
                response_started = True
                return _read(response, call, host)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if (untrusted := self._hosts.certificate_error(url, call.what, error)) is not None:
                raise untrusted from error
            # urllib3 classifies a refused connection as a time-out
            in_time = not isinstance(error, urllib3.exceptions.TimeoutError) or isinstance(error, NewConnectionError)
            if not in_time:
                late = time.monotonic() - started > self._patience
                failure = f"finish within {self._patience:g}" if late else f"respond within {self._timeout:g}"
                raise NoResponseError(f"{call.what}: {host} did not {failure} s") from error
            raise (RetryableError if response_started else NoResponseError)(
                f"{call.what}: the connection to {host} failed", "check that the registry runs and is reachable"
            ) from error

    def _answer_challenges(self, call: _Call, offered: Sequence[Challenge]) -> str:
        """Returns the `Authorization` for the first usable of the challenges (RFC 9110, 11.6.1): a token, else a password."""
        host = urlsplit(call.url).netloc
        basic = self._credentials.basic(host, call.repository)
        foreign_realm: AccessDeniedError | None = None
        for challenge in offered:
            if challenge.scheme == "bearer":
                try:
                    url = token_url(challenge, call.url, call.what, self._hosts.token_origins(host))
                except AccessDeniedError as error:
                    foreign_realm = foreign_realm or error
                    continue
                if identity_token := self._credentials.identity_token(host, call.repository):
                    return self._exchanged_token(call, url, exchange_body(challenge, identity_token))
                return self._token(call, url, basic)
        if basic and any(challenge.scheme == "basic" for challenge in offered):
            return basic
        if foreign_realm is not None:
            raise foreign_realm
        schemes = sorted({challenge.scheme for challenge in offered} - {"basic"})
        if schemes:
            message = f"{call.what}: {host} requires credentials by {', '.join(schemes)[:60]}, which is not supported"
            raise AccessDeniedError(message, "have it accept Basic or Bearer (a token) too")
        raise AccessDeniedError(
            f"{call.what}: {host} requires credentials, and none are configured for it",
            f"add {host} to the docker config.json that the configuration names",
        )

    def _token(self, call: _Call, url: str, basic: str | None) -> str:
        fetch = _Call("GET", url, f"a token for {call.what}", _TOKEN_LIMIT, {}, None, call.deadline, frozenset())
        return _issued_token(call, fetch, self._send(fetch, url, {"Authorization": basic} if basic else {}))

    def _exchanged_token(self, call: _Call, url: str, body: bytes) -> str:
        base = url.partition("?")[0]  # what the token is for is in the body
        fetch = _Call("POST", base, f"a token for {call.what}", _TOKEN_LIMIT, {}, body, call.deadline, frozenset())
        return _issued_token(call, fetch, self._send(fetch, base, {"Content-Type": "application/x-www-form-urlencoded"}))


def _issued_token(call: _Call, fetch: _Call, response: RegistryResponse) -> str:
    """Returns the `Authorization` with the token in a token server's response."""
    host = host_of(fetch.url)
    if response.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):  # not NotFoundError: the artifact may well exist
        raise AccessDeniedError(f"{call.what}: {host} issues no token for these credentials ({response.status})")
    token = parse_token(raise_for_status("GET", fetch.what, fetch.url, response).body)
    if token is None:
        raise AccessDeniedError(f"{call.what}: {host} returned an invalid token")
    return f"Bearer {token}"


def _read(response: urllib3.BaseHTTPResponse, call: _Call, host: str) -> RegistryResponse:
    """Reads a body piece by piece and computes its digest; reading ends when the body exceeds the limit."""
    success = response.status < HTTPStatus.MULTIPLE_CHOICES
    if success and response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise IntegrityError(f"{call.what}: {host} sends it compressed, which was not requested")
    limit = call.limit if success else _ERROR_LIMIT
    too_long = (response.length_remaining or 0) > limit  # the declared length, if any
    body, digest = bytearray(), hashlib.sha256()
    while not too_long and (piece := response.read1(_CHUNK, decode_content=False)):
        body += piece
        digest.update(piece)
        too_long = len(body) > limit
    if success and too_long:
        raise IntegrityError(f"{call.what}: {host} sends more than the {limit} bytes that are accepted")
    return RegistryResponse(response.status, response.headers, bytes(body), f"sha256:{digest.hexdigest()}")


@dataclass(frozen=True)
class _Call:
    """One request as its caller specified it; redirects change only the URL that it is sent to."""

    method: str
    url: str
    what: str
    limit: int
    headers: dict[str, str]
    data: bytes | None
    deadline: float  # by the monotonic clock: after it nothing more is sent for the request
    accepted: frozenset[int]  # statuses beyond success that are the caller's to interpret

    @property
    def repository(self) -> str:
        """The repository's path on its host."""
        return re.sub(r"^/v2/|/(tags|manifests|blobs|referrers)/.*", "", urlsplit(self.url).path)

    @property
    def scope(self) -> str:
        """The scope of a token: one repository, read or write."""
        return f"{self.repository} {'read' if self.method == 'GET' else 'write'}"
