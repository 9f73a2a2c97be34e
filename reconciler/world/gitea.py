"""Gitea's API through httpx: repositories by topic, commit statuses, pull requests and their comments.

May not: follow a redirect (it would take the token elsewhere), believe a body without checking its shape, or show the
token.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote

import httpx
import stamina
from pydantic import BaseModel, TypeAdapter, ValidationError

from reconciler.model.faults import Corrupt, Denied, Misconfigured, Missing, Unavailable

if TYPE_CHECKING:
    from types import TracebackType

_PAGE = 50  # what Gitea gives at most unless it is set otherwise (api.MAX_RESPONSE_ITEMS)
_MOST_PAGES = 100  # 5,000 repositories
_LARGEST = 8 * 1024 * 1024  # bytes of one answer
_LONGEST = 30.0  # seconds that one answer may take

T = TypeVar("T")

_patiently = stamina.RetryingCaller(attempts=3, timeout=10.0, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2)


@dataclass(frozen=True)
class RemoteRepository:
    """A repository on the server; `clone_url` is under the address that we reach Gitea at, not its ROOT_URL."""

    owner: str
    name: str
    clone_url: str
    default_branch: str


@dataclass(frozen=True)
class PullRequest:
    """An open pull request: its number, the branch it is for, and the commit that it would merge."""

    number: int
    base: str
    head: str


@dataclass(frozen=True)
class Comment:
    """A comment: its id, who wrote it, and its text."""

    id: int
    author: str
    text: str


class _Side(BaseModel):
    ref: str
    sha: str


class _Pull(BaseModel):
    number: int
    base: _Side
    head: _Side


class _Author(BaseModel):
    login: str


class _Comment(BaseModel):
    id: int
    body: str
    user: _Author | None


class _Mark(BaseModel):
    context: str
    status: str  # what a POST calls `state`
    description: str


class _Combined(BaseModel):
    statuses: list[_Mark] | None


class _Owner(BaseModel):
    login: str


class _Found(BaseModel):
    owner: _Owner
    name: str
    default_branch: str
    archived: bool
    topics: list[str] | None


class _Page(BaseModel):
    ok: bool
    data: list[_Found]


class Gitea:
    """One Gitea server. Close it, or use it in a `with`; it may be shared by threads.

    Every method may raise Unavailable (after a few attempts), Denied, Missing and Corrupt (an answer of another shape
    or size).

    Args:
        url: where Gitea is, such as `https://gitea.example.org` or `.../gitea`, without credentials.
        token: an access token with the scopes `write:repository` and, for comments, `write:issue`.
        timeout: seconds to wait for a connection, and for each part of an answer.

    Raises:
        Misconfigured: the url is not such a one, or the token cannot be sent.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 10.0) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise Misconfigured(f"Gitea's url cannot be read: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise Misconfigured("Gitea's url must be http(s)://host without a user name", "give the token separately")
        if not (token.isascii() and token.isprintable()):
            raise Misconfigured("Gitea's token holds characters that no token has", "look for a line break in its file")
        self._url = str(parsed).rstrip("/")
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        trust = ssl.create_default_context()  # the machine's authorities, as git has them, instead of httpx's own list
        self._client = httpx.Client(headers=headers, timeout=timeout, verify=trust, trust_env=False)

    def __repr__(self) -> str:
        return f"Gitea({self._url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def repositories(self, topic: str) -> tuple[RemoteRepository, ...]:
        """Return the repositories with exactly this topic that the token may see, archived ones left out, sorted.

        Raises:
            Corrupt: there are more than 5,000.
        """
        found: dict[tuple[str, str], RemoteRepository] = {}
        for page in range(1, _MOST_PAGES + 1):
            some = self._search(topic, page)
            for each in some:
                if topic in (each.topics or ()) and not each.archived:
                    key = each.owner.login, each.name
                    found[key] = RemoteRepository(*key, self._clone_url(*key), each.default_branch)
            if not some:  # a short page proves nothing: a server may be set to give fewer than asked for
                return tuple(found[key] for key in sorted(found))
        raise Corrupt(f"{self._url} finds more than {_PAGE * _MOST_PAGES} repositories by topic {topic}")

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        """Return the newest commit status of each context: context -> (state, description).

        Args:
            repository: owner/name.
            commit: its full id.
        """
        path = f"/api/v1/repos/{_path(repository)}/commits/{commit}/status"
        marks = self._read(path, {}, TypeAdapter(_Combined)).statuses or []
        return {mark.context: (mark.status, mark.description) for mark in marks}

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        """Set a commit status, which links to the page on the `status` branch. Not retried: the next pass sees it missing.

        Args:
            repository: owner/name.
            commit: its full id.
            context: the status's name.
            state: pending, success, failure or error.
            description: one line.
        """
        mark = {
            "context": context,
            "state": state,
            "description": description,
            "target_url": f"{self._url}/{_path(repository)}/src/branch/status/README.md",
        }
        self._ask("POST", f"/api/v1/repos/{_path(repository)}/statuses/{commit}", body=mark)

    def pull_requests(self, repository: str) -> tuple[PullRequest, ...]:
        """Return the open pull requests of a repository (owner/name), the oldest first.

        Raises:
            Corrupt: there are more than 5,000.
        """
        path = f"/api/v1/repos/{_path(repository)}/pulls"
        found: dict[int, PullRequest] = {}
        for page in range(1, _MOST_PAGES + 1):
            query = {"state": "open", "sort": "oldest", "limit": str(_PAGE), "page": str(page)}
            some = self._read(path, query, TypeAdapter(list[_Pull]))
            found |= {one.number: PullRequest(one.number, one.base.ref, one.head.sha) for one in some}
            if not some:
                return tuple(found[number] for number in sorted(found))
        raise Corrupt(f"{self._url}{path} lists more than {_PAGE * _MOST_PAGES} open pull requests")

    def comments(self, repository: str, number: int) -> tuple[Comment, ...]:
        """Return the comments of a pull request, the oldest first."""
        path = f"/api/v1/repos/{_path(repository)}/issues/{number}/comments"
        found = self._read(path, {}, TypeAdapter(list[_Comment]))
        return tuple(Comment(one.id, one.user.login if one.user else "", one.body) for one in found)

    def post_comment(self, repository: str, number: int, text: str) -> None:
        """Comment on a pull request. Not retried: a second attempt could double it."""
        self._ask("POST", f"/api/v1/repos/{_path(repository)}/issues/{number}/comments", body={"body": text})

    def edit_comment(self, repository: str, comment: int, text: str) -> None:
        """Put another text into a comment."""
        self._ask("PATCH", f"/api/v1/repos/{_path(repository)}/issues/comments/{comment}", body={"body": text})

    def _read(self, path: str, query: dict[str, str], shape: TypeAdapter[T]) -> T:
        try:
            return shape.validate_json(_patiently(Unavailable, self._ask, "GET", path, query))
        except ValidationError:
            raise Corrupt(f"{self._url}{path} answered in an unknown shape") from None

    def _search(self, topic: str, page: int) -> list[_Found]:
        """Return one page; sorted by creation, so that a repository made meanwhile comes last and hides no other."""
        query = {"q": topic, "topic": "true", "sort": "created", "order": "asc", "limit": str(_PAGE), "page": str(page)}
        body = _patiently(Unavailable, self._ask, "GET", "/api/v1/repos/search", query)
        try:
            answer = _Page.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise Corrupt(f"{self._url} answered a search in an unknown shape: {first['loc']}: {first['msg']}") from None
        if not answer.ok:
            raise Unavailable(f"{self._url} could not search its repositories")
        return answer.data

    def _ask(self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, str] | None = None) -> bytes:
        try:
            with self._client.stream(method, self._url + path, params=query, json=body) as response:
                self._check(path, response.status_code)
                answer, end = bytearray(), time.monotonic() + _LONGEST
                for part in response.iter_bytes():
                    answer += part
                    if time.monotonic() > end:
                        raise Unavailable(f"{self._url}{path} is too slow: not done in {_LONGEST:.0f} s")
                    if len(answer) > _LARGEST:
                        raise Corrupt(f"{self._url}{path} answers with more than {_LARGEST} bytes")
                return bytes(answer)
        except httpx.ProtocolError as error:  # its text quotes what the server sent, which may be our token
            raise Unavailable(f"{self._url}{path} did not answer in HTTP ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._url}{path} did not answer: {type(error).__name__}: {error}") from error

    def _check(self, path: str, status: int) -> None:
        where = f"{self._url}{path} answered {status}"
        match status:
            case 200 | 201:
                return
            case 401 | 403:
                raise Denied(where, "check the token and its scopes")
            case 404:
                raise Missing(where, "check that the url is Gitea's")
            case _ if 300 <= status < 400:  # noqa: PLR2004 - the redirects of HTTP
                raise Misconfigured(where, "configure the url that it redirects to")
            case _:
                raise Unavailable(where)

    def _clone_url(self, owner: str, name: str) -> str:
        return f"{self._url}/{_path(f'{owner}/{name}')}.git"


def _path(repository: str) -> str:
    return "/".join(quote(part, safe="") for part in repository.split("/"))
