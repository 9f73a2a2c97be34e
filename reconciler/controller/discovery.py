"""Finds the Environments: those in the configuration, and those whose repository has the topic on Gitea."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reconciler.config.secrets import token_of
from reconciler.config.sections import EnvironmentSection, GiteaSection
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import ConfigurationError
from reconciler.model.git import GitCredentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.config.settings import Settings
    from reconciler.model.forge import RemoteRepository


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
    if gitea is None or settings.gitea is None or not settings.gitea.discover:
        return targets
    urls = {target.url for target in targets.values()}
    for remote in gitea.repositories(settings.gitea.topic):
        if remote.clone_url not in urls:
            key = f"{remote.owner}/{remote.name}"
            targets[key] = EnvironmentTarget(
                EnvironmentIdentity(remote.name, remote.owner), remote.clone_url, _credentials(settings), key
            )
    return targets


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
    if base_url is None or not section.url.startswith(base_url):  # the token goes to Gitea and nowhere else
        return EnvironmentTarget(EnvironmentIdentity(section.name), section.url, None)
    repository = section.url.removeprefix(base_url).removesuffix(".git")
    return EnvironmentTarget(EnvironmentIdentity(section.name), section.url, _credentials(settings), repository)


def _credentials(settings: Settings) -> GitCredentials | None:
    return GitCredentials(settings.gitea.username, token_of(settings.gitea)) if settings.gitea else None


def select_targets(targets: dict[str, EnvironmentTarget], names: list[str] | None) -> dict[str, EnvironmentTarget]:
    """The targets with the given keys or names; all of them without any.

    Raises:
        ConfigurationError: there is no Environment of a given name.
    """
    if not names:
        return targets
    selected = {key: target for key, target in targets.items() if key in names or target.identity.name in names}
    for name in names:
        if name not in selected and all(target.identity.name != name for target in selected.values()):
            raise ConfigurationError(f"there is no Environment {name}", f"there are: {', '.join(sorted(targets)) or 'none'}")
    return selected
