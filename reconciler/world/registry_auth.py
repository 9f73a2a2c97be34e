"""Registry credentials, as docker keeps them in `config.json`.

The file is read each time a registry asks for credentials, so a rotated secret needs no restart. Credential helpers
(`credsStore`, `credHelpers`) are programs named by a file: they are never run.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.model.faults import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """The credentials of all registries.

    Attributes:
        file: a docker `config.json`; None for anonymous access everywhere.
    """

    file: Path | None

    def basic(self, host: str) -> str | None:
        """Return `Basic ...` for this `host` or `host:port`, or None when there is nothing for it.

        Raises:
            Misconfigured: the file cannot be read or is no docker config.json.
        """
        for name, entry in self._auths().items():
            if re.sub(r"^https?://|/.*$", "", name) == host and isinstance(entry, dict):
                return _basic(entry)
        return None

    def _auths(self) -> dict[str, Any]:
        if self.file is None:
            return {}
        hint = "give the path of a docker config.json with an `auths` table"
        try:
            auths = json.loads(self.file.read_bytes()).get("auths", {})
        except (OSError, ValueError, AttributeError, RecursionError):
            # the cause is left out: a decoder's message may quote the file
            raise Misconfigured(f"the registry credentials in {self.file} cannot be read", hint) from None
        if not isinstance(auths, dict):
            raise Misconfigured(f"the registry credentials in {self.file} have no `auths` table", hint)
        return auths


def _basic(entry: Mapping[str, Any]) -> str | None:
    """`Basic ...` of one entry: from `auth`, or from `username` and `password`."""
    auth, username, password = entry.get("auth"), entry.get("username"), entry.get("password")
    with contextlib.suppress(ValueError):  # no base64, or no characters: such an entry is none
        if isinstance(auth, str) and auth:
            base64.b64decode(auth, validate=True)
            return f"Basic {auth}"
        if isinstance(username, str) and isinstance(password, str):
            return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
    return None
