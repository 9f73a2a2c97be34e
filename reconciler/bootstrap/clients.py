"""Builds the clients of the outside systems from the configuration, or from a command's options where there is no configuration.

Each function imports its adapter when it is called, because the libraries behind it cost a second: a command that reads git alone
loads neither the registry's client nor cosign's.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from reconciler.config.secrets import token_of
from reconciler.controller.discovery import discover, follow_renames, gitea_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from reconciler.adapters.commit_keys import CommitKeys
    from reconciler.adapters.cosign.runner import Cosign
    from reconciler.adapters.git.repository import Repository
    from reconciler.adapters.gitea import Gitea
    from reconciler.adapters.kubernetes.cluster_pool import ClusterPool
    from reconciler.adapters.registry.client import Registry
    from reconciler.adapters.registry.mirrors import MirroredRegistry
    from reconciler.config.settings import Settings
    from reconciler.controller.discovery import EnvironmentTarget


class AuditTools(NamedTuple):
    """The clients of an audit: where the evidence is fetched from, and the program that verifies it."""

    registry: MirroredRegistry
    cosign: Cosign


class PublishTools(NamedTuple):
    """The clients of `publish`: where artifacts are pushed to, and the program that signs them."""

    registry: Registry
    cosign: Cosign


def repository(settings: Settings, target: EnvironmentTarget, folder: Path, *, history: bool = False) -> Repository:
    """Builds the client of an Environment's repository, with its clone in a folder, with or without the history of branches.

    Raises:
        ConfigurationError: the configured keys cannot be read.
    """
    from reconciler.adapters.git.repository import Repository

    place = f"{target.identity.name}-{hashlib.sha256(target.url.encode()).hexdigest()[:12]}"
    return Repository(folder / place, target.url, credentials=target.credentials, keys=commit_keys(settings), history=history)


def local_repository(settings: Settings | None, path: Path, clone: Path) -> Repository:
    """Builds the client of a git repository on this machine, with its clone in another folder; raises as `repository` does."""
    from reconciler.adapters.git.repository import Repository

    return Repository(clone, str(path.resolve()), keys=commit_keys(settings) if settings is not None else None)


def commit_keys(settings: Settings) -> CommitKeys | None:
    """The configured keys of the reconciler's commits; None where they are not signed.

    Raises:
        ConfigurationError: they cannot be read.
    """
    if (signing := settings.signing) is None:
        return None
    from reconciler.adapters.commit_keys import CommitKeys

    return CommitKeys.read(signing.key_file, signing.accepted_keys)


def create_signing_key(settings: Settings) -> bool:
    """Makes the configured key file where it is missing; returns whether it did. Raises a ConfigurationError."""
    if settings.signing is None or settings.signing.key_file is None:
        return False
    from reconciler.adapters.commit_keys import create_key_file

    return create_key_file(settings.signing.key_file)


def forge_client(settings: Settings) -> Gitea:
    """Builds the client of the configured Gitea, with its token.

    Raises:
        ConfigurationError: no Gitea is configured, or it has no token.
    """
    from reconciler.adapters.gitea import Gitea

    section = gitea_of(settings)
    return Gitea(section.url, token_of(section))


@contextlib.contextmanager
def open_forge(settings: Settings) -> Iterator[Gitea]:
    """Opens the client of the configured Gitea, and closes it afterwards; raises as `forge_client` does."""
    with forge_client(settings) as forge:
        yield forge


def known_environments(settings: Settings) -> dict[str, EnvironmentTarget]:
    """The Environments there are now, by key; asks Gitea where one is configured. Raises a ReconcilerError."""
    if settings.gitea is None:
        return discover(settings, None)
    with open_forge(settings) as forge:
        return follow_renames(discover(settings, forge), forge)


def registry_client(settings: Settings) -> MirroredRegistry:
    """Builds the client of the configured registries and their mirrors."""
    from reconciler.adapters.registry.client import Registry
    from reconciler.adapters.registry.mirrors import MirroredRegistry

    hosts = settings.registry.hosts
    mirrors = {host.host: host.mirrors for host in hosts if host.mirrors}
    client = Registry(
        plain_http=plain_http_hosts(settings),
        authorities={host.host: host.ca for host in hosts if host.ca is not None},
        token_hosts={host.host: host.token_hosts for host in hosts},
        has_mirror={*mirrors, *(prefix.partition("/")[0] for prefixes in mirrors.values() for prefix in prefixes)},
        credentials=settings.registry.credentials,
        timeout=settings.registry.timeout,
    )
    return MirroredRegistry(client, mirrors)


def plain_http_hosts(settings: Settings) -> frozenset[str]:
    """The registry hosts that are configured to be reached without TLS."""
    catalogs = {catalog.prefix.partition("/")[0] for catalog in settings.catalogs if catalog.plain_http}
    return frozenset(catalogs | {host.host for host in settings.registry.hosts if host.plain_http})


def cosign_client(settings: Settings) -> Cosign:
    """Builds the runner of the configured cosign program."""
    from reconciler.adapters.cosign.runner import Cosign

    return Cosign(settings.cosign.program, timeout=settings.cosign.timeout, credentials=settings.registry.credentials)


def cluster_client(settings: Settings, on_change: Callable[[str], None]) -> ClusterPool:
    """Builds the informers of the configured clusters; `on_change` receives the name of a cluster whose releases changed."""
    from reconciler.adapters.kubernetes import ClusterPool

    clusters = settings.clusters
    return ClusterPool(clusters.directory, stale_after=clusters.stale_after, allow_exec=clusters.allow_exec, on_change=on_change)


@contextlib.contextmanager
def open_auditor(
    settings: Settings | None, *, plain_http: Collection[str] = (), credentials: Path | None = None, cosign: Path | None = None
) -> Iterator[AuditTools]:
    """Opens the clients of an audit, and closes them afterwards.

    Args:
        settings: the configuration; where there is none, the other arguments stand in for it.
        plain_http: hosts of registries that are reached without TLS.
        credentials: a docker `config.json`.
        cosign: the program; `cosign` on PATH by default.

    Raises:
        ConfigurationError: cosign is missing or too old.
        UnavailableError: cosign did not answer within its time-out.
    """
    registry, program = (
        (registry_client(settings), cosign_client(settings))
        if settings is not None
        else _unconfigured_auditor(plain_http, credentials, cosign)
    )
    with contextlib.closing(registry):
        program.version()
        yield AuditTools(registry, program)


def _unconfigured_auditor(
    plain_http: Collection[str], credentials: Path | None, cosign: Path | None
) -> tuple[MirroredRegistry, Cosign]:
    from reconciler.adapters.cosign.runner import Cosign
    from reconciler.adapters.registry.client import Registry
    from reconciler.adapters.registry.mirrors import MirroredRegistry

    registry = MirroredRegistry(Registry(plain_http=plain_http, credentials=credentials), {})
    return registry, Cosign(cosign or "cosign")


@contextlib.contextmanager
def open_publisher(host: str, cosign: Path, *, plain_http: bool, credentials: Path | None) -> Iterator[PublishTools]:
    """Opens the clients of `publish`, and closes them afterwards.

    Args:
        host: the registry's host.
        cosign: the program.
        plain_http: whether the registry is reached without TLS.
        credentials: a docker `config.json`, for the registry and for cosign.
    """
    from reconciler.adapters.cosign.runner import Cosign
    from reconciler.adapters.registry.client import Registry

    with contextlib.closing(Registry(plain_http={host} if plain_http else (), credentials=credentials)) as registry:
        yield PublishTools(registry, Cosign(cosign, credentials=credentials))
