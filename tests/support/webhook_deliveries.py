"""Signed webhook deliveries, as Gitea sends them."""

from __future__ import annotations

import hashlib
import hmac
import json

SECRET = "a secret of deliveries"  # noqa: S105

PUSH = json.dumps({"ref": "refs/heads/main", "repository": {"full_name": "Acme/Prod"}}).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headed(body: bytes, *, id_: str = "1", event: str = "push") -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-Gitea-Event": event,
        "X-Gitea-Delivery": id_,
        "X-Gitea-Signature": sign(body),
    }
