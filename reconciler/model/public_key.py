"""Reads a PEM public key: whether it is one, and of which kind, to refuse the kinds by which cosign verifies nothing.

Measured with cosign 3.1.3: ECDSA P-256 and RSA of 2048 to 4096 bits verify, as signatures and as attestations. It signs with
P-384 and P-521 without an error and then accepts no signature; it does not sign with Ed25519, and reads no other kind.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

USABLE: Final = "an ECDSA P-256 key, or an RSA key of 2048 to 4096 bits"

_PEM: Final = re.compile(r"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")
_INTEGER, _BITS, _OID = 0x02, 0x03, 0x06  # DER's tags
_RSA: Final = "2a864886f70d010101"
_EC: Final = "2a8648ce3d0201"
_P256: Final = "2a8648ce3d030107"
# Names of what may be found instead, by the object identifier of the key or of its curve.
_NAMES: Final = {
    "2b81040022": "ECDSA P-384",
    "2b81040023": "ECDSA P-521",
    "2b8104000a": "ECDSA secp256k1",
    "2b6570": "Ed25519",
    "2b6571": "Ed448",
    "2a864886f70d01010a": "RSA-PSS",
    "2a8648ce380401": "DSA",
}
_POINT_BYTES, _UNCOMPRESSED = 65, 0x04
_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1  # P-256: y^2 = x^3 - 3x + _CONSTANT (SEC 2, 2.4.2)
_CONSTANT: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_LEAST_BITS: Final = 2048
_MOST_BITS: Final = 4096


def is_public_key(pem: str) -> bool:
    """Returns whether a text is one PEM block that holds a public key (RFC 5280, SubjectPublicKeyInfo) and nothing else."""
    parts = _parts(pem)
    return parts is not None and (parts[0] != [_EC, _P256] or _is_point(parts[1]))


def unusable_kind(pem: str) -> str:
    """Returns the kind of a public key by which cosign verifies nothing; empty when it can, and for what is no public key."""
    parts = _parts(pem)
    try:
        return _kind(*parts) if parts is not None else ""
    except (ValueError, IndexError, StopIteration):
        return "RSA without a modulus"


def _parts(pem: str) -> tuple[list[str], bytes] | None:
    """Returns a public key's object identifiers and its bits; None for what is no public key."""
    match = _PEM.fullmatch(pem)
    try:
        ((_, key),) = _children(base64.b64decode("".join(match[1].split()) if match else "", validate=True))
        algorithm, (tag, bits) = _children(key)
        identifiers = [value.hex() for kind, value in _children(algorithm[1]) if kind == _OID]
    except (binascii.Error, ValueError, IndexError):
        return None
    return (identifiers, bits[1:]) if tag == _BITS and identifiers and bits[1:] else None


def _is_point(key: bytes) -> bool:
    """Returns whether the bits of a P-256 key are a point of the curve, uncompressed (SEC 1, 2.3.3), as Go requires."""
    x, y = int.from_bytes(key[1:33], "big"), int.from_bytes(key[33:], "big")
    is_coordinates = len(key) == _POINT_BYTES and key[0] == _UNCOMPRESSED and x < _PRIME and y < _PRIME
    return is_coordinates and (y * y - x * x * x + 3 * x - _CONSTANT) % _PRIME == 0


def _kind(identifiers: list[str], key: bytes) -> str:
    if identifiers == [_EC, _P256]:
        return ""
    if identifiers == [_RSA]:
        modulus = int.from_bytes(next(value for tag, value in _children(_children(key)[0][1]) if tag == _INTEGER), "big")
        size = modulus.bit_length()
        return "" if _LEAST_BITS <= size <= _MOST_BITS else f"RSA of {size} bits"
    return next((_NAMES[name] for name in reversed(identifiers) if name in _NAMES), "an unknown kind")


def _children(der: bytes) -> list[tuple[int, bytes]]:
    """Returns the tags and contents of the elements in DER; ValueError or IndexError when it is malformed."""
    elements: list[tuple[int, bytes]] = []
    position = 0
    while position < len(der):
        tag, length, position = der[position], der[position + 1], position + 2
        if length >= 0x80:  # noqa: PLR2004 - the long form: the lower bits say how many bytes have the length
            count = length & 0x7F
            length, position = int.from_bytes(der[position : position + count], "big"), position + count
        if position + length > len(der):
            raise ValueError("an element ends beyond its container")
        elements.append((tag, der[position : position + length]))
        position += length
    return elements
