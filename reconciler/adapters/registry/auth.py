"""Registry credentials, as docker keeps them in `config.json`, and where a token may be had for them.

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
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list

from reconciler.adapters.registry.responses import json_object
from reconciler.adapters.registry.urls import host_of, join, origin
from reconciler.model.errors import AccessDeniedError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class RegistryCredentials:
    """The credentials of all registries.

    Attributes:
        file: a docker `config.json`; None for anonymous access everywhere.
    """

    file: Path | None

    def basic(self, host: str) -> str | None:
        """Return `Basic ...` for this `host` or `host:port`, or None when there is nothing for it.

        Raises:
            ConfigurationError: the file cannot be read or is no docker config.json.
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
            raise ConfigurationError(f"the registry credentials in {self.file} cannot be read", hint) from None
        if not isinstance(auths, dict):
            raise ConfigurationError(f"the registry credentials in {self.file} have no `auths` table", hint)
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


def token_url(challenge: str, asked: str, what: str, elsewhere: Collection[str]) -> str:
    """Where a registry wants a token to be fetched (RFC 7235, distribution's token protocol).

    Args:
        challenge: what `WWW-Authenticate` says after `Bearer`.
        asked: the registry's URL that was asked.
        what: the thing asked for, for messages.
        elsewhere: origins other than the registry's own that may be asked for a token.

    Raises:
        AccessDeniedError: it is at another place, which would see the credentials.
        IntegrityError: it is no address.
    """
    pairs = (part.partition("=") for part in parse_http_list(challenge))
    parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
    realm = join(asked, parameters.get("realm", ""), what)
    if origin(realm) not in {origin(asked), *elsewhere}:
        host, other = host_of(asked), host_of(realm)
        raise AccessDeniedError(
            f"{what}: {host} wants us to fetch a token from {other}; credentials go to the registry's own host only",
            f"if {other} issues its tokens, over https, list it under registry.hosts: {{host: {host}, tokenHosts: [{other}]}}",
        )
    query = urlencode({key: parameters[key] for key in ("service", "scope") if parameters.get(key)})
    base = realm.partition("#")[0]
    return base + ("&" if urlsplit(base).query else "?") + query if query else base


def parse_token(body: bytes) -> str | None:
    """The token that a token server sends; None when it is none that may stand in a header."""
    answer = json_object(body)
    token = answer.get("token") or answer.get("access_token")
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else None
