"""HTTP to OCI registries, hardened: every answer is bounded in time and size, and credentials stay at home.

What `world.registry` says about repositories and digests becomes requests here. The rules, each met by an incident:

- plain http only to hosts that the configuration lists; a redirect never leads from https to http;
- credentials and tokens go to the registry's own host only, and a token is asked for at no other host than that
  (`WWW-Authenticate: Bearer realm=` may name any), so a registry that lies learns nothing;
- a connect and a read time-out, a deadline over a whole body, and a limit on its size;
- only what may pass by itself is tried again, with jitter, and `Retry-After` is honoured up to ten seconds;
- `.netrc` and proxy variables are not consulted.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
import stamina
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import parse_dict_header

from reconciler.model.faults import Corrupt, Denied, Unavailable
from reconciler.world.registry_answers import Answer, Passing, accept, backoff, host_of, json_object
from reconciler.world.registry_auth import Credentials

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_CHUNK = 65536
_REDIRECTS = 5
_TOKEN_LIMIT = 65536
_ERROR_LIMIT = 65536
_BODY_PATIENCE = 4  # a whole body may take this many times the read time-out


class Transport:
    """One pool of connections to registries, shared by all threads.

    Args:
        plain_http: the hosts (`host` or `host:port`) spoken to without TLS.
        credentials: a docker `config.json`; None for anonymous access.
        timeout: seconds to connect, and seconds without a byte; a whole body may take four times that.
        attempts: how often a request is sent before `Unavailable` is raised.
    """

    def __init__(self, *, plain_http: Collection[str], credentials: Path | None, timeout: float, attempts: int) -> None:
        self._plain_http = frozenset(plain_http)
        self._credentials = Credentials(credentials)
        self._timeout = timeout
        self._attempts = attempts
        self._tokens: dict[tuple[str, str], str] = {}
        self._session = requests.Session()
        self._session.trust_env = False  # no .netrc: it would send a person's passwords to whoever asks
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=16))

    def base(self, host: str) -> str:
        """The URL that everything of this registry starts with, such as `https://ghcr.io`."""
        return f"{'http' if host in self._plain_http else 'https'}://{host}"

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def request(
        self,
        method: str,
        url: str,
        what: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        """Send one request and read its whole answer, at most `limit` bytes.

        `url` belongs to the registry that the credentials are for; `what` names the thing asked for in messages.

        Raises:
            Missing: 404.
            Denied: 401 or 403, or the registry wants a token from another host.
            Rejected: another 4xx in answer to a write.
            Corrupt: the answer is longer than `limit`.
            Unavailable: anything else, after the last attempt.
        """
        passing = stamina.retry_context(
            on=backoff, attempts=self._attempts, timeout=None, wait_initial=0.1, wait_max=2.0, wait_jitter=0.2
        )
        for attempt in passing:
            with attempt:
                return self._authorized(_Call(method, url, what, limit, dict(headers or {}), data))
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _authorized(self, call: _Call) -> Answer:
        """Send with the token of last time; when the registry asks for one, get it and send once more."""
        key = (call.origin, call.scope)
        answer = self._follow(call, self._tokens.get(key))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            challenge = answer.headers.get("WWW-Authenticate", "")
            self._tokens[key] = authorization = self._answer_challenge(call, challenge)
            answer = self._follow(call, authorization)
        return accept(call.method, call.what, call.url, answer)

    def _follow(self, call: _Call, authorization: str | None) -> Answer:
        """Send, following redirects of reads; the authorization stays with the registry's own host."""
        url = call.url
        for _ in range(_REDIRECTS):
            headers = dict(call.headers)
            if authorization and _origin(url) == call.origin:
                headers["Authorization"] = authorization
            answer = self._once(call, url, headers)
            location = answer.headers.get("Location", "")
            if call.method != "GET" or answer.status not in requests.models.REDIRECT_STATI or not location:
                return answer
            url = self._redirect(call, url, location)
        raise Unavailable(f"{call.what}: the registry redirects more than {_REDIRECTS} times")

    def _redirect(self, call: _Call, url: str, location: str) -> str:
        target = join(url, location, call.what)
        scheme = urlsplit(target).scheme
        plain = scheme == "http" and urlsplit(url).scheme == "http" and urlsplit(target).netloc in self._plain_http
        if scheme != "https" and not plain:
            raise Denied(
                f"{call.what}: the registry redirects to {host_of(target)} without TLS, which is not followed",
                "have the registry redirect to https, or serve its blobs itself",
            )
        return target

    def _once(self, call: _Call, url: str, headers: dict[str, str]) -> Answer:
        """Send one request to one URL and read the answer to its end."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "catalyst-reconciler", **headers}
        host = host_of(url)
        try:
            with self._session.request(
                call.method,
                url,
                data=call.data,
                headers=headers,
                timeout=(self._timeout, self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, response.headers, self._read(response, call, host))
        except requests.exceptions.SSLError as error:
            raise Unavailable(f"{call.what}: {host} shows a certificate that cannot be verified") from error
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise Passing(f"{call.what}: {host} did not answer within {self._timeout:g} s") from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Passing(
                f"{call.what}: the connection to {host} failed", "check that the registry runs and is reachable"
            ) from error

    def _read(self, response: requests.Response, call: _Call, host: str) -> bytes:
        """Read a body piece by piece: one `recv` at a time, so that a dripping server meets the deadline."""
        success = response.status_code < HTTPStatus.MULTIPLE_CHOICES
        patience = _BODY_PATIENCE * self._timeout
        deadline = time.monotonic() + patience
        body = bytearray()
        while piece := response.raw.read1(_CHUNK, decode_content=False):
            body += piece
            if success and len(body) > call.limit:
                raise Corrupt(f"{call.what}: {host} sends more than the {call.limit} bytes that are accepted")
            if not success and len(body) > _ERROR_LIMIT:
                break  # the status says enough
            if time.monotonic() > deadline:
                raise Passing(f"{call.what}: {host} did not finish within {patience:g} s")
        return bytes(body)

    def _answer_challenge(self, call: _Call, challenge: str) -> str:
        """Return the `Authorization` that a `WWW-Authenticate` asks for (RFC 7235, distribution's token protocol)."""
        scheme, _, rest = challenge.partition(" ")
        host = urlsplit(call.url).netloc
        basic = self._credentials.basic(host)
        if scheme.lower() == "basic" and basic:
            return basic
        if scheme.lower() != "bearer":
            raise Denied(
                f"{call.what}: {host} wants credentials and none are configured for it",
                f"add {host} to the docker config.json that the configuration names",
            )
        parameters = parse_dict_header(rest)
        realm = join(call.url, str(parameters.get("realm") or ""), call.what)
        if _origin(realm) != call.origin:
            raise Denied(
                f"{call.what}: {host} wants us to fetch a token from {host_of(realm)}; "
                "credentials go to the registry's own host only",
                "use a registry that issues its tokens itself, or a mirror in the Sovereign",
            )
        return self._token(call, realm, parameters, basic)

    def _token(self, call: _Call, realm: str, parameters: Mapping[str, Any], basic: str | None) -> str:
        query = {key: str(parameters[key]) for key in ("service", "scope") if parameters.get(key)}
        url = requests.Request("GET", realm, params=query).prepare().url or realm
        what = f"a token for {call.what}"
        headers = {"Authorization": basic} if basic else {}
        answer = self._once(_Call("GET", url, what, _TOKEN_LIMIT, {}, None), url, headers)
        if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):  # not Missing: the artifact may well exist
            raise Denied(f"{call.what}: {host_of(url)} issues no token to us ({answer.status})")
        answer = accept("GET", what, url, answer)
        token = json_object(answer.body).get("token") or json_object(answer.body).get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Denied(f"{call.what}: {host_of(url)} sends a token that is none")
        return f"Bearer {token}"


@dataclass(frozen=True)
class _Call:
    """One request as it was asked for; redirects change the URL it is sent to, nothing else."""

    method: str
    url: str
    what: str
    limit: int
    headers: dict[str, str]
    data: bytes | None

    @property
    def origin(self) -> str:
        return _origin(self.url)

    @property
    def scope(self) -> str:
        """What a token is good for: one repository, read or write."""
        repository = re.sub(r"/(tags|manifests|blobs|referrers)/.*", "", urlsplit(self.url).path)
        return f"{repository} {'read' if self.method == 'GET' else 'write'}"


def _origin(url: str) -> str:
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def join(url: str, location: str, what: str) -> str:
    """Resolve a `Location`, `Link` or realm against the URL it came from; Corrupt when it is no URL."""
    try:
        target = urljoin(url, location)
        urlsplit(target)
    except ValueError as error:
        raise Corrupt(f"{what}: {host_of(url)} refers to something that is no address") from error
    return target
