from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import httpx
import pytest

from reconciler.adapters.git import Repository
from reconciler.adapters.gitea import Gitea
from reconciler.model.errors import AccessDeniedError, ConcurrentUpdateError, ConfigurationError, NotFoundError, RejectedError
from reconciler.model.forge import RemoteRepository
from reconciler.model.git import GitCredentials

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

FILES = {"environment.lock.yaml": b"lock", "clusters/one/shop.yaml": b"shop"}


class Server(Protocol):
    """What the fixture `gitea` is."""

    url: str
    user: str
    token: str

    def create_repository(self, name: str) -> str:
        """Make a repository of the user's and return its clone url."""


def call(gitea: Server, method: str, path: str, body: Any) -> None:
    headers = {"Authorization": f"token {gitea.token}"}
    httpx.request(method, f"{gitea.url}/api/v1/{path}", headers=headers, json=body).raise_for_status()


@pytest.fixture
def name() -> str:
    return f"env-{uuid4().hex[:12]}"


@pytest.fixture
def clone_url(gitea: Server, name: str) -> str:
    """A private repository, so that nothing works without credentials."""
    url = gitea.create_repository(name)
    call(gitea, "PATCH", f"repos/{gitea.user}/{name}", {"private": True})
    return url


@pytest.fixture
def repository(gitea: Server, clone_url: str, tmp_path: Path) -> Repository:
    return Repository(tmp_path / "clone", clone_url, credentials=GitCredentials(gitea.user, gitea.token))


def pushed(repository: Repository, branch: str, text: bytes = b"x") -> str:
    made = repository.write({"a": text}, parent=None, message="m", time=1)
    repository.push(made.id, branch, expect=None)
    return made.id


def test_write_push_fetch_and_read(repository: Repository, gitea: Server, clone_url: str, tmp_path: Path) -> None:
    old = None
    for each in range(3):
        made = repository.write(FILES | {"n": b"%d" % each}, parent=old, message=f"{each}", time=each)
        repository.push(made.id, "resolved", expect=old)
        old = made.id
    other = Repository(tmp_path / "other", clone_url, credentials=GitCredentials(gitea.user, gitea.token))
    heads = other.heads()
    assert heads["resolved"] == old
    other.fetch({"resolved": heads["resolved"]})
    assert other.read(heads["resolved"]).files == FILES | {"n": b"2"}
    # the other clone has no history, and still can go on from here
    again = other.write(FILES, parent=old, message="3", time=3)
    other.push(again.id, "resolved", expect=old)
    assert repository.heads()["resolved"] == again.id


@pytest.mark.parametrize("password", [None, "wr0ng"])
def test_bad_credentials_are_denied_at_once(clone_url: str, tmp_path: Path, gitea: Server, password: str | None) -> None:
    credentials = GitCredentials(gitea.user, password) if password else None
    repository = Repository(tmp_path / "clone", clone_url, credentials=credentials)
    made = repository.write(FILES, parent=None, message="m", time=1)
    began = time.monotonic()
    for ask in (repository.heads, lambda: repository.push(made.id, "resolved", expect=None)):
        with pytest.raises(AccessDeniedError) as caught:
            ask()
        assert "wr0ng" not in str(caught.value)
    assert time.monotonic() - began < 5


def test_a_lost_lease_is_moved(repository: Repository) -> None:
    theirs = pushed(repository, "resolved", b"theirs")
    made = repository.write({"a": b"ours"}, parent=None, message="m", time=1)
    for expect in (None, "1" * 40):
        with pytest.raises(ConcurrentUpdateError, match="resolved"):
            repository.push(made.id, "resolved", expect=expect)
    assert repository.heads()["resolved"] == theirs


def test_a_protected_branch_rejects_in_giteas_words(repository: Repository, gitea: Server, name: str) -> None:
    old = pushed(repository, "resolved")
    rule = {"rule_name": "resolved", "enable_push": False}
    call(gitea, "POST", f"repos/{gitea.user}/{name}/branch_protections", rule)
    made = repository.write({"a": b"new"}, parent=old, message="m", time=1)
    with pytest.raises(RejectedError, match=r"(?i)protected branch resolved"):
        repository.push(made.id, "resolved", expect=old)
    assert repository.heads()["resolved"] == old


def test_a_missing_repository_is_missing(gitea: Server, tmp_path: Path) -> None:
    url = f"{gitea.url}/{gitea.user}/never-made.git"
    with pytest.raises(NotFoundError, match="never-made"):
        Repository(tmp_path / "clone", url, credentials=GitCredentials(gitea.user, gitea.token)).heads()


