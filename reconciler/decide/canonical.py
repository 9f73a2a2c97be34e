"""Digests over data: equal meaning, equal digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of(data: Any) -> str:
    """The sha256 digest of plain data in canonical JSON (sorted keys, no blanks), as `sha256:<hex>`."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
