"""The keys of the reconciler's commits: signs with one, and accepts the signatures of some (`formats.ssh_signature`).

A key file is as `ssh-keygen -t ed25519 -N ''` makes it, for its owner alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_ssh_private_key

from reconciler.formats import ssh_signature
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MAX_KEY_FILE = 64 * 1024  # bytes
_OTHERS = 0o027  # the rights that nobody else may have: a group may read, as of a Secret that Kubernetes mounts


class CommitKeys:
    """The key to sign with, and the public keys that are accepted.

    Args:
        key: the key to sign with; None where commits are only verified. Its own signatures are accepted.
        accepted: other public keys, in OpenSSH's format.

    Raises:
        ConfigurationError: an accepted key is not of Ed25519.
    """

    def __init__(self, key: Ed25519PrivateKey | None, accepted: Iterable[str] = ()) -> None:
        self._key = key
        self._own = key.public_key().public_bytes_raw() if key is not None else None
        self._accepted: dict[bytes, Ed25519PublicKey] = {}
        for line in accepted:
            if (public := ssh_signature.parse_public_key(line)) is None:
                raise ConfigurationError(
                    f"signing.acceptedKeys: {line[:80]!r} is no Ed25519 key", "write it as ssh-keygen does: ssh-ed25519 AAAA..."
                )
            self._accepted[public] = Ed25519PublicKey.from_public_bytes(public)
        if key is not None and self._own is not None:
            self._accepted[self._own] = key.public_key()

    @classmethod
    def read(cls, file: Path | None, accepted: Iterable[str]) -> Self:
        """Reads the key file, where one is named.

        Raises:
            ConfigurationError: it cannot be read, is open to others, or is no Ed25519 key without a passphrase.
        """
        return cls(_read(file) if file is not None else None, accepted)

    @property
    def can_sign(self) -> bool:
        """Whether there is a key to sign with."""
        return self._key is not None

    @property
    def public_key(self) -> str | None:
        """The public key to the one that signs, in OpenSSH's format."""
        return ssh_signature.format_public_key(self._own) if self._own is not None else None

    def sign(self, content: bytes) -> bytes:
        """Returns a commit object's content with its signature; unchanged where there is no key to sign with."""
        if self._key is None or self._own is None:
            return content
        signature = self._key.sign(ssh_signature.signed_data(content))
        return ssh_signature.sign_commit(content, ssh_signature.armor(self._own, signature))

    def is_accepted(self, content: bytes) -> bool:
        """Whether a commit object's content has a valid signature of an accepted key."""
        return self._signer(content) is not None

    def is_own(self, content: bytes) -> bool:
        """Whether a commit object's content has a valid signature of the key that signs."""
        return self._own is not None and self._signer(content) == self._own

    def _signer(self, content: bytes) -> bytes | None:
        """Returns the accepted public key with which a commit was signed; None without a valid signature of one."""
        split = ssh_signature.split_commit(content)
        parsed = ssh_signature.parse(split[1]) if split is not None else None
        if split is None or parsed is None or parsed[0] not in self._accepted:
            return None
        try:
            self._accepted[parsed[0]].verify(parsed[1], ssh_signature.signed_data(split[0]))
        except InvalidSignature:
            return None
        return parsed[0]


def create_key_file(file: Path) -> bool:
    """Makes a key file for its owner alone (0600), if there is none; returns whether it did.

    Raises:
        ConfigurationError: it cannot be written.
    """
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigurationError(f"signing.keyFile {file} cannot be made: {error.strerror}") from None
    return True


def _read(file: Path) -> Ed25519PrivateKey:
    try:
        with file.open("rb") as opened:
            mode, content = os.fstat(opened.fileno()).st_mode, opened.read(_MAX_KEY_FILE)
    except FileNotFoundError:
        raise ConfigurationError(
            f"signing.keyFile {file} is missing", "make it once with: reconciler init -c FILE ORG/ENV; then keep a copy"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"signing.keyFile {file} cannot be read: {error.strerror}") from None
    if mode & _OTHERS:
        raise ConfigurationError(f"signing.keyFile {file} is open to others than its owner", f"chmod 600 {file}")
    try:
        key = load_ssh_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it needs a passphrase
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"signing.keyFile {file} is no Ed25519 key without a passphrase", "ssh-keygen -t ed25519 -N ''")
    return key
