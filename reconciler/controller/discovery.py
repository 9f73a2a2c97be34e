"""Which Environments there are: those the configuration names, and those whose repository carries the topic on Gitea."""

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
        identity: who it must say it is.
        url: where it is cloned from.
        credentials: for the url.
        repository: owner/name on the configured Gitea; None for one that is elsewhere.
    """

    identity: EnvironmentIdentity
    url: str
    credentials: GitCredentials | None
    repository: str | None = None

    @property
    def display_name(self) -> str:
        """How people tell its repository from others: owner/name, or the Environment's name for one that is elsewhere."""
        return self.repository or self.identity.name


def discover(settings: Settings, gitea: RepositoryForge | None) -> dict[str, EnvironmentTarget]:
    """All Environments by key: the name of one that is configured, `owner/name` of one that is discovered.

    Raises:
        ConfigurationError: an Environment is named without a place, or two have one name.
        ReconcilerError: Gitea could not be asked.
    """
    found: dict[str, EnvironmentTarget] = {}
    for part in settings.environments:
        if part.name in found:
            raise ConfigurationError(f"the configuration names two Environments {part.name}")
        found[part.name] = _named(part, settings)
    if gitea is None or settings.gitea is None or not settings.gitea.discover:
        return found
    urls = {target.url for target in found.values()}
    for remote in gitea.repositories(settings.gitea.topic):
        if remote.clone_url not in urls:
            key = f"{remote.owner}/{remote.name}"
            found[key] = EnvironmentTarget(
                EnvironmentIdentity(remote.name, remote.owner), remote.clone_url, _credentials(settings), key
            )
    return found


def system_repository(settings: Settings) -> EnvironmentTarget | None:
    """Where the trust policies are, when they are in a repository; raises Misconfigured when no Gitea is configured."""
    if settings.trust.repository is None:
        return None
    if settings.gitea is None:
        raise ConfigurationError("trust.repository is on a Gitea, and none is configured", "configure gitea, or trust.directory")
    return _named(EnvironmentSection(name="trust", repository=settings.trust.repository), settings)


def target_on_gitea(repository: str, settings: Settings) -> EnvironmentTarget:
    """The Environment in a repository (owner/name) of the configured Gitea, whether or not it is there yet.

    Raises:
        ConfigurationError: no Gitea is configured.
    """
    gitea_of(settings)
    return _named(EnvironmentSection(name=repository.rpartition("/")[2], repository=repository), settings)


def gitea_of(settings: Settings) -> GiteaSection:
    """The Gitea that is configured; raises Misconfigured when none is."""
    if settings.gitea is None:
        raise ConfigurationError("no Gitea is configured", "configure gitea")
    return settings.gitea


def _named(part: EnvironmentSection, settings: Settings) -> EnvironmentTarget:
    home = settings.gitea.url.rstrip("/") + "/" if settings.gitea else None
    if part.repository is not None and home is not None:
        return EnvironmentTarget(
            EnvironmentIdentity(part.name), f"{home}{part.repository}.git", _credentials(settings), part.repository
        )
    if part.url is None:
        raise ConfigurationError(f"the Environment {part.name} has neither a url nor a repository on a configured Gitea")
    if home is None or not part.url.startswith(home):  # the token goes to Gitea and nowhere else
        return EnvironmentTarget(EnvironmentIdentity(part.name), part.url, None)
    where = part.url.removeprefix(home).removesuffix(".git")
    return EnvironmentTarget(EnvironmentIdentity(part.name), part.url, _credentials(settings), where)


def _credentials(settings: Settings) -> GitCredentials | None:
    return GitCredentials(settings.gitea.username, token_of(settings.gitea)) if settings.gitea else None


def select_targets(targets: dict[str, EnvironmentTarget], names: list[str] | None) -> dict[str, EnvironmentTarget]:
    """The targets that were asked for, by key or name.

    Raises:
        ConfigurationError: one is not there.
    """
    if not names:
        return targets
    found = {key: t for key, t in targets.items() if key in names or t.identity.name in names}
    for name in names:
        if name not in found and all(t.identity.name != name for t in found.values()):
            raise ConfigurationError(f"there is no Environment {name}", f"there are: {', '.join(sorted(targets)) or 'none'}")
    return found
