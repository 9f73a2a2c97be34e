"""Gitea's API through httpx: how it is spoken to. What it is asked is in the modules beside.

May not: follow a redirect (it would take the token elsewhere), believe a body without checking its shape, or show the
token.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
import stamina
from pydantic import BaseModel, TypeAdapter, ValidationError

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

PAGE_SIZE: Final = 50  # what Gitea gives at most unless it is set otherwise (api.MAX_RESPONSE_ITEMS)
MOST_PAGES: Final = 100  # 5,000 repositories, pull requests, comments
_LARGEST = 8 * 1024 * 1024  # bytes of one answer
_LONGEST = 30.0  # seconds that one answer may take
_REJECTIONS = frozenset({405, 409, 422})  # a rule of the repository's, somebody was quicker, a value that Gitea does not take
_MOST_WORDS = 500  # characters kept of what the server says

T = TypeVar("T")


class _Rejection(BaseModel):
    message: str


_WORDS: Final = TypeAdapter(_Rejection)

_patiently = stamina.RetryingCaller(attempts=3, timeout=10.0, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2)


class Client:
    """One Gitea server. Close it, or use it in a `with`; it may be shared by threads.

    Every method may raise Unavailable (after a few attempts), Denied, Missing, Corrupt (an answer of another shape
    or size) and, when something is to be changed, Rejected (with the server's words).

    Args:
        url: where Gitea is, such as `https://gitea.example.org` or `.../gitea`, without credentials.
        token: an access token with the scopes `write:repository`, for comments `write:issue`, and for teams `read:organization`.
        timeout: seconds to wait for a connection, and for each part of an answer.

    Raises:
        ConfigurationError: the url is not such a one, or the token cannot be sent.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 10.0) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"Gitea's url cannot be read: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise ConfigurationError("Gitea's url must be http(s)://host without a user name", "give the token separately")
        if not (token.isascii() and token.isprintable()):
            raise ConfigurationError("Gitea's token holds characters that no token has", "look for a line break in its file")
        self.url = str(parsed).rstrip("/")
        self._token = token
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        trust = ssl.create_default_context()  # the machine's authorities, as git has them, instead of httpx's own list
        self._client = httpx.Client(headers=headers, timeout=timeout, verify=trust, trust_env=False)

    def __repr__(self) -> str:
        return f"Gitea({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def read(self, path: str, query: Mapping[str, str], shape: TypeAdapter[T]) -> T:
        """Ask for something below `/api/v1`, patiently, and check its shape."""
        return self.parse(path, _patiently(UnavailableError, self._ask, "GET", path, query), shape)

    def parse(self, path: str, answer: bytes, shape: TypeAdapter[T]) -> T:
        """Check the shape of an answer."""
        try:
            return shape.validate_json(answer)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise IntegrityError(
                f"{self.url}/api/v1{path} answered in an unknown shape: {first['loc']}: {first['msg']}"
            ) from None

    def paginate(self, path: str, query: Mapping[str, str], shape: TypeAdapter[T], *, empty: int = 1) -> Iterator[T]:
        """Ask for a list page by page, up to an empty one: a short one proves nothing, a server may give fewer than asked.

        Args:
            path: below `/api/v1`.
            query: of each request.
            shape: of a page.
            empty: how many empty pages in a row are the end.

        Raises:
            IntegrityError: there are more than 5,000.
        """
        left = empty
        for page in range(1, MOST_PAGES + 1):
            some = self.read(path, {**query, "limit": str(PAGE_SIZE), "page": str(page)}, shape)
            left = empty if some else left - 1
            if not left:
                return
            if some:
                yield some
        raise IntegrityError(f"{self.url}/api/v1{path} lists more than {PAGE_SIZE * MOST_PAGES}")

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Change something below `/api/v1`. Not retried: a second attempt could do it twice."""
        return self._ask(method, path, body=body)

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> bytes:
        try:
            with self._client.stream(method, f"{self.url}/api/v1{path}", params=query, json=body) as response:
                rejected = response.status_code in _REJECTIONS
                if not rejected:
                    self._raise_for_status(path, response.status_code)
                answer, end = bytearray(), time.monotonic() + _LONGEST
                for part in response.iter_bytes():
                    answer += part
                    if time.monotonic() > end:
                        raise UnavailableError(f"{self.url}/api/v1{path} is too slow: not done in {_LONGEST:.0f} s")
                    if len(answer) > _LARGEST:
                        raise IntegrityError(f"{self.url}/api/v1{path} answers with more than {_LARGEST} bytes")
            if rejected:
                raise RejectedError(f"{self.url}/api/v1{path} answered {response.status_code}: {self._words(bytes(answer))}")
            return bytes(answer)
        except httpx.ProtocolError as error:  # its text quotes what the server sent, which may be our token
            raise UnavailableError(f"{self.url}/api/v1{path} did not answer in HTTP ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self.url}/api/v1{path} did not answer: {type(error).__name__}: {error}") from error

    def _words(self, answer: bytes) -> str:
        """Why the server turned something down, in its words without our token, which it may say back."""
        try:
            words = _WORDS.validate_json(answer).message
        except ValidationError:
            words = "no reason"
        line = "".join(c if c.isprintable() else " " for c in words.replace(self._token, "..."))
        return line[:_MOST_WORDS].strip() or "no reason"

    def _raise_for_status(self, path: str, status: int) -> None:
        where = f"{self.url}/api/v1{path} answered {status}"
        match status:
            case 200 | 201 | 204:
                return
            case 401 | 403:
                raise AccessDeniedError(where, "check the token and its scopes")
            case 404:
                raise NotFoundError(where, "check that the url is Gitea's")
            case _ if 300 <= status < 400:  # noqa: PLR2004 - the redirects of HTTP
                raise ConfigurationError(where, "configure the url that it redirects to")
            case _:
                raise UnavailableError(where)


def path_of(repository: str) -> str:
    """A repository (owner/name) as part of an address."""
    return "/".join(quote(part, safe="") for part in repository.split("/"))
