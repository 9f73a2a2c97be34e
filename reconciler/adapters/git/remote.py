"""One conversation with a git server: time-outs, credentials, the lease, and what libgit2's errors mean.

libgit2 waits for ever, asks for a password for ever, follows redirects with the password in hand and returns normally
from a push that the server refused; each of these is turned off or noticed here.
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
    IntegrityError,
    NotFoundError,
    ReconcilerError,
    RejectedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pygit2.remotes import PushUpdate, TransferProgress

    from reconciler.model.git import GitCredentials

# All global to the process. The time-outs bound each wait on a socket; a whole transfer is bounded by _LONGEST. (Only a
# server that sends its list of branches drop by drop is bounded by neither.)
pygit2.settings.server_connect_timeout = 5_000  # milliseconds

pygit2.settings.server_timeout = 10_000  # milliseconds

# libgit2 sends a request's head and body apart; waiting for the server's "100 Continue" (RFC 9110, 10.1.1) in between
# is quicker than the 40 ms that TCP's delayed acknowledgement otherwise costs at each request of a fetch.
pygit2.settings.enable_http_expect_continue(value=True)

_LONGEST = 120.0  # seconds that one fetch or push may take

_LARGEST = 256 * 1024 * 1024  # bytes that one fetch may bring

_OF_INTEREST = re.compile(r"refs/heads/(?!refs/)|refs/catalyst/|refs/pull/\d+/head$")  # a branch may be called like a ref

_NOBODY = "0" * 40  # how git writes the id of a branch that does not exist

_MOST_WORDS = 1000  # characters kept of what a server says

_THEIRS = frozenset({2, 12, 16, 34})  # libgit2's git_error_t: OS, NET, SSL, HTTP

_STATUS = re.compile(r"unexpected http status code: (\d+)")


class Remote:
    """A repository on a server or on disk, at an http(s):// or file:// url or an absolute path.

    On disk libgit2 itself plays the server: it runs **no hooks**, cannot leave out history, and compares a push's
    lease just before it writes instead of under git's own lock.

    Attributes:
        name: the url as it may be shown.

    Raises:
        ConfigurationError: the url is of another kind, or carries a user name or a password.
    """

    def __init__(self, url: str, credentials: GitCredentials | None) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ConfigurationError(f"a repository's url cannot be read: {error}") from None
        user, _, host = parts.netloc.rpartition("@")
        self.name = printable(parts._replace(netloc=host).geturl())
        if user:
            raise ConfigurationError(f"the url of {self.name} carries a user name or password", "give credentials separately")
        self._credentials = credentials
        self._disk: Path | None = None
        self._url = url
        if parts.scheme in ("file", "") and not host and parts.path.startswith("/"):
            self._disk = Path(unquote(parts.path) if parts.scheme else url)
            self._url = self._disk.as_uri()
        elif parts.scheme not in ("http", "https") or not host:
            raise ConfigurationError(f"cannot use {self.name or 'an empty url'}", "use http(s)://, file:// or an absolute path")

    def heads(self, repo: pygit2.Repository) -> dict[str, str]:
        """Return the server's branches by name, refs of ours and heads of pull requests in full -> commit id; one request."""
        with self._session(repo) as (server, talk):
            refs = {head.name or "": str(head.oid) for head in server.list_heads(callbacks=talk)}
        return {name.removeprefix("refs/heads/"): id_ for name, id_ in refs.items() if _OF_INTEREST.match(name)}

    def fetch(self, repo: pygit2.Repository, refs: Mapping[str, str], *, history: bool) -> None:
        """Bring the newest commit of each of the server's refs into ours, with no history unless asked for, or on disk."""
        with self._session(repo) as (server, talk):
            specs = [f"+{theirs}:{ours}" for theirs, ours in refs.items()]
            server.fetch(specs, callbacks=talk, depth=0 if self._disk or history else 1)

    def remove(self, repo: pygit2.Repository, branch: str, expect: str) -> None:
        """Delete the branch if it is at `expect`."""
        with self._session(repo) as (server, talk):
            talk.lease = expect
            server.push([f":{full(branch)}"], callbacks=talk)
            talk.check_push_result(branch)

    def push(self, repo: pygit2.Repository, commit: str, branch: str, expect: str | None) -> None:
        """Set the branch to the commit if it is at `expect` (None: if it does not exist)."""
        if self._disk and (self._disk / ".git").exists():
            raise ConfigurationError(f"{self.name} has a work tree; only a bare repository can be pushed to")
        with self._session(repo) as (server, talk):
            talk.lease = expect or _NOBODY
            # "+" leaves it to the lease, and to the server, whether history may be rewritten
            server.push([f"+{commit}:{full(branch)}"], callbacks=talk)
            talk.check_push_result(branch)

    @contextmanager
    def _session(self, repo: pygit2.Repository) -> Iterator[tuple[pygit2.Remote, _Callbacks]]:
        """Map errors that are the other side's to faults; those of the local clone pass as pygit2.GitError."""
        if self._disk and not any((self._disk / head).is_file() for head in ("HEAD", ".git/HEAD")):
            raise NotFoundError(f"there is no git repository at {self.name}")
        try:
            yield repo.remotes.create_anonymous(self._url), _Callbacks(self.name, self._credentials)
        except pygit2.GitError as error:
            fault = self._fault_of(error)
            if fault is None or repo.path in str(error):
                raise
            raise fault from error

    def _fault_of(self, error: pygit2.GitError) -> ReconcilerError | None:
        """Return what an error of libgit2 says about the other side, None when it says nothing about it."""
        words = printable(self._credentials.redact(str(error)) if self._credentials else str(error))
        if isinstance(error, pygit2.errors.CertificateError):
            return ConfigurationError(f"cannot trust {self.name}: {words}", "add the server's authority to this machine's")
        if isinstance(error, pygit2.errors.AuthError):
            return AccessDeniedError(f"{self.name} refused the credentials: {words}")
        if getattr(error, "error_class", None) not in _THEIRS:
            return None
        found = _STATUS.search(words)
        status = found[1] if found else ""
        match status:
            case "401" | "403":
                return AccessDeniedError(
                    f"{self.name} refuses this user ({status})", "check the user's rights to this repository"
                )
            case "404" | "410":
                return NotFoundError(f"there is no git repository at {self.name}, or none that this user may see")
        return UnavailableError(f"{self.name} did not answer as it should: {words}")


