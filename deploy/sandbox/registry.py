"""The OCI registry: distribution, with its blobs on disk, over plain HTTP."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import http_json
import places
from servers import HOST, Ports, Server

if TYPE_CHECKING:
    from pathlib import Path

    from build import Built

# Deleting is on so that tests can take an artifact away under the reconciler's feet.
_CONFIG = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: false}}}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  delete: {{enabled: true}}
http:
  addr: {host}:{port}
  secret: {secret}
"""


def server(built: Built, folder: Path) -> Server:
    """Return the registry that keeps its data in `folder`."""

    def command(ports: Ports) -> list[str | Path]:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "config.yml"
        text = _CONFIG.format(folder=folder / "blobs", host=HOST, port=ports["http"], secret=secrets.token_hex(16))
        places.write(config, text, 0o600)
        return [built.binary, "serve", config]

    # Its telemetry would look for a collector and fill the log with not having found one.
    return Server(
        "registry",
        ports=("http",),
        command=command,
        healthy=lambda ports: http_json.answers(f"http://{HOST}:{ports['http']}/v2/"),
        env={"OTEL_TRACES_EXPORTER": "none"},
    )
