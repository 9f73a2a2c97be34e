"""Kubeconfigs: what is accepted as a way into a cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kubernetes import client, config

from reconciler.adapters.kubernetes.release_projection import mapping
from reconciler.formats.yaml.documents import load
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def connect(kubeconfig: bytes, context: str, *, allow_exec: bool) -> client.ApiClient:
    """Make a client from a kubeconfig's content. It never tries again by itself, nor follows a redirect.

    Raises:
        ConfigurationError: the kubeconfig is not one, has no such context, or runs a program that is not allowed.
    """
    source = load(kubeconfig, f"the kubeconfig of {context}")
    if source.problems or not isinstance(source.data, dict):
        raise ConfigurationError(f"the kubeconfig of {context} is not a kubeconfig", str(next(iter(source.problems), "")))
    users = source.data.get("users")
    for user in users if isinstance(users, list) else []:
        way = mapping(mapping(user).get("user"))
        plugins = {"exec", "auth-provider"} & set(way)
        if plugins and not allow_exec:
            raise ConfigurationError(
                f"the kubeconfig of {context} wants to run a program ({', '.join(sorted(plugins))}) to log in",
                "use a token or a client certificate, or set clusters.allowExec",
            )
        if isinstance(program := way.get("exec"), dict):
            program["env"] = [*(program.get("env") or []), *_cleared_secrets()]
    settings = client.Configuration()
    settings.retries = False  # read when the client is made: set later, it would try three times more
    try:
        api: client.ApiClient = config.new_client_from_config_dict(
            source.data, context=_context(source.data, context), client_configuration=settings
        )
    except (config.ConfigException, TypeError, KeyError, ValueError, AttributeError, OSError) as error:
        raise ConfigurationError(f"the kubeconfig of {context} cannot be used: {type(error).__name__}") from None
    return api


def _cleared_secrets() -> list[dict[str, str]]:
    """Our own settings, as a login program is to find them: it inherits the environment, where our token may be."""
    return [{"name": name, "value": ""} for name in os.environ if name.upper().startswith("CATALYST_")]


def _context(data: Mapping[str, Any], wanted: str) -> str:
    """The context named as the cluster, or the only one there is."""
    names = [c.get("name") for c in data.get("contexts") or [] if isinstance(c, dict)]
    return wanted if wanted in names or len(names) != 1 else str(names[0])