def test_an_archived_repository_denies(repository: Repository, gitea: Server, name: str) -> None:
    old = pushed(repository, "resolved")
    call(gitea, "PATCH", f"repos/{gitea.user}/{name}", {"archived": True})
    made = repository.write({"a": b"new"}, parent=old, message="m", time=1)
    with pytest.raises(AccessDeniedError, match="403"):
        repository.push(made.id, "resolved", expect=old)
    assert repository.heads()["resolved"] == old


def test_topics_are_matched_exactly_and_archived_repositories_left_out(gitea: Server) -> None:
    topic = f"t{uuid4().hex[:10]}"
    made = {}
    for kind, topics in (("one", [topic, "x"]), ("two", [topic]), ("longer", [topic + "-x"]), ("old", [topic]), ("none", [])):
        made[kind] = f"{kind}-{uuid4().hex[:8]}"
        gitea.create_repository(made[kind])
        call(gitea, "PUT", f"repos/{gitea.user}/{made[kind]}/topics", {"topics": topics})
    call(gitea, "PATCH", f"repos/{gitea.user}/{made['old']}", {"archived": True})
    with Gitea(gitea.url, gitea.token) as server:
        assert server.repositories(topic) == tuple(
            RemoteRepository(gitea.user, made[kind], f"{gitea.url}/{gitea.user}/{made[kind]}.git", "main")
            for kind in ("one", "two")
        )
        assert server.repositories(topic + "-y") == ()


def test_more_repositories_than_one_page(gitea: Server) -> None:
    topic = f"t{uuid4().hex[:10]}"
    names = sorted(f"p{each:02}-{topic}" for each in range(53))
    for each in names:
        gitea.create_repository(each)
        call(gitea, "PUT", f"repos/{gitea.user}/{each}/topics", {"topics": [topic]})
    with Gitea(gitea.url, gitea.token) as server:
        assert [found.name for found in server.repositories(topic)] == names


def test_many_checks_and_comments_hide_none(repository: Repository, gitea: Server, name: str) -> None:
    where = f"{gitea.user}/{name}"
    first = pushed(repository, "main")
    made = repository.write({"a": b"y"}, parent=first, message="m", time=2)
    repository.push(made.id, "change", expect=None)
    for n in range(70):
        call(gitea, "POST", f"repos/{where}/statuses/{first}", {"context": f"ci/{n}", "state": "success", "description": "x"})
    with Gitea(gitea.url, gitea.token) as forge:
        assert set(forge.statuses(where, first)) == {f"ci/{n}" for n in range(70)}
        assert forge.statuses(where, made.id) == {}
        call(gitea, "POST", f"repos/{where}/pulls", {"title": "x", "head": "change", "base": "main"})
        for n in range(70):
            forge.post_comment(where, 1, f"words {n}")
        assert [one.text for one in forge.comments(where, 1)] == [f"words {n}" for n in range(70)]
        assert {one.author for one in forge.comments(where, 1)} == {gitea.user}


def test_a_bad_token_is_denied(gitea: Server) -> None:
    with Gitea(gitea.url, "0" * 40) as server, pytest.raises(AccessDeniedError):
        server.repositories("t")


# Renamed repositories


def test_a_renamed_repository_is_found_under_every_name_that_it_had(gitea: Server, name: str, clone_url: str) -> None:
    """git follows the redirect and the API does not (go-gitea/gitea#34891: there is no webhook of it either)."""
    del clone_url
    call(gitea, "PATCH", f"repos/{gitea.user}/{name}", {"name": f"{name}-b"})
    call(gitea, "PATCH", f"repos/{gitea.user}/{name}-b", {"name": f"{name}-C"})
    now = RemoteRepository(gitea.user, f"{name}-C", f"{gitea.url}/{gitea.user}/{name}-C.git", "main")
    with Gitea(gitea.url, gitea.token) as client:
        for spelling in (name, f"{name}-b", f"{name}-c", name.upper()):
            assert client.current(f"{gitea.user}/{spelling}") == now
        with pytest.raises(ConfigurationError, match=f"is called {gitea.user}/{name}-C now"):
            client.statuses(f"{gitea.user}/{name}", "1" * 40)
        with pytest.raises(NotFoundError):
            client.current(f"{gitea.user}/{name}-d")
