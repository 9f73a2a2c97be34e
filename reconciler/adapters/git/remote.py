"""Runs one session with a git server: time-outs, credentials, the lease, and the mapping of libgit2's errors.

libgit2 waits without end, requests a password without end, follows redirects with the password and returns normally from a push
that the server refused; each of these is turned off or detected here.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote, urlsplit

import pygit2

from reconciler.formats.git_names import printable
from reconciler.model.errors import (
    AccessDeniedError,
    ConcurrentUpdateError,
    ConfigurationError,
    NotFoundError,
    ReconcilerError,
    RejectedError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pygit2.remotes import PushUpdate, TransferProgress

    from reconciler.model.git import GitCredentials

# All global to the process. The time-outs bound each wait on a socket; a whole transfer is bounded by _MAX_SECONDS. (Only a
# server that sends its list of branches byte by byte is bounded by neither.)
pygit2.settings.server_connect_timeout = 5_000  # milliseconds

pygit2.settings.server_timeout = 30_000  # milliseconds

# libgit2 sends a request's head and body apart; waiting for the server's "100 Continue" (RFC 9110, 10.1.1) in between
# is faster than the 40 ms that TCP's delayed acknowledgement otherwise costs at each request of a fetch.
pygit2.settings.enable_http_expect_continue(value=True)

_MAX_SECONDS = 120.0  # for one fetch or push

MAX_FETCH = 256 * 1024 * 1024  # bytes received by one fetch

_MAX_NAMED = 3  # refs that a message names

_RELEVANT_REFS = re.compile(r"refs/heads/(?!refs/)|refs/catalyst/|refs/pull/\d+/head$")  # a branch may have a name like a ref

_NO_COMMIT = "0" * 40  # the id of a branch that does not exist, in git's protocol

_MAX_MESSAGE = 1000  # characters of a server's messages that are stored

_REMOTE_ERRORS = frozenset({2, 12, 16, 34})  # libgit2's git_error_t: OS, NET, SSL, HTTP

# What git's upload-pack says of a commit that no ref leads to, and libgit2 of a server that gives out none by its id.
_NOT_GIVEN_OUT = ("not our ref", "unadvertised object", "cannot fetch a specific object")

_STATUS = re.compile(r"unexpected http status code: (\d+)")


class Remote:
    """A repository on a server or on disk, at an http(s):// or file:// url or an absolute path.

    On disk libgit2 itself acts as the server: it runs **no hooks**, cannot leave out history, and compares a push's lease just
    before it writes instead of under git's own lock.

    Args:
        url: the repository's url.
        credentials: for http(s).
        max_fetch: bytes that one fetch may receive.

    Attributes:
        name: the url without credentials, fit for a message.

    Raises:
        ConfigurationError: the url is of another kind, or contains a user name or a password.
    """

    def __init__(self, url: str, credentials: GitCredentials | None, max_fetch: int = MAX_FETCH) -> None:
        self._max_fetch = max_fetch
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ConfigurationError(f"a repository's url cannot be read: {error}") from None
        user, _, host = parts.netloc.rpartition("@")
        self.name = printable(parts._replace(netloc=host).geturl())
        if user:
            raise ConfigurationError(f"the url of {self.name} contains a user name or password", "give credentials separately")
        self._credentials = credentials
        self._disk: Path | None = None
        self._url = url
        if parts.scheme in ("file", "") and not host and parts.path.startswith("/"):
            self._disk = Path(unquote(parts.path) if parts.scheme else url)
            self._url = self._disk.as_uri()
        elif parts.scheme not in ("http", "https") or not host:
            raise ConfigurationError(f"cannot use {self.name or 'an empty url'}", "use http(s)://, file:// or an absolute path")

    def heads(self, repo: pygit2.Repository) -> dict[str, str]:
        """Returns the server's branches (by name), our refs and heads of pull requests (in full) -> commit id; one request."""
        with self._session(repo) as (server, callbacks):
            refs = {head.name or "": str(head.oid) for head in server.list_heads(callbacks=callbacks)}
        return {name.removeprefix("refs/heads/"): id_ for name, id_ in refs.items() if _RELEVANT_REFS.match(name)}

    def fetch(self, repo: pygit2.Repository, refs: Mapping[str, str], *, history: bool) -> None:
        """Fetches the newest commit of each of the server's refs into a local ref; with history only if requested or on disk."""
        with self._session(repo) as (server, callbacks):
            callbacks.fetched = tuple(refs)
            specs = [f"+{remote_ref}:{local_ref}" for remote_ref, local_ref in refs.items()]
            server.fetch(specs, callbacks=callbacks, depth=0 if self._disk or history else 1)

    def fetch_commit(self, repo: pygit2.Repository, id_: str) -> None:
        """Fetches a commit by its id into a local ref; nothing for a repository on disk, of which libgit2 cannot do so.

        Raises:
            NotFoundError: the server does not have it, or does not give out commits by their id.
        """
        if self._disk:
            return
        try:
            self.fetch(repo, {id_: f"refs/remotes/origin/commits/{id_}"}, history=False)
        except (UnavailableError, pygit2.GitError) as error:
            if any(words in str(error) for words in _NOT_GIVEN_OUT):
                raise NotFoundError(f"{self.name} does not give out the commit {id_}") from error
            raise

    def remove(self, repo: pygit2.Repository, branch: str, expect: str) -> None:
        """Deletes the branch if it is at `expect`."""
        with self._session(repo) as (server, callbacks):
            callbacks.lease = expect
            server.push([f":{full(branch)}"], callbacks=callbacks)
            callbacks.check_push_result(branch)

    def push(self, repo: pygit2.Repository, commit: str, branch: str, expect: str | None) -> None:
        """Sets the branch to the commit if it is at `expect` (None: if it does not exist)."""
        if self._disk and (self._disk / ".git").exists():
            raise ConfigurationError(f"{self.name} has a work tree; only a bare repository can be pushed to")
        with self._session(repo) as (server, callbacks):
            callbacks.lease = expect or _NO_COMMIT
            # "+" leaves the decision whether history may be rewritten to the lease and to the server
            server.push([f"+{commit}:{full(branch)}"], callbacks=callbacks)
            callbacks.check_push_result(branch)

    @contextmanager
    def _session(self, repo: pygit2.Repository) -> Iterator[tuple[pygit2.Remote, _Callbacks]]:
        """Opens a session; maps errors of the remote side to ReconcilerErrors, and passes on those of the clone as GitError."""
        if self._disk and not any((self._disk / head).is_file() for head in ("HEAD", ".git/HEAD")):
            raise NotFoundError(f"there is no git repository at {self.name}")
        try:
            yield repo.remotes.create_anonymous(self._url), _Callbacks(self.name, self._credentials, self._max_fetch)
        except pygit2.GitError as error:
            mapped = self._error_from(error)
            if mapped is None or repo.path in str(error):
                raise
            raise mapped from error

    def _error_from(self, error: pygit2.GitError) -> ReconcilerError | None:
        """Returns the ReconcilerError of a libgit2 error that concerns the remote side, None for any other."""
        message = printable(self._credentials.redact(str(error)) if self._credentials else str(error))
        if isinstance(error, pygit2.errors.CertificateError):
            return ConfigurationError(
                f"the certificate of {self.name} is not trusted: {message}",
                "add the server's certificate authority to this machine's",
            )
        if isinstance(error, pygit2.errors.AuthError):
            return AccessDeniedError(f"{self.name} refused the credentials: {message}")
        if getattr(error, "error_class", None) not in _REMOTE_ERRORS:
            return None
        match = _STATUS.search(message)
        status = match[1] if match else ""
        match status:
            case "401" | "403":
                return AccessDeniedError(
                    f"{self.name} refuses this user ({status})", "check the user's rights to this repository"
                )
            case "404" | "410":
                return NotFoundError(f"there is no git repository at {self.name}, or none that this user may see")
        return UnavailableError(f"{self.name} did not respond properly: {message}")


