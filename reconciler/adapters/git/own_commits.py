"""Tells a repository's own commits from those of others: by their committer, and by their signature where they are signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.git import Commit

_MAX_REMEMBERED = 20_000  # commits of which it is remembered whether their signature is valid


class CommitSigner(Protocol):
    """The keys of the commits; `adapters.commit_keys.CommitKeys` in production. Each takes a commit object's content."""

    @property
    def can_sign(self) -> bool:
        """Whether there is a key to sign with."""

    def sign(self, content: bytes) -> bytes:
        """The content with a signature of it."""

    def is_accepted(self, content: bytes) -> bool:
        """Whether it has a valid signature of an accepted key."""

    def is_own(self, content: bytes) -> bool:
        """Whether it has a valid signature of the key that signs."""


class OwnCommits:
    """The rules by which a commit is own.

    Args:
        mail: the committer's mail address.
        keys: sign the commits; None where they are not signed.
        read: returns a commit object's content, given its id.
    """

    def __init__(self, mail: str, keys: CommitSigner | None, read: Callable[[str], bytes]) -> None:
        self._mail, self._keys, self._read = mail, keys, read
        self._accepted: dict[str, bool] = {}

    @property
    def are_signed(self) -> bool:
        """Whether own commits are signed."""
        return self._keys is not None

    def is_own(self, commit: Commit) -> bool:
        """Whether a commit has this committer and, with keys, a valid signature of an accepted one.

        Without keys anybody can give a commit this committer.
        """
        return self.has_own_committer(commit) and (self._keys is None or self._is_accepted(self._keys, commit.id))

    def has_own_committer(self, commit: Commit) -> bool:
        """Whether a commit has this committer, signed or not."""
        return commit.committer == self._mail

    def needs_signature(self, commit: Commit) -> bool:
        """Whether commits are signed, and this one is not, or by another key."""
        return self._keys is not None and self._keys.can_sign and not self._keys.is_own(self._read(commit.id))

    def check_signing(self) -> None:
        """Raises a ConfigurationError where commits are signed, and there is no key to do so."""
        if self._keys is not None and not self._keys.can_sign:
            raise ConfigurationError(
                "the commits of the reconciler are signed, and this configuration has no key to sign with", "set signing.keyFile"
            )

    def signed(self, content: bytes) -> bytes:
        """Returns a commit object's content with a signature of it; unchanged where there is no key to sign with."""
        return self._keys.sign(content) if self._keys is not None and self._keys.can_sign else content

    def _is_accepted(self, keys: CommitSigner, id_: str) -> bool:
        """Whether the signature of a commit is valid. What an id stands for never changes: it is asked once."""
        if id_ not in self._accepted:
            if len(self._accepted) >= _MAX_REMEMBERED:
                self._accepted.clear()
            self._accepted[id_] = keys.is_accepted(self._read(id_))
        return self._accepted[id_]
