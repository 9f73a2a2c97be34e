"""Builds the clients of the outside systems from the configuration."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.adapters.git import Repository
from reconciler.adapters.registry.client import Registry
from reconciler.adapters.registry.mirrors import MirroredRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.config.settings import Settings
    from reconciler.controller.discovery import EnvironmentTarget


def registry_client(settings: Settings) -> MirroredRegistry:
    """The registries and their mirrors, as configured."""
    hosts = settings.registry.hosts
    mirrors = {one.host: one.mirrors for one in hosts if one.mirrors}
    client = Registry(
        plain_http=plain_http_hosts(settings),
        authorities={one.host: one.ca for one in hosts if one.ca is not None},
        token_hosts={one.host: one.token_hosts for one in hosts},
        has_mirror={*mirrors, *(prefix.partition("/")[0] for prefixes in mirrors.values() for prefix in prefixes)},
        credentials=settings.registry.credentials,
        timeout=settings.registry.timeout,
    )
    return MirroredRegistry(client, mirrors)


def repository(target: EnvironmentTarget, folder: Path, *, history: bool = False) -> Repository:
    """An Environment's repository, with its clone in a folder, without the history of its branches or with it."""
    place = f"{target.identity.name}-{hashlib.sha256(target.url.encode()).hexdigest()[:12]}"
    return Repository(folder / place, target.url, credentials=target.credentials, history=history)


def plain_http_hosts(settings: Settings) -> frozenset[str]:
    """The registries that are spoken to without TLS, as configured."""
    catalogs = {c.prefix.partition("/")[0] for c in settings.catalogs if c.plain_http}
    return frozenset(catalogs | {one.host for one in settings.registry.hosts if one.plain_http})