class _Callbacks(pygit2.RemoteCallbacks):
    """The callbacks of libgit2 during one session; a ReconcilerError raised here ends it."""

    def __init__(self, name: str, credentials: GitCredentials | None, max_fetch: int) -> None:
        super().__init__()
        self._name, self._max_fetch = name, max_fetch
        self._sent_credentials = credentials
        self._deadline = time.monotonic() + _MAX_SECONDS
        self._messages = ""
        self._verdicts: dict[str, str | None] = {}
        self.lease = ""
        self.fetched: tuple[str, ...] = ()

    def custom_headers(self) -> list[str] | None:
        """Sends the credentials with the first request, which spares a second one and libgit2's endless retries."""
        return [self._sent_credentials.header] if self._sent_credentials else None

    def credentials(self, *_: object) -> NoReturn:
        """Gives up: the server does not accept the credentials that were sent."""
        if self._sent_credentials:
            raise AccessDeniedError(
                f"{self._name} refused user {printable(self._sent_credentials.username)}", "check the password or token"
            )
        raise AccessDeniedError(f"{self._name} requires a user name and password", "configure credentials for it")

    def transfer_progress(self, stats: TransferProgress) -> None:
        """Ends a fetch that is too large or too slow."""
        if stats.received_bytes > self._max_fetch:
            names = [printable(ref.removeprefix("refs/heads/")) for ref in self.fetched]
            refs = ", ".join(names[:_MAX_NAMED]) + (" and others" if len(names) > _MAX_NAMED else "")
            raise TooLargeError(
                f"fetching {refs} of {self._name} takes over {self._max_fetch >> 20} MiB ({self._max_fetch} bytes), the limit",
                "remove large files from the branch and from its history",
            )
        self._check_time()

    def push_transfer_progress(self, *_: int) -> None:
        """Ends a push that is too slow."""
        self._check_time()

    def sideband_progress(self, string: str) -> None:
        """Records the server's messages, which may give the reason of a refusal."""
        self._messages = (self._messages + string)[-_MAX_MESSAGE:]
        self._check_time()

    def push_negotiation(self, updates: list[PushUpdate]) -> None:
        """Compares the lease with the id that the server has just reported; a server checks it again when it writes."""
        if any(str(update.src) != self.lease for update in updates):
            raise self._concurrent_update(updates[0].dst_refname)

    def push_update_reference(self, refname: str, message: str | None) -> None:
        """Records the server's verdict; None is the only success."""
        self._verdicts[refname] = message

    def check_push_result(self, branch: str) -> None:
        """Raises unless the server reported that it moved the branch."""
        ref = full(branch)
        verdict = self._verdicts.get(ref, "no verdict")
        if verdict == "failed to update ref":  # git's message when another push won between negotiation and lock
            raise self._concurrent_update(ref)
        if verdict is not None:
            messages = self._sent_credentials.redact(self._messages) if self._sent_credentials else self._messages
            explanation = "; ".join(line.strip() for line in messages.splitlines() if line.strip())
            reason = printable(f"{verdict}: {explanation}" if explanation else verdict, 2 * _MAX_MESSAGE)
            raise RejectedError(
                f"{self._name} rejected the push to {branch}: {reason}", "see the server's branch rules and hooks"
            )

    def _concurrent_update(self, ref: str) -> ConcurrentUpdateError:
        return ConcurrentUpdateError(f"{ref.removeprefix('refs/heads/')} of {self._name} is no longer at the expected commit")

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise UnavailableError(f"{self._name} is too slow: not done within {_MAX_SECONDS:.0f} s")


def full(branch: str) -> str:
    """Returns a branch's name as a ref; a ref is returned unchanged."""
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"
