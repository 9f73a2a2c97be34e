"""SSH signatures as OpenSSH writes them (PROTOCOL.sshsig), of Ed25519 keys in the namespace `git`, and their place in a commit.

Only what git and ssh-keygen write of such a key is read; anything else is no signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from typing import Final

KEY_TYPE: Final = b"ssh-ed25519"
NAMESPACE: Final = b"git"  # by which git keeps the signatures of commits and tags from others of the same key

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASH: Final = b"sha512"
_LINE: Final = 70  # characters of one armored line
_ARMOR: Final = re.compile(r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\n?")
_PUBLIC_KEY: Final = re.compile(r"\s*ssh-ed25519 ([A-Za-z0-9+/]+={0,2})(?:\s.*)?")
_KEY_SIZE: Final = 32
_SIGNATURE_SIZE: Final = 64
_HEADER: Final = b"gpgsig "


def parse_public_key(line: str) -> bytes | None:
    """Returns the 32 bytes of a public key in OpenSSH's format (`ssh-ed25519 AAAA... comment`); None for anything else."""
    match = _PUBLIC_KEY.fullmatch(line)
    try:
        blob = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        return None
    key = blob[-_KEY_SIZE:]
    return key if blob == _key_blob(key) else None


def format_public_key(key: bytes) -> str:
    """Returns a public key in OpenSSH's format, without a comment."""
    return f"{KEY_TYPE.decode()} {base64.b64encode(_key_blob(key)).decode()}"


def signed_data(payload: bytes) -> bytes:
    """Returns the bytes that the key signs for a payload."""
    parts = (NAMESPACE, b"", _HASH, hashlib.sha512(payload).digest())
    return _MAGIC + b"".join(map(_string, parts))


def armor(key: bytes, signature: bytes) -> str:
    """Returns an Ed25519 signature as text, with the public key that verifies it."""
    text = base64.b64encode(_envelope(key, signature)).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join(("-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""))


def parse(text: str) -> tuple[bytes, bytes] | None:
    """Returns the public key and the signature of an armored text; None when it is not as `armor` writes it."""
    match = _ARMOR.fullmatch(text)
    try:
        envelope = base64.b64decode("".join(match[1].split()), validate=True) if match else b""
    except binascii.Error:
        return None
    head = len(_MAGIC) + 4 + 4 + len(_string(KEY_TYPE)) + 4
    key, signature = envelope[head : head + _KEY_SIZE], envelope[-_SIGNATURE_SIZE:]
    return (key, signature) if envelope == _envelope(key, signature) and len(signature) == _SIGNATURE_SIZE else None


def sign_commit(content: bytes, signature: str) -> bytes:
    """Returns a commit object's content with an armored signature of it, as its last header."""
    header, _, message = content.partition(b"\n\n")
    return header + b"\n" + _HEADER + signature.strip().replace("\n", "\n ").encode() + b"\n\n" + message


def split_commit(content: bytes) -> tuple[bytes, str] | None:
    """Returns what is signed of a commit's content, and the armored signature; None when it is not as `sign_commit` makes it."""
    header, separator, message = content.partition(b"\n\n")
    unsigned, _, signature = header.partition(b"\n" + _HEADER)
    text = signature.replace(b"\n ", b"\n").decode("ascii", "replace") + "\n"
    payload = unsigned + separator + message
    return (payload, text) if signature and sign_commit(payload, text) == content else None


def _envelope(key: bytes, signature: bytes) -> bytes:
    parts = (_key_blob(key), NAMESPACE, b"", _HASH, _string(KEY_TYPE) + _string(signature))
    return _MAGIC + struct.pack(">I", _VERSION) + b"".join(map(_string, parts))


def _key_blob(key: bytes) -> bytes:
    return _string(KEY_TYPE) + _string(key)


def _string(value: bytes) -> bytes:
    """Returns a value as SSH's `string`: its length, then its bytes (RFC 4251, 5)."""
    return struct.pack(">I", len(value)) + value
