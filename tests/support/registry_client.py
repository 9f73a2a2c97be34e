"""A registry client with short time limits, and the manifest and credentials that its tests use."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from reconciler.adapters.registry.client import Registry
from reconciler.formats.oci_manifest import MANIFEST_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.registry_server import HostileRegistry, Reply, Request

SECRET = "canary-secret-5f1c"  # noqa: S105 - a canary: it must show up nowhere

MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": "x/config", "digest": "sha256:" + "0" * 64, "size": 2},
        "layers": [{"mediaType": "x/layer", "digest": "sha256:" + "1" * 64, "size": 3, "annotations": {"a": "b", "c": 1}}],
    }
).encode()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def client(*servers: HostileRegistry, attempts: int = 1, credentials: Path | None = None) -> Registry:
    return Registry(plain_http=[s.host for s in servers], timeout=0.4, attempts=attempts, credentials=credentials)


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def docker_config(tmp_path: Path, host: str) -> Path:
    file = tmp_path / "config.json"
    auth = base64.b64encode(f"robot:{SECRET}".encode()).decode()
    file.write_text(json.dumps({"auths": {f"https://{host}/v2/": {"auth": auth}}}))
    return file


DIGEST = sha256(MANIFEST)
