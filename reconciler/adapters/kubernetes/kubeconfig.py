"""Checks a kubeconfig and connects with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kubernetes import client, config

from reconciler.formats.yaml.documents import load
from reconciler.model.errors import ConfigurationError
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping


def connect(kubeconfig: bytes, context: str, *, allow_exec: bool) -> client.ApiClient:
    """Constructs a client from a kubeconfig's content. It never retries by itself and follows no redirect.

    Raises:
        ConfigurationError: the kubeconfig is invalid, lacks the context, or runs a program that is not allowed.
    """
    source = load(kubeconfig, f"the kubeconfig of {context}")
    if source.problems or not isinstance(source.data, dict):
        raise ConfigurationError(f"the kubeconfig of {context} is not a valid kubeconfig", str(next(iter(source.problems), "")))
    users = source.data.get("users")
    for user in users if isinstance(users, list) else []:
        login = mapping(mapping(user).get("user"))
        plugins = {"exec", "auth-provider"} & set(login)
        if plugins and not allow_exec:
            raise ConfigurationError(
                f"the kubeconfig of {context} runs a program to log in ({', '.join(sorted(plugins))})",
                "use a token or a client certificate, or set clusters.allowExec",
            )
        if isinstance(program := login.get("exec"), dict):
            program["env"] = [*(program.get("env") or []), *_cleared_secrets()]
    settings = client.Configuration()
    settings.retries = False  # read when the client is constructed: if set later, the client would retry three times
    try:
        api: client.ApiClient = config.new_client_from_config_dict(
            source.data, context=_context(source.data, context), client_configuration=settings
        )
    except (config.ConfigException, TypeError, KeyError, ValueError, AttributeError, OSError) as error:
        raise ConfigurationError(f"the kubeconfig of {context} cannot be used: {type(error).__name__}") from None
    return api


def _cleared_secrets() -> list[dict[str, str]]:
    """Returns empty values for the reconciler's own settings, because a login program inherits the environment with its token."""
    return [{"name": name, "value": ""} for name in os.environ if name.upper().startswith("CATALYST_")]


def _context(data: Mapping[str, Any], wanted: str) -> str:
    """Returns the context with the cluster's name, or the only one."""
    names = [entry.get("name") for entry in data.get("contexts") or [] if isinstance(entry, dict)]
    return wanted if wanted in names or len(names) != 1 else str(names[0])
