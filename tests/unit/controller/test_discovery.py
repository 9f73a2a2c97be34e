from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from reconciler.config.settings import Settings
from reconciler.controller.discovery import EnvironmentTarget, discover, follow_renames, select_targets
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import AccessDeniedError, ConfigurationError, NotFoundError, UnavailableError
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


# One repository in several spellings, and under a new name


@pytest.mark.parametrize(
    "url",
    [
        f"{HOME}/acme/env.git",
        f"{HOME}/acme/env",
        f"{HOME}/acme/env/",
        f"{HOME}/acme/env.git/",
        "https://GITEA.example/acme/env.git",
        "https://gitea.example:443/acme/env.git",
        f"{HOME}/ACME/Env.git",
    ],
)
def test_a_repository_is_one_environment_in_each_spelling_of_its_url(url: str) -> None:
    forge = FakeRepositoryList(remote("acme", "env"))
    targets = found({"name": "acme-prod", "url": url}, gitea=GITEA, forge=forge)
    assert list(targets) == ["acme-prod"]
    assert targets["acme-prod"].credentials is not None
    assert targets["acme-prod"].url.lower() == f"{HOME}/acme/env.git"


@pytest.mark.parametrize("other", [{"repository": "Acme/ENV"}, {"url": f"{HOME}/acme/env"}])
def test_one_repository_is_not_two_environments(other: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="the Environments acme-prod and acme-stg have one repository"):
        found(
            {"name": "acme-prod", "repository": "acme/env"},
            {"name": "acme-stg", **other},
            gitea=GITEA,
            forge=FakeRepositoryList(),
        )


class FakeRenames:
    """In Gitea's place: the names of now by those of before; a fault is raised."""

    def __init__(self, **now: str | Exception) -> None:
        self.now = now

    def current(self, repository: str) -> RemoteRepository:
        name = self.now.get(repository.partition("/")[2], repository)
        if isinstance(name, Exception):
            raise name
        return remote(*name.split("/"))


CONFIGURED = {"name": "acme-prod", "repository": "acme/env"}


def test_a_renamed_repository_is_followed_under_the_name_of_the_environment() -> None:
    followed = follow_renames(found(CONFIGURED, gitea=GITEA, forge=FakeRepositoryList()), FakeRenames(env="beta/new"))
    target = followed["acme-prod"]
    assert (target.identity, target.repository, target.url) == (
        EnvironmentIdentity("acme-prod"),
        "beta/new",
        f"{HOME}/beta/new.git",
    )
    assert target.credentials is not None


def test_one_that_is_discovered_under_its_new_name_is_the_configured_one() -> None:
    forge = FakeRepositoryList(remote("acme", "new"), remote("acme", "other"))
    followed = follow_renames(found(CONFIGURED, gitea=GITEA, forge=forge), FakeRenames(env="acme/new"))
    assert set(followed) == {"acme-prod", "acme/other"}


@pytest.mark.parametrize("fault", [UnavailableError("down"), NotFoundError("no"), AccessDeniedError("no")])
def test_what_cannot_be_read_now_stays_as_it_is_configured(fault: Exception) -> None:
    targets = found(CONFIGURED, gitea=GITEA, forge=FakeRepositoryList())
    assert follow_renames(targets, FakeRenames(env=fault)) == targets
    assert follow_renames(targets, None) == targets


def test_two_that_are_one_repository_now_are_refused() -> None:
    targets = found(CONFIGURED, {"name": "acme-stg", "repository": "acme/new"}, gitea=GITEA, forge=FakeRepositoryList())
    with pytest.raises(ConfigurationError, match="have one repository: acme/new"):
        follow_renames(targets, FakeRenames(env="acme/new"))


@pytest.mark.parametrize("name", ["acme-prod", "Acme-Prod", "acme/env", "ACME/Env"])
def test_an_environment_is_selected_by_each_of_its_names(name: str) -> None:
    targets = found(CONFIGURED, {"name": "other", "url": "file:///srv/o.git"}, gitea=GITEA, forge=FakeRepositoryList())
    assert list(select_targets(targets, [name])) == ["acme-prod"]
    with pytest.raises(ConfigurationError, match="there is no Environment acme-stg"):
        select_targets(targets, [name, "acme-stg"])
