"""Public keys for trust policies, one for each word; nobody signs with them."""

from __future__ import annotations

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@cache
def public_key(word: str) -> str:
    """The ECDSA P-256 key of a word, in PEM."""
    secret = int.from_bytes(hashlib.sha256(word.encode()).digest()[:31], "big") + 1
    key = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
