"""Reads the predicate of an attestation from an envelope with a verified signature (DSSE, in-toto's Statement).

cosign reports whether the signature is valid and not the content that it read, so the content is parsed here again. Whoever can
push may have put the envelope into a bundle of their own, so that everything that two parsers could read differently is rejected,
duplicate keys above all.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from reconciler.model.errors import IntegrityError

_TYPE = "application/vnd.in-toto+json"


def read_predicate(content: bytes, predicate_type: str, *, bundled: bool) -> Any:
    """Returns the predicate of an attestation.

    Args:
        content: a Sigstore bundle, or a DSSE envelope alone.
        predicate_type: the required type of the predicate.
        bundled: whether `content` is a bundle.

    Raises:
        IntegrityError: it is not such an attestation, or can be parsed in more than one way.
    """
    try:
        document = json.loads(content, object_pairs_hook=reject_duplicate_keys)
        envelope = document["dsseEnvelope"] if bundled else document
        if envelope["payloadType"] != _TYPE:
            raise IntegrityError(f"an attestation's payload is not of the type {_TYPE}")
        statement = json.loads(base64.b64decode(envelope["payload"], validate=True), object_pairs_hook=reject_duplicate_keys)
        if statement["predicateType"] != predicate_type:
            raise IntegrityError(f"an attestation's predicate is not of the type {predicate_type}")
        return statement["predicate"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise IntegrityError(f"an attestation of {predicate_type} cannot be read") from None


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Builds an object for `json.loads` (as `object_pairs_hook`); ValueError for a duplicate key."""
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a duplicate key")
    return mapping
