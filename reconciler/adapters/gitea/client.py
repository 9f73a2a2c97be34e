"""Sends requests to Gitea's API through httpx: retries, bounds, checked shapes, mapped errors. Endpoints are in other modules.

May not: follow a redirect (which would send the token elsewhere), use a body without checking its shape, or show the token.
"""

from __future__ import annotations

import re
import ssl
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import quote, unquote, urlsplit

import httpx
import stamina
from pydantic import BaseModel, TypeAdapter, ValidationError

from reconciler.adapters.gitea.server_clock import ServerClock
from reconciler.model.errors import (
    AccessDeniedError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

PAGE_SIZE: Final = 50  # Gitea's limit unless it is configured otherwise (api.MAX_RESPONSE_ITEMS)
MAX_PAGES: Final = 100  # 5,000 repositories, pull requests, comments
_MAX_BYTES = 8 * 1024 * 1024  # of one response
_MAX_SECONDS = 30.0  # for one response
_REJECTIONS = frozenset({405, 409, 422})  # a rule of the repository, a concurrent change, a value that Gitea does not accept
_REPOSITORY: Final = re.compile(r"/api/v1/repos/([^/]+/[^/]+)")  # in the path of a request
_MAX_REASON = 500  # characters quoted of the server's message

T = TypeVar("T")


class MovedRepositoryError(ConfigurationError):
    """The repository has another name now: it, or its owner, was renamed. `repository` is the new owner/name."""

    def __init__(self, before: str, repository: str) -> None:
        super().__init__(f"the repository {before} is called {repository} now", "configure it under that name")
        self.repository = repository


class _Rejection(BaseModel):
    message: str


_REJECTION: Final = TypeAdapter(_Rejection)

_with_retries = stamina.RetryingCaller(attempts=3, timeout=10.0, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2)


class Client:
    """One Gitea server. Close it, or use it in a `with`; it may be shared by threads.

    Every method may raise UnavailableError (after a few attempts), AccessDeniedError, NotFoundError, IntegrityError (a response
    of an unexpected shape or size) and, from writes, RejectedError (with the server's message).

    Args:
        url: the address of Gitea, such as `https://gitea.example.org` or `.../gitea`, without credentials.
        token: an access token with the scopes `write:repository`, for comments `write:issue`, and for teams `read:organization`.
        timeout: seconds to wait for a connection, and for each part of a response.

    Raises:
        ConfigurationError: the url is invalid, or the token cannot be sent.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 10.0) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"Gitea's url cannot be read: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise ConfigurationError("Gitea's url must be http(s)://host without a user name", "give the token separately")
        if not (token.isascii() and token.isprintable()):
            raise ConfigurationError("Gitea's token contains characters that cannot be sent", "check its file for a line break")
        self.url = str(parsed).rstrip("/")
        self._token, self._clock = token, ServerClock()
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        trust = (
            ssl.create_default_context()
        )  # the machine's certificate authorities, which git uses too, instead of httpx's own list
        self._client = httpx.Client(headers=headers, timeout=timeout, verify=trust, trust_env=False)

    def __repr__(self) -> str:
        return f"Gitea({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    @property
    def clock_ahead(self) -> float:
        """Seconds by which this machine's clock is ahead of the server's (`ServerClock.ahead`)."""
        return self._clock.ahead

    def read(self, path: str, query: Mapping[str, str], shape: TypeAdapter[T]) -> T:
        """Fetches a resource below `/api/v1` with retries, and checks its shape."""
        return self.parse(path, _with_retries(UnavailableError, self._send, "GET", path, query), shape)

    def parse(self, path: str, content: bytes, shape: TypeAdapter[T]) -> T:
        """Parses a response and checks its shape."""
        try:
            return shape.validate_json(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise IntegrityError(
                f"{self.url}/api/v1{path} sent a response of an unexpected shape: {first['loc']}: {first['msg']}"
            ) from None

    def paginate(self, path: str, query: Mapping[str, str], shape: TypeAdapter[T], *, empty: int = 1) -> Iterator[T]:
        """Fetches a list page by page, up to an empty one: a short page may not be the last, as a server may send fewer entries.

        Args:
            path: below `/api/v1`.
            query: of each request.
            shape: of a page.
            empty: how many empty pages in a row end the list.

        Raises:
            IntegrityError: the list has more than 5,000 entries.
        """
        empty_left = empty
        for page in range(1, MAX_PAGES + 1):
            content = self.read(path, {**query, "limit": str(PAGE_SIZE), "page": str(page)}, shape)
            empty_left = empty if content else empty_left - 1
            if not empty_left:
                return
            if content:
                yield content
        raise IntegrityError(f"{self.url}/api/v1{path} lists more than {PAGE_SIZE * MAX_PAGES}")

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Changes a resource below `/api/v1`. Not retried: a second attempt could change it twice."""
        return self._send(method, path, body=body)

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> bytes:
        sent = time.time()
        try:
            with self._client.stream(method, f"{self.url}/api/v1{path}", params=query, json=body) as response:
                self._clock.observe(response.headers.get("Date", ""), sent, time.time())
                rejected = response.status_code in _REJECTIONS
                if not rejected:
                    self._raise_for_status(path, response.status_code, response.headers.get("Location", ""))
                content, deadline = bytearray(), time.monotonic() + _MAX_SECONDS
                for part in response.iter_bytes():
                    content += part
                    if time.monotonic() > deadline:
                        raise UnavailableError(f"{self.url}/api/v1{path} is too slow: not done within {_MAX_SECONDS:.0f} s")
                    if len(content) > _MAX_BYTES:
                        raise IntegrityError(f"{self.url}/api/v1{path} sends more than {_MAX_BYTES} bytes")
            if rejected:
                raise RejectedError(f"{self.url}/api/v1{path} answered {response.status_code}: {self._reason(bytes(content))}")
            return bytes(content)
        except httpx.ProtocolError as error:  # its text quotes the server, which may echo the token
            raise UnavailableError(f"{self.url}/api/v1{path} did not respond in HTTP ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self.url}/api/v1{path} did not respond: {type(error).__name__}: {error}") from error

    def _reason(self, content: bytes) -> str:
        """Returns the server's reason of a rejection, on one line and without the token, which it may echo."""
        try:
            reason = _REJECTION.validate_json(content).message
        except ValidationError:
            reason = "no reason"
        line = "".join(char if char.isprintable() else " " for char in reason.replace(self._token, "..."))
        return line[:_MAX_REASON].strip() or "no reason"

    def _raise_for_status(self, path: str, status: int, location: str) -> None:
        summary = f"{self.url}/api/v1{path} answered {status}"
        match status:
            case 200 | 201 | 204:
                return
            case 401 | 403:
                raise AccessDeniedError(summary, "check the token and its scopes")
            case 404:
                raise NotFoundError(summary, "check that the url is Gitea's")
            case _ if 300 <= status < 400:  # noqa: PLR2004 - the redirects of HTTP
                before, now = _REPOSITORY.match(f"/api/v1{path}"), _REPOSITORY.search(urlsplit(location).path)
                if before and now and (repository := unquote(now[1])) != unquote(before[1]):
                    raise MovedRepositoryError(unquote(before[1]), repository)
                raise ConfigurationError(summary, "configure the url to which it redirects")
            case _:
                raise UnavailableError(summary)


def path_of(repository: str) -> str:
    """Returns a repository (owner/name) as part of a URL's path."""
    return "/".join(quote(part, safe="") for part in repository.split("/"))
