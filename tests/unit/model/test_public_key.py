"""Which kinds of keys are taken, as cosign 3.1.3 itself verifies by them; and that the others are refused where they are read."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.cosign.arguments import signer_flags
from reconciler.domain.validation.document_parser import parse_document
from reconciler.model.errors import ConfigurationError
from reconciler.model.public_key import is_public_key, unusable_kind
from reconciler.model.trust import Signer, TrustPolicy
from tests.support.builders import source

if TYPE_CHECKING:
    from pathlib import Path


def pem(key: Any) -> str:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, spki)
    return text.decode()


KINDS = {
    "P-256": (pem(ec.generate_private_key(ec.SECP256R1())), ""),
    "P-384": (pem(ec.generate_private_key(ec.SECP384R1())), "ECDSA P-384"),
    "P-521": (pem(ec.generate_private_key(ec.SECP521R1())), "ECDSA P-521"),
    "secp256k1": (pem(ec.generate_private_key(ec.SECP256K1())), "ECDSA secp256k1"),
    "brainpool": (pem(ec.generate_private_key(ec.BrainpoolP256R1())), "an unknown kind"),
    "Ed25519": (pem(ed25519.Ed25519PrivateKey.generate()), "Ed25519"),
    "Ed448": (pem(ed448.Ed448PrivateKey.generate()), "Ed448"),
    "DSA": (pem(dsa.generate_private_key(2048)), "DSA"),
    "RSA 1024": (
        pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - it is to be refused
        "RSA of 1024 bits",
    ),
    "RSA 2048": (pem(rsa.generate_private_key(65537, 2048)), ""),
    "RSA 2056": (pem(rsa.generate_private_key(65537, 2056)), ""),
    "RSA 3072": (pem(rsa.generate_private_key(65537, 3072)), ""),
}


def policy(key: str) -> dict[str, Any]:
    spec = {"artifacts": ["registry.example/**"], "authorities": [{"name": "release", "key": key}]}
    return {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": "release"}, "spec": spec}


@pytest.mark.parametrize("name", KINDS)
def test_a_key_is_refused_where_it_is_read_unless_cosign_verifies_by_its_kind(name: str, tmp_path: Path) -> None:
    key, kind = KINDS[name]
    assert unusable_kind(key) == kind
    document, problems = parse_document(source(policy(key)), TrustPolicy)
    if not kind:
        assert document is not None
        assert signer_flags(tmp_path, Signer("release", key=key))
        return
    assert document is None
    assert [f"cosign cannot verify by a key of this kind ({kind})" in problem.message for problem in problems] == [True]
    with pytest.raises(ConfigurationError, match="by which cosign cannot verify"):
        signer_flags(tmp_path, Signer("release", key=key))


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n", KINDS["P-384"][0][:120]]
)
def test_what_is_no_key_is_of_no_kind(text: str) -> None:
    assert unusable_kind(text) == ""


GOOD = KINDS["P-256"][0]
DER = base64.b64decode("".join(GOOD.split("\n")[1:-2]))


def armored(der: bytes) -> str:
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nnot base64!\n-----END PUBLIC KEY-----\n",
        armored(b""),
        armored(b"abc"),
        armored(DER[:60]),
        armored(DER + b"\0\0"),
        armored(DER[:-1] + bytes([DER[-1] ^ 1])),  # no point of the curve
        GOOD[:120],
        GOOD * 2,
        GOOD + "# of the team",
        GOOD + KINDS["P-384"][0],
    ],
)
def test_a_trust_policy_takes_one_key_and_nothing_that_only_looks_like_one(text: str) -> None:
    assert not is_public_key(text)
    document, problems = parse_document(source(policy(text)), TrustPolicy)
    assert document is None
    assert ["the PEM block is no public key" in problem.message for problem in problems] == [True]


def test_of_whatever_kind_a_key_is_it_is_a_key() -> None:
    assert [name for name, (key, _) in KINDS.items() if not is_public_key(key)] == []


@given(st.binary(max_size=80), st.integers(0, 90))
def test_no_bytes_raise(damage: bytes, position: int) -> None:
    der = base64.b64decode("".join(KINDS["P-384"][0].split("\n")[1:-2]))
    body = base64.b64encode(der[:position] + damage + der[position + len(damage) :]).decode()
    text = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
    unusable_kind(text)
    is_public_key(text)
