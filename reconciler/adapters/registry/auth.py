"""Reads registry credentials from docker's `config.json`, and checks where a token may be fetched with them.

The file is read each time a registry requires credentials, so that a rotated secret needs no restart. Credential helpers
(`credsStore`, `credHelpers`) are programs named by a file, and are never run.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from reconciler.adapters.registry.hosts import credential_names
from reconciler.adapters.registry.responses import json_object
from reconciler.adapters.registry.urls import host_of, join, origin
from reconciler.model.errors import AccessDeniedError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from reconciler.adapters.registry.header_fields import Challenge


_CLIENT: Final = "catalyst-reconciler"  # servers want some name of whoever fetches


@dataclass(frozen=True)
class RegistryCredentials:
    """The credentials of all registries.

    Attributes:
        file: a docker `config.json`; None for anonymous access everywhere.
    """

    file: Path | None

    def basic(self, host: str, repository: str = "") -> str | None:
        """Returns `Basic ...` for a repository at this `host` or `host:port`, or None when the file has no entry for it.

        Raises:
            ConfigurationError: the file cannot be read or is not a docker config.json.
        """
        entry = self._entry(host, repository)
        return _basic(entry) if entry is not None else None

    def identity_token(self, host: str, repository: str = "") -> str | None:
        """Returns the token for which the registry's token server issues others (`identitytoken`), or None.

        Raises:
            ConfigurationError: the file cannot be read or is not a docker config.json.
        """
        token = (self._entry(host, repository) or {}).get("identitytoken")
        return token if isinstance(token, str) and token else None

    def _entry(self, host: str, repository: str) -> Mapping[str, Any] | None:
        """Returns the entry for a repository.

        An entry may be of a host, of a folder of repositories or of one (containers-auth.json): the longest that covers the
        repository counts, and no other; so credentials of one team are never sent for another's repositories.
        """
        path, best, longest = f"{repository}/", None, -1
        for key, entry in self._auths().items():
            key_host, folder = _parsed_key(key)
            if (
                isinstance(entry, dict)
                and key_host in credential_names(host)
                and path.startswith(folder)
                and len(folder) > longest
            ):
                best, longest = entry, len(folder)
        return best

    def _auths(self) -> dict[str, Any]:
        if self.file is None:
            return {}
        hint = "give the path of a docker config.json with an `auths` table"
        try:
            auths = json.loads(self.file.read_bytes()).get("auths", {})
        except (OSError, ValueError, AttributeError, RecursionError):
            # without the cause: a decoder's message may quote the file
            raise ConfigurationError(f"the registry credentials in {self.file} cannot be read", hint) from None
        if not isinstance(auths, dict):
            raise ConfigurationError(f"the registry credentials in {self.file} have no `auths` table", hint)
        return auths


def _parsed_key(key: str) -> tuple[str, str]:
    """Returns the host of an entry's key, and the folder of repositories with its final slash; empty for all of the host.

    `https://HOST/v1/` and `/v2/` are what `docker login` writes for a host.
    """
    host, _, path = re.sub(r"^https?://", "", key, flags=re.IGNORECASE).partition("/")
    folder = re.sub(r"^v[12](/|$)", "", path).strip("/")
    return host.lower().removesuffix(":443"), f"{folder}/" if folder else ""


def _basic(entry: Mapping[str, Any]) -> str | None:
    """Returns `Basic ...` of one entry, from `auth` or from `username` and `password`; None when it has neither."""
    auth, username, password = entry.get("auth"), entry.get("username"), entry.get("password")
    with contextlib.suppress(ValueError):  # invalid base64 or characters that cannot be encoded: the entry is ignored
        if isinstance(auth, str) and auth:
            base64.b64decode(auth, validate=True)
            return f"Basic {auth}"
        if isinstance(username, str) and isinstance(password, str):
            return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
    return None


def exchange_body(challenge: Challenge, identity_token: str) -> bytes:
    """Returns the form by which an identity token is exchanged for another (OAuth 2.0's refresh token; distribution's oauth)."""
    form = {key: challenge.parameters[key] for key in ("service", "scope") if challenge.parameters.get(key)}
    form |= {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": identity_token}
    return urlencode(form).encode()


def token_url(challenge: Challenge, requested: str, what: str, token_origins: Collection[str]) -> str:
    """Returns the URL at which a registry's token must be fetched (RFC 9110, distribution's token protocol).

    Args:
        challenge: the Bearer challenge.
        requested: the URL of the registry that was requested.
        what: the requested thing, for messages.
        token_origins: origins other than the registry's own from which a token may be fetched.

    Raises:
        AccessDeniedError: the realm is at another origin, which would receive the credentials.
        IntegrityError: the realm is not a valid address.
    """
    parameters = challenge.parameters
    realm = join(requested, parameters.get("realm", ""), what)
    if origin(realm) not in {origin(requested), *token_origins}:
        host, token_host = host_of(requested), host_of(realm)
        raise AccessDeniedError(
            f"{what}: {host} requires a token from {token_host}; credentials go to the registry's own host only",
            f"if {token_host} issues its tokens, over https, list it under registry.hosts: "
            f"{{host: {host}, tokenHosts: [{token_host}]}}",
        )
    query = urlencode({key: parameters[key] for key in ("service", "scope") if parameters.get(key)})
    base = realm.partition("#")[0]
    return base + ("&" if urlsplit(base).query else "?") + query if query else base


def parse_token(body: bytes) -> str | None:
    """Returns the token in a token server's response; None when it is missing or not allowed in a header."""
    response = json_object(body)
    token = response.get("token") or response.get("access_token")
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else None
