"""HTTP to OCI registries, hardened: every answer is bounded in time and size, and credentials stay at home.

What `adapters.registry.client` says about repositories and digests becomes requests here. The rules, each met by an incident:

- plain http only to hosts that the configuration lists; a redirect never leads from https to http;
- a host with a certificate authority of its own is believed by that alone, and no other host is believed by it;
- credentials and tokens go to the registry's own host, and a token is asked for there or at hosts that the configuration lists
  for it (`WWW-Authenticate: Bearer realm=` may name any), so a registry that lies learns nothing;
- a connect and a read time-out, a deadline over a whole answer (`adapters.registry.bounded_http`), over all attempts and over
  what is asked together (a server can drip many answers), and a limit on the size; what is compressed on the way is refused, as
  it has no size before it is read;
- only what may pass by itself is tried again, with jitter, and `Retry-After` is honoured up to ten seconds;
- `.netrc`, proxy variables and cookies are not consulted.
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
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import stamina
import urllib3
from urllib3.exceptions import NewConnectionError

from reconciler.adapters.registry.auth import RegistryCredentials, parse_token, token_url
from reconciler.adapters.registry.bounded_http import READ_TIMEOUT_FACTOR, bounded_pools
from reconciler.adapters.registry.responses import NoResponseError, RegistryResponse, RetryableError, backoff, raise_for_status
from reconciler.adapters.registry.urls import host_of, join, origin
from reconciler.formats.lru_cache import LruCache
from reconciler.model.errors import AccessDeniedError, IntegrityError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reconciler.adapters.registry.circuit_breaker import HostCircuitBreaker
    from reconciler.adapters.registry.hosts import Hosts

_CHUNK = 65536
_REDIRECTS = 5
_REDIRECTIONS = {301, 302, 303, 307, 308}
_TOKEN_LIMIT = 65536
_TOKENS = 1000  # are remembered: people choose the names of repositories
_ERROR_LIMIT = 65536


class Transport:
    """One pool of connections to registries, shared by all threads.

    Args:
        hosts: the rules for single hosts.
        silences: which hosts are left alone for a while.
        credentials: a docker `config.json`; None for anonymous access.
        timeout: seconds to connect, and seconds without a byte. A whole answer may take four times that, and nothing is sent
            any more for a request after as long.
        attempts: how often a request is sent before `UnavailableError` is raised; a host that was silent before is asked once.
    """

    def __init__(
        self, *, hosts: Hosts, silences: HostCircuitBreaker, credentials: Path | None, timeout: float, attempts: int
    ) -> None:
        self._hosts = hosts
        self._silences = silences
        self._credentials = RegistryCredentials(credentials)
        self._timeout = timeout
        self._patience = READ_TIMEOUT_FACTOR * timeout
        self._attempts = attempts
        self._tokens = LruCache[str](_TOKENS)
        self._pools = bounded_pools()
        self._until: ContextVar[float] = ContextVar("until", default=math.inf)

    def close(self) -> None:
        """Close idle connections."""
        self._pools.clear()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Bound all requests of a piece of work, in this thread, as one is bounded; then nothing is sent for it any more."""
        reset = self._until.set(time.monotonic() + self._patience)
        try:
            yield
        finally:
            self._until.reset(reset)

    def request(
        self,
        method: str,
        url: str,
        what: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> RegistryResponse:
        """Send one request and read its whole answer, at most `limit` bytes.

        `url` belongs to the registry that the credentials are for; `what` names the thing asked for in messages.

        Raises:
            NotFoundError: 404.
            AccessDeniedError: 401 or 403, or the registry wants a token from another host.
            RejectedError: another 4xx in answer to a write.
            IntegrityError: the answer is longer than `limit`, or compressed.
            UnavailableError: anything else, after the last attempt.
            ConfigurationError: the credentials or the host's certificate authority cannot be read.
        """
        deadline = min(time.monotonic() + self._patience, self._until.get())
        call = _Call(method, url, what, limit, dict(headers or {}), data, deadline)
        with self._silences.guard(urlsplit(url).netloc, what) as again:
            passing = stamina.retry_context(
                on=lambda error: backoff(error, call.deadline - time.monotonic()),
                attempts=1 if again else self._attempts,
                timeout=None,
                wait_initial=0.1,
                wait_max=2.0,
                wait_jitter=0.2,
            )
            for attempt in passing:
                with attempt:
                    return self._authorized(call)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _authorized(self, call: _Call) -> RegistryResponse:
        """Send with the token of last time; when the registry asks for one, get it and send once more."""
        key = (origin(call.url), call.scope)
        answer = self._follow_redirects(call, self._tokens.get(key))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            authorization = self._answer_challenge(call, answer.headers.get("WWW-Authenticate", ""))
            self._tokens.put(key, authorization, 1)
            answer = self._follow_redirects(call, authorization)
        return raise_for_status(call.method, call.what, call.url, answer)

    def _follow_redirects(self, call: _Call, authorization: str | None) -> RegistryResponse:
        """Send, following redirects of reads; the authorization stays with the registry's own host."""
        url = call.url
        for _ in range(_REDIRECTS):
            at_home = origin(url) == origin(call.url)
            answer = self._send(call, url, {"Authorization": authorization} if authorization and at_home else {})
            if answer.status == HTTPStatus.UNAUTHORIZED and not at_home:
                raise AccessDeniedError(
                    f"{call.what}: the registry redirects to {host_of(url)}, which wants credentials of its own"
                )
            location = answer.headers.get("Location", "")
            if call.method != "GET" or answer.status not in _REDIRECTIONS or not location:
                return answer
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
        """Send one request to one URL and read the answer to its end."""
        host, started = host_of(url), time.monotonic()
        if started > call.deadline:
            raise NoResponseError(f"{call.what}: {host} is not asked any more, as {self._patience:g} s have passed")
        headers = {"Accept-Encoding": "identity", "User-Agent": "catalyst-reconciler", **call.headers, **authorization}
        answering = False
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
                answering = True
                return _read(response, call, host)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if (mistrust := self._hosts.certificate_error(url, call.what, error)) is not None:
                raise mistrust from error
            # urllib3 calls a connection that was refused a kind of time-out
            in_time = not isinstance(error, urllib3.exceptions.TimeoutError) or isinstance(error, NewConnectionError)
            if not in_time:
                late = time.monotonic() - started > self._patience
                took = f"finish within {self._patience:g}" if late else f"answer within {self._timeout:g}"
                raise NoResponseError(f"{call.what}: {host} did not {took} s") from error
            raise (RetryableError if answering else NoResponseError)(
                f"{call.what}: the connection to {host} failed", "check that the registry runs and is reachable"
            ) from error

    def _answer_challenge(self, call: _Call, challenge: str) -> str:
        """Return the `Authorization` that a `WWW-Authenticate` asks for (RFC 7235)."""
        scheme, _, rest = challenge.partition(" ")
        host = urlsplit(call.url).netloc
        basic = self._credentials.basic(host)
        if scheme.lower() == "basic" and basic:
            return basic
        if scheme.lower() != "bearer":
            raise AccessDeniedError(
                f"{call.what}: {host} wants credentials and none are configured for it",
                f"add {host} to the docker config.json that the configuration names",
            )
        return self._token(call, token_url(rest, call.url, call.what, self._hosts.token_origins(host)), basic)

    def _token(self, call: _Call, url: str, basic: str | None) -> str:
        fetch = _Call("GET", url, f"a token for {call.what}", _TOKEN_LIMIT, {}, None, call.deadline)
        answer = self._send(fetch, url, {"Authorization": basic} if basic else {})
        if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):  # not Missing: the artifact may well exist
            raise AccessDeniedError(f"{call.what}: {host_of(url)} issues no token to us ({answer.status})")
        token = parse_token(raise_for_status("GET", fetch.what, url, answer).body)
        if token is None:
            raise AccessDeniedError(f"{call.what}: {host_of(url)} sends a token that is none")
        return f"Bearer {token}"


def _read(response: urllib3.BaseHTTPResponse, call: _Call, host: str) -> RegistryResponse:
    """Read a body piece by piece, and compute its digest meanwhile; one that is too long is not read on."""
    success = response.status < HTTPStatus.MULTIPLE_CHOICES
    if success and response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise IntegrityError(f"{call.what}: {host} sends it compressed, which was not asked for")
    limit = call.limit if success else _ERROR_LIMIT
    too_long = (response.length_remaining or 0) > limit  # what it says of itself, if it does
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
    """One request as it was asked for; redirects change the URL it is sent to, nothing else."""

    method: str
    url: str
    what: str
    limit: int
    headers: dict[str, str]
    data: bytes | None
    deadline: float  # by the monotonic clock: when nothing is sent for it any more

    @property
    def scope(self) -> str:
        """What a token is good for: one repository, read or write."""
        repository = re.sub(r"/(tags|manifests|blobs|referrers)/.*", "", urlsplit(self.url).path)
        return f"{repository} {'read' if self.method == 'GET' else 'write'}"
