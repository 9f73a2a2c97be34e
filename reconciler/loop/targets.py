"""Which Environments there are: those the configuration names, and those whose repository carries the topic on Gitea."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.loop.desire import Identity
from reconciler.loop.parts import EnvironmentPart, GiteaPart
from reconciler.loop.secrets import token_of
from reconciler.model.faults import Misconfigured
from reconciler.world.git import Credentials

if TYPE_CHECKING:
    from reconciler.loop.settings import Settings
    from reconciler.world.gitea import Gitea


@dataclass(frozen=True)
class Target:
    """An Environment's repository.

    Attributes:
        identity: who it must say it is.
        url: where it is cloned from.
        credentials: for the url.
        repository: owner/name on the configured Gitea; None for one that is elsewhere.
    """

    identity: Identity
    url: str
    credentials: Credentials | None
    repository: str | None = None

    @property
    def label(self) -> str:
        """How people tell its repository from others: owner/name, or the Environment's name for one that is elsewhere."""
        return self.repository or self.identity.name


def targets(settings: Settings, gitea: Gitea | None) -> dict[str, Target]:
    """All Environments by key: the name of one that is configured, `owner/name` of one that is discovered.

    Raises:
        Misconfigured: an Environment is named without a place, or two have one name.
        Fault: Gitea could not be asked.
    """
    found: dict[str, Target] = {}
    for part in settings.environments:
        if part.name in found:
            raise Misconfigured(f"the configuration names two Environments {part.name}")
        found[part.name] = _named(part, settings)
    if gitea is None or settings.gitea is None or not settings.gitea.discover:
        return found
    urls = {target.url for target in found.values()}
    for remote in gitea.repositories(settings.gitea.topic):
        if remote.clone_url not in urls:
            key = f"{remote.owner}/{remote.name}"
            found[key] = Target(Identity(remote.name, remote.owner), remote.clone_url, _credentials(settings), key)
    return found


def system_repository(settings: Settings) -> Target | None:
    """Where the trust policies are, when they are in a repository; raises Misconfigured when no Gitea is configured."""
    if settings.trust.repository is None:
        return None
    if settings.gitea is None:
        raise Misconfigured("trust.repository is on a Gitea, and none is configured", "configure gitea, or trust.directory")
    return _named(EnvironmentPart(name="trust", repository=settings.trust.repository), settings)


def on_gitea(repository: str, settings: Settings) -> Target:
    """The Environment in a repository (owner/name) of the configured Gitea, whether or not it is there yet.

    Raises:
        Misconfigured: no Gitea is configured.
    """
    gitea_of(settings)
    return _named(EnvironmentPart(name=repository.rpartition("/")[2], repository=repository), settings)


def gitea_of(settings: Settings) -> GiteaPart:
    """The Gitea that is configured; raises Misconfigured when none is."""
    if settings.gitea is None:
        raise Misconfigured("no Gitea is configured", "configure gitea")
    return settings.gitea


def _named(part: EnvironmentPart, settings: Settings) -> Target:
    home = settings.gitea.url.rstrip("/") + "/" if settings.gitea else None
    if part.repository is not None and home is not None:
        return Target(Identity(part.name), f"{home}{part.repository}.git", _credentials(settings), part.repository)
    if part.url is None:
        raise Misconfigured(f"the Environment {part.name} has neither a url nor a repository on a configured Gitea")
    if home is None or not part.url.startswith(home):  # the token goes to Gitea and nowhere else
        return Target(Identity(part.name), part.url, None)
    where = part.url.removeprefix(home).removesuffix(".git")
    return Target(Identity(part.name), part.url, _credentials(settings), where)


def _credentials(settings: Settings) -> Credentials | None:
    return Credentials(settings.gitea.username, token_of(settings.gitea)) if settings.gitea else None
