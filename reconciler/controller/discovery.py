"""Finds the Environments: those in the configuration, and those whose repository has the topic on Gitea."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import structlog

from reconciler.config.secrets import token_of
from reconciler.config.sections import EnvironmentSection, GiteaSection
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import AccessDeniedError, ConfigurationError, IntegrityError, NotFoundError, UnavailableError
from reconciler.model.git import GitCredentials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.config.settings import Settings
    from reconciler.model.forge import RemoteRepository

log = structlog.get_logger()


class RenameForge(Protocol):
    """The call to the forge that following a rename needs."""

    def current(self, repository: str) -> RemoteRepository:
        """The repository under the name that it has now."""


class RepositoryForge(Protocol):
    """The calls to the forge that discovery needs; `adapters.gitea.Gitea` in production."""

    def repositories(self, topic: str) -> Sequence[RemoteRepository]:
        """The repositories that carry a topic."""


@dataclass(frozen=True)
class EnvironmentTarget:
    """An Environment's repository.

    Attributes:
        identity: the name that the Environment must have.
        url: the clone url.
        credentials: the credentials for the url.
        repository: owner/name on the configured Gitea; None for one elsewhere.
    """

    identity: EnvironmentIdentity
    url: str
    credentials: GitCredentials | None
    repository: str | None = None

    @property
    def display_name(self) -> str:
        """The name for messages: owner/name, or the Environment's name for a repository elsewhere."""
        return self.repository or self.identity.name


def discover(settings: Settings, gitea: RepositoryForge | None) -> dict[str, EnvironmentTarget]:
    """All Environments by key: the name of a configured one, `owner/name` of a discovered one.

    Raises:
        ConfigurationError: a configured Environment has no repository, or two have one name.
        ReconcilerError: Gitea could not be read.
    """
    targets: dict[str, EnvironmentTarget] = {}
    for section in settings.environments:
        if section.name in targets:
            raise ConfigurationError(f"the configuration names two Environments {section.name}")
        targets[section.name] = _named(section, settings)
    _check_distinct(targets)
    if gitea is None or settings.gitea is None or not settings.gitea.discover:
        return targets
    configured = {_key_of(target) for target in targets.values()}
    for remote in gitea.repositories(settings.gitea.topic):
        key = f"{remote.owner}/{remote.name}"
        if key.lower() not in configured:
            targets[key] = EnvironmentTarget(
                EnvironmentIdentity(remote.name, remote.owner), remote.clone_url, _credentials(settings), key
            )
    return targets


def follow_renames(targets: Mapping[str, EnvironmentTarget], gitea: RenameForge | None) -> dict[str, EnvironmentTarget]:
    """Returns the Environments with each configured repository of Gitea under the name that it has now.

    git follows a rename by itself and the API does not: half of the work would go on under the old name. What cannot be read now,
    or does not exist yet, stays as it is configured. A repository that is discovered too is the configured Environment's.

    Raises:
        ConfigurationError: two Environments have one repository.
    """
    followed = dict(targets)
    for key, target in targets.items():
        if gitea is None or target.repository is None or key == target.repository:
            continue
        with contextlib.suppress(UnavailableError, AccessDeniedError, NotFoundError, IntegrityError):
            remote = gitea.current(target.repository)
            name = f"{remote.owner}/{remote.name}"
            if name != target.repository:
                log.warning("the repository is called otherwise now", environment=key, configured=target.repository, now=name)
                followed[key] = replace(target, url=remote.clone_url, repository=name)
    configured = {key: target for key, target in followed.items() if key != target.repository}
    _check_distinct(configured)
    keys = {_key_of(target) for target in configured.values()}
    return {key: target for key, target in followed.items() if key in configured or _key_of(target) not in keys}


def _check_distinct(targets: Mapping[str, EnvironmentTarget]) -> None:
    """Raises ConfigurationError when two configured Environments have one repository, in whatever spelling."""
    by_repository: dict[str, str] = {}
    for key, target in targets.items():
        other = by_repository.setdefault(_key_of(target), key)
        if other != key:
            raise ConfigurationError(f"the Environments {other} and {key} have one repository: {target.display_name}")