class _Callbacks(pygit2.RemoteCallbacks):
    """What libgit2 asks and tells during one conversation; a ReconcilerError raised here ends it."""

    def __init__(self, name: str, credentials: GitCredentials | None) -> None:
        super().__init__()
        self._name = name
        self._known = credentials
        self._end = time.monotonic() + _LONGEST
        self._words = ""
        self._answers: dict[str, str | None] = {}
        self.lease = ""

    def custom_headers(self) -> list[str] | None:
        """Send the credentials at once: no second request, and nothing to be asked for again and again."""
        return [self._known.header] if self._known else None

    def credentials(self, *_: object) -> NoReturn:
        """Give up: the server wants other credentials than those that were sent."""
        if self._known:
            raise AccessDeniedError(f"{self._name} refused user {printable(self._known.username)}", "check the password or token")
        raise AccessDeniedError(f"{self._name} wants a user name and password", "configure credentials for it")

    def transfer_progress(self, stats: TransferProgress) -> None:
        """End a fetch that is too large or too slow."""
        if stats.received_bytes > _LARGEST:
            raise IntegrityError(f"{self._name} sends more than {_LARGEST} bytes", "remove large files from the branch")
        self._check_time()

    def push_transfer_progress(self, *_: int) -> None:
        """End a push that is too slow."""
        self._check_time()

    def sideband_progress(self, string: str) -> None:
        """Keep what the server says, for it may be why it refuses."""
        self._words = (self._words + string)[-_MOST_WORDS:]
        self._check_time()

    def push_negotiation(self, updates: list[PushUpdate]) -> None:
        """Compare the lease with what the server has just said; a server checks it again when it writes."""
        if any(str(update.src) != self.lease for update in updates):
            raise self._moved(updates[0].dst_refname)

    def push_update_reference(self, refname: str, message: str | None) -> None:
        """Keep the server's verdict; None is the only success."""
        self._answers[refname] = message

    def check_push_result(self, branch: str) -> None:
        """Raise unless the server said that it moved the branch."""
        ref = full(branch)
        answer = self._answers.get(ref, "no verdict")
        if answer == "failed to update ref":  # git's words when another push won between negotiation and lock
            raise self._moved(ref)
        if answer is not None:
            heard = self._known.redact(self._words) if self._known else self._words
            said = "; ".join(line.strip() for line in heard.splitlines() if line.strip())
            words = printable(f"{answer}: {said}" if said else answer, 2 * _MOST_WORDS)
            raise RejectedError(f"{self._name} rejected the push to {branch}: {words}", "see the server's branch rules and hooks")

    def _moved(self, ref: str) -> ConcurrentUpdateError:
        return ConcurrentUpdateError(f"{ref.removeprefix('refs/heads/')} of {self._name} is not where it was last seen")

    def _check_time(self) -> None:
        if time.monotonic() > self._end:
            raise UnavailableError(f"{self._name} is too slow: not done in {_LONGEST:.0f} s")


def full(branch: str) -> str:
    """A branch's name as a ref; one that is a ref already stays."""
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"
