"""Values of a git repository: a commit, the files read from one, the limits within which they are read."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class GitCredentials:
    """A user name and a password or token, sent with every request to the one server they are for."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The HTTP header (Basic, RFC 7617) that carries them."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Authorization: Basic {b64encode(pair).decode()}"

    def redact(self, text: str) -> str:
        """A server's words without the password, which it may say back."""
        for secret in (self.header.rpartition(" ")[2], self.password):
            text = text.replace(secret, "...") if secret else text
        return text


@dataclass(frozen=True)
class Commit:
    """A commit: ids in hexadecimal, `time` the committer's since the epoch, `committer` their address, `author` as git has it."""

    id: str
    tree: str
    parents: tuple[str, ...]
    time: int
    message: str
    committer: str
    author: str


@dataclass(frozen=True)
class SnapshotLimits:
    """How much of a commit is read: bytes of one file, bytes in all, and entries (files, folders, anything) in all."""

    file: int = 1024 * 1024
    total: int = 16 * 1024 * 1024
    entries: int = 5000


@dataclass(frozen=True)
class Snapshot:
    """What a commit holds.

    Attributes:
        commit: the commit's id.
        files: path -> content, sorted; a file with a problem is left out.
        problems: everything that cannot be read as a plain file, each with its path made printable.
    """

    commit: str
    files: Mapping[str, bytes]
    problems: tuple[Problem, ...]


# What the reconciler wrote itself may be larger than what a person may write: it holds a line for each of their lines and more.
OWN_LIMITS: Final = SnapshotLimits(file=32 * 1024 * 1024, total=64 * 1024 * 1024)
