from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from reconciler.config.settings import Settings
from reconciler.controller.discovery import EnvironmentTarget, discover
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import ConfigurationError, UnavailableError
from reconciler.model.forge import RemoteRepository
from reconciler.model.git import GitCredentials

if TYPE_CHECKING:
    from reconciler.adapters.gitea import Gitea

HOME = "https://gitea.example"

CANARY = "s3cr3t-canary"


class FakeRepositoryList:
    """In Gitea's place: the repositories that carry the topic."""

    def __init__(self, *found: RemoteRepository, fault: Exception | None = None) -> None:
        self.found, self.fault = found, fault

    def repositories(self, topic: str) -> tuple[RemoteRepository, ...]:
        assert topic == "catalyst-environment"
        if self.fault is not None:
            raise self.fault
        return self.found


def remote(owner: str, name: str) -> RemoteRepository:
    return RemoteRepository(owner, name, f"{HOME}/{owner}/{name}.git", "main")


def settings(*environments: dict[str, str], gitea: dict[str, Any] | None = None) -> Settings:
    return Settings(
        sovereign="demo",
        state="/nowhere",
        catalogs=[{"prefix": "registry.example/openova"}],
        trust={"directory": "/nowhere"},
        environments=list(environments),
        gitea=gitea,
    )


GITEA = {"url": HOME, "token": CANARY}


def found(
    *environments: dict[str, str], gitea: dict[str, Any] | None = None, forge: FakeRepositoryList | None = None
) -> dict[str, EnvironmentTarget]:
    return discover(settings(*environments, gitea=gitea), cast("Gitea | None", forge))


def test_a_named_environment_has_its_own_url_and_no_credentials() -> None:
    assert found({"name": "acme-prod", "url": "file:///srv/acme.git"}) == {
        "acme-prod": EnvironmentTarget(EnvironmentIdentity("acme-prod"), "file:///srv/acme.git", None)
    }


def test_a_repository_on_gitea_gets_the_token() -> None:
    one = found({"name": "acme-prod", "repository": "acme/env"}, gitea=GITEA, forge=FakeRepositoryList())["acme-prod"]
    assert (one.url, one.credentials) == (f"{HOME}/acme/env.git", GitCredentials("catalyst-reconciler", CANARY))
    assert CANARY not in repr(one)


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        (f"{HOME}/acme/env.git", True),
        ("https://gitea.example.evil/acme/env.git", False),
        ("http://gitea.example/acme/env.git", False),
        ("file:///srv/env.git", False),
    ],
)
def test_the_token_goes_to_gitea_and_nowhere_else(url: str, ours: bool) -> None:
    one = found({"name": "acme-prod", "url": url}, gitea=GITEA, forge=FakeRepositoryList())["acme-prod"]
    assert (one.credentials is not None) is ours


def test_a_discovered_environment_must_be_its_owners() -> None:
    one = found(gitea=GITEA, forge=FakeRepositoryList(remote("acme", "acme-prod")))
    assert one["acme/acme-prod"].identity == EnvironmentIdentity("acme-prod", "acme")


def test_one_that_is_named_is_not_discovered_again() -> None:
    forge = FakeRepositoryList(remote("acme", "acme-prod"), remote("acme", "acme-stg"))
    assert set(found({"name": "acme-prod", "repository": "acme/acme-prod"}, gitea=GITEA, forge=forge)) == {
        "acme-prod",
        "acme/acme-stg",
    }


def test_discovery_can_be_turned_off() -> None:
    assert found(gitea={**GITEA, "discover": False}, forge=FakeRepositoryList(remote("acme", "acme-prod"))) == {}


def test_gitea_that_does_not_answer_is_a_fault() -> None:
    with pytest.raises(UnavailableError):
        found({"name": "a", "url": "file:///a"}, gitea=GITEA, forge=FakeRepositoryList(fault=UnavailableError("no")))


@pytest.mark.parametrize("part", [{"name": "acme-prod"}, {"name": "acme-prod", "repository": "acme/env"}])
def test_one_without_a_place_is_named(part: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="the Environment acme-prod has neither a url nor a repository"):
        found(part)


def test_two_of_one_name_are_refused_rather_than_one_forgotten() -> None:
    with pytest.raises(ConfigurationError, match="two Environments acme-prod"):
        found({"name": "acme-prod", "url": "file:///a"}, {"name": "acme-prod", "url": "file:///b"})
