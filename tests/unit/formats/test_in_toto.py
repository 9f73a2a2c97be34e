"""What an attestation says: of what two readers could read differently nothing is taken, and nothing ends a pass."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.formats.in_toto import read_predicate
from reconciler.formats.legacy_signatures import SIGNATURE, attestation_bundle, signature_bundle
from reconciler.formats.trusted_root import WitnessRequirements
from reconciler.model.errors import IntegrityError

SBOM = "https://spdx.dev/Document"
IN_TOTO = "application/vnd.in-toto+json"


def envelope(statement: str, payload_type: str = IN_TOTO) -> dict[str, str]:
    return {"payloadType": payload_type, "payload": base64.b64encode(statement.encode()).decode()}


def bundle(statement: str, **change: str) -> bytes:
    return json.dumps({"dsseEnvelope": envelope(statement) | change}).encode()


GOOD = json.dumps({"predicateType": SBOM, "predicate": {"a": 1}})


def test_the_predicate_of_a_bundle_and_of_an_envelope_is_read() -> None:
    assert read_predicate(bundle(GOOD), SBOM, bundled=True) == {"a": 1}
    assert read_predicate(json.dumps(envelope(GOOD)).encode(), SBOM, bundled=False) == {"a": 1}


@pytest.mark.parametrize(
    "content",
    [
        bundle(GOOD, payloadType="text/plain"),
        bundle(json.dumps({"predicateType": "https://cyclonedx.org/bom", "predicate": 1})),
        bundle(GOOD[:-1] + ', "predicate": {"a": 2}}'),
        bundle(GOOD)[:-1] + b", " + bundle(GOOD)[1:],
        bundle(GOOD, payload="e30"),
        bundle(GOOD, payload="_-=="),
        b"[" * 100_000,
        b"null",
        b"",
    ],
    ids=["payload type", "predicate type", "two predicates", "two envelopes", "base64", "url base64", "deep", "null", "empty"],
)
def test_what_could_be_read_otherwise_is_not_read(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        read_predicate(content, SBOM, bundled=True)


WORDS = st.sampled_from(
    ["dsseEnvelope", "payload", "payloadType", "predicateType", "predicate", SBOM, IN_TOTO, "Payload", "body"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(ANYTHING, st.booleans())
def test_nothing_is_raised_but_what_is_ours(value: Any, bundled: bool) -> None:
    texts = (json.dumps(value), json.dumps({"dsseEnvelope": value}), bundle(json.dumps(value)).decode())
    for text in texts:
        with contextlib.suppress(IntegrityError):
            read_predicate(text.encode(), SBOM, bundled=bundled)


@given(ANYTHING, st.text(max_size=20), st.binary(max_size=20))
def test_no_old_signature_raises_anything(value: Any, text: str, content: bytes) -> None:
    prefix = "dev.sigstore.cosign"
    for words in (json.dumps(value), text):
        annotations = {f"{prefix}/{name}": words for name in ("certificate", "bundle", "rfc3161timestamp")} | {SIGNATURE: words}
        for demands in (
            WitnessRequirements(),
            WitnessRequirements(certificate=True),
            WitnessRequirements(log=True),
            WitnessRequirements(time=True),
        ):
            for made in (
                signature_bundle(content, annotations, demands),
                attestation_bundle(words.encode(), annotations, demands),
            ):
                assert made is None or isinstance(json.loads(made), dict)
