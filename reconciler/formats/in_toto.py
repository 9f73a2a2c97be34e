"""What an attestation says, out of an envelope whose signature held (DSSE, in-toto's Statement); pure reading.

cosign says whether it holds and not what it read, so it is read here again. Whoever can push may have laid the envelope into a
bundle of their own making: nothing is taken of what two readers could read differently, a doubled key above all.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from reconciler.model.errors import IntegrityError

_TYPE = "application/vnd.in-toto+json"


def read_predicate(content: bytes, predicate_type: str, *, bundled: bool) -> Any:
    """Return the predicate of an attestation.

    Args:
        content: a Sigstore bundle, or a DSSE envelope alone.
        predicate_type: what the predicate must be.
        bundled: which of both.

    Raises:
        IntegrityError: it is no such attestation, or can be read in more than one way.
    """
    try:
        table = json.loads(content, object_pairs_hook=reject_duplicate_keys)
        envelope = table["dsseEnvelope"] if bundled else table
        if envelope["payloadType"] != _TYPE:
            raise IntegrityError(f"an attestation's payload is no {_TYPE}")
        statement = json.loads(base64.b64decode(envelope["payload"], validate=True), object_pairs_hook=reject_duplicate_keys)
        if statement["predicateType"] != predicate_type:
            raise IntegrityError(f"an attestation's predicate is no {predicate_type}")
        return statement["predicate"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise IntegrityError(f"an attestation of {predicate_type} cannot be read") from None


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`, as `object_pairs_hook`: an object whose keys stand once; ValueError for another."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice")
    return table
