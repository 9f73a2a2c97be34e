"""Speaking to a Kubernetes API server: its kubeconfigs and the few calls that setting up needs."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import urllib.error
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import http_json
import places

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Api:
    """An API server and the administrator's way into it.

    Attributes:
        url: its address.
        authority: the file of the certificates that vouch for it.
        token: the administrator's bearer token.
    """

    url: str
    authority: Path
    token: str

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """Return the body of a 2xx answer; errors as in `http_json.call`."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        tls = ssl.create_default_context(cafile=str(self.authority))
        return http_json.call(method, self.url + path, body, headers, tls)

    def get(self, path: str) -> Any:
        """Return a decoded object or list; errors as in `call`."""
        return json.loads(self.call("GET", path))

    def create(self, path: str, item: dict[str, Any]) -> None:
        """Create an object unless it exists; errors as in `call`."""
        self.create_as(path, json.dumps(item).encode(), "application/json")

    def create_as(self, path: str, body: bytes, kind: str) -> None:
        """Create an object from its text, which the server itself parses, unless it exists; errors as in `call`."""
        try:
            self.call("POST", path, body, kind)
        except urllib.error.HTTPError as error:
            if error.code != http_json.CONFLICT:
                raise

    def write_kubeconfig(self, path: Path, context: str) -> None:
        """Write a kubeconfig, readable by this user alone, with one context of that name."""
        # JSON is YAML, and the standard library writes only the former.
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": context, "cluster": {"server": self.url, "certificate-authority-data": self._authority_data()}}
            ],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": "admin"}}],
            "current-context": context,
        }
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.write(path, json.dumps(config, indent=2) + "\n", 0o600)

    def _authority_data(self) -> str:
        return base64.b64encode(self.authority.read_bytes()).decode()


def signing_key() -> str:
    """Return a fresh P-256 private key in PEM: what the API server signs service account tokens with.

    The key is RFC 5915's ECPrivateKey without its optional public half, which readers work out for themselves; so
    neither openssl nor a library is needed to make one.
    """
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    number = (1 + secrets.randbelow(order - 1)).to_bytes(32, "big")
    p256 = bytes.fromhex("06082a8648ce3d030107")
    fields = b"\x02\x01\x01" + b"\x04\x20" + number + b"\xa0" + bytes([len(p256)]) + p256
    der = b"\x30" + bytes([len(fields)]) + fields
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n"
