"""Data of a git repository: a commit, a snapshot of its files, the limits of a snapshot, and credentials."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class GitCredentials:
    """A user name and a password or token. They are sent with every request to the server they belong to, and to no other."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The HTTP header (Basic, RFC 7617) with the credentials."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Authorization: Basic {b64encode(pair).decode()}"

    def redact(self, text: str) -> str:
        """Removes the credentials from a server's message, which may repeat them."""
        for secret in (self.header.rpartition(" ")[2], self.password):
            text = text.replace(secret, "...") if secret else text
        return text


@dataclass(frozen=True)
class Commit:
    """A commit: its ids in hexadecimal, its message, its author and its committer.

    `time` is the committer's, in seconds since the epoch, `committer` their email address, `author` as in git.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    time: int
    message: str
    committer: str
    author: str


@dataclass(frozen=True)
class SnapshotLimits:
    """Limits of a snapshot: bytes of one file, bytes in total, and tree entries (files, folders and others) in total."""

    file: int = 1024 * 1024
    total: int = 16 * 1024 * 1024
    entries: int = 5000


@dataclass(frozen=True)
class Snapshot:
    """The files of a commit.

    Attributes:
        commit: the commit's id.
        files: path -> content, sorted; a file with a problem is omitted.
        problems: a problem for each entry that cannot be read as a plain file, with its path made printable.
    """

    commit: str
    files: Mapping[str, bytes]
    problems: tuple[Problem, ...]


# The files that the reconciler writes may be larger than the documents of `main`: they have at least a line for each of theirs.
OWN_LIMITS: Final = SnapshotLimits(file=32 * 1024 * 1024, total=64 * 1024 * 1024)