def _key_of(target: EnvironmentTarget) -> str:
    """Returns the same text for each spelling of one repository: names are case-insensitive on Gitea."""
    return target.url if target.repository is None else target.repository.lower()


def system_repository(settings: Settings) -> EnvironmentTarget | None:
    """The repository of the trust policies; None when they are in a directory.

    Raises:
        ConfigurationError: no Gitea is configured.
    """
    if settings.trust.repository is None:
        return None
    if settings.gitea is None:
        raise ConfigurationError(
            "trust.repository needs a Gitea, but gitea is not configured", "configure gitea, or trust.directory"
        )
    return _named(EnvironmentSection(name="trust", repository=settings.trust.repository), settings)


def target_on_gitea(repository: str, settings: Settings) -> EnvironmentTarget:
    """The Environment in a repository (owner/name) of the configured Gitea, whether or not it exists yet.

    Raises:
        ConfigurationError: no Gitea is configured.
    """
    gitea_of(settings)
    return _named(EnvironmentSection(name=repository.rpartition("/")[2], repository=repository), settings)


def gitea_of(settings: Settings) -> GiteaSection:
    """The configured Gitea.

    Raises:
        ConfigurationError: no Gitea is configured.
    """
    if settings.gitea is None:
        raise ConfigurationError("no Gitea is configured", "configure gitea")
    return settings.gitea


def _named(section: EnvironmentSection, settings: Settings) -> EnvironmentTarget:
    """The target of a configured Environment."""
    base_url = settings.gitea.url.rstrip("/") + "/" if settings.gitea else None
    if section.repository is not None and base_url is not None:
        return EnvironmentTarget(
            EnvironmentIdentity(section.name), f"{base_url}{section.repository}.git", _credentials(settings), section.repository
        )
    if section.url is None:
        raise ConfigurationError(f"the Environment {section.name} has neither a url nor a repository on a configured Gitea")
    repository = _repository_in(section.url, base_url) if base_url is not None else None
    if repository is None:  # the token goes to Gitea and nowhere else
        return EnvironmentTarget(EnvironmentIdentity(section.name), section.url, None)
    return EnvironmentTarget(EnvironmentIdentity(section.name), f"{base_url}{repository}.git", _credentials(settings), repository)


def _repository_in(url: str, base_url: str) -> str | None:
    """Returns the owner/name of a url on Gitea, in any spelling of its host, port and end; None for a url elsewhere."""
    try:
        (origin, path), (base_origin, base_path) = _origin_and_path(url), _origin_and_path(base_url)
    except ValueError:
        return None
    if origin != base_origin or not path.startswith(base_path):
        return None
    return path.removeprefix(base_path).rstrip("/").removesuffix(".git")


def _origin_and_path(url: str) -> tuple[tuple[str, str | None, int | None, bool], str]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, parts.hostname, port, "@" in parts.netloc), parts.path


def _credentials(settings: Settings) -> GitCredentials | None:
    return GitCredentials(settings.gitea.username, token_of(settings.gitea)) if settings.gitea else None


def select_targets(targets: dict[str, EnvironmentTarget], names: list[str] | None) -> dict[str, EnvironmentTarget]:
    """The targets with the given keys, names or repositories, in whatever letters; all of them without any.

    Raises:
        ConfigurationError: there is no Environment of a given name.
    """
    if not names:
        return targets
    called = {key: {key.lower(), target.identity.name.lower(), _key_of(target)} for key, target in targets.items()}
    selected = {key: target for key, target in targets.items() if any(name.lower() in called[key] for name in names)}
    for name in names:
        if not any(name.lower() in called[key] for key in selected):
            raise ConfigurationError(f"there is no Environment {name}", f"there are: {', '.join(sorted(targets)) or 'none'}")
    return selected
