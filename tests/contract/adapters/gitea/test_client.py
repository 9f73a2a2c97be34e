from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.gitea import Gitea
from reconciler.adapters.gitea.server_clock import ServerClock
from reconciler.model.errors import (
    AccessDeniedError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    ReconcilerError,
    RejectedError,
    UnavailableError,
)
from reconciler.model.forge import MergedPullRequest, PullRequestHistory, Webhook
from tests.support.git_server import tcp_server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

TOKEN = "t0p-s3cret"  # noqa: S105 - the canary


def answer(status: str, content: bytes = b"hello", more: str = "") -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n{more}\r\n"
        connection.sendall(head.encode() + content)

    return behave


def hang(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def flood(connection: socket.socket) -> None:
    connection.recv(4096)
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (9 * 1024 * 1024))
    except OSError:
        return


def found(**changes: object) -> bytes:
    one = {"owner": {"login": "acme"}, "name": "env", "default_branch": "main", "archived": False, "topics": ["t"]}
    return json.dumps({"ok": True, "data": [one | changes]}).encode()


@pytest.mark.parametrize(
    ("behave", "fault", "attempts"),
    [
        (hang, UnavailableError, 3),
        (answer("500 Oops"), UnavailableError, 3),
        (answer("429 Slow down"), UnavailableError, 3),
        (answer("401 Who"), AccessDeniedError, 1),
        (answer("403 No"), AccessDeniedError, 1),
        (answer("404 No"), NotFoundError, 1),
        (answer("302 Found", more="Location: http://127.0.0.1:9/\r\n"), ConfigurationError, 1),
        (answer("200 OK", b"hello"), IntegrityError, 1),
        (answer("200 OK", b'{"ok": true, "data": [{"name": "s3cret-echo"}]}'), IntegrityError, 1),
        (answer("200 OK", found(topics="t")), IntegrityError, 1),
        (answer("200 OK", b'{"ok": false, "data": []}'), UnavailableError, 1),
        (flood, IntegrityError, 1),
        (lambda connection: connection.sendall(b"token s3cret-echo\r\n\r\n"), UnavailableError, 3),
    ],
)
def test_whatever_a_server_does_is_a_fault_in_bounded_time(
    behave: Callable[[socket.socket], None], fault: type[ReconcilerError], attempts: int
) -> None:
    with tcp_server(behave) as (url, seen), Gitea(url, TOKEN, timeout=0.3) as gitea:
        began = time.monotonic()
        with pytest.raises(fault) as caught:
            gitea.repositories("t")
        assert time.monotonic() - began < 8
        assert len(seen) == attempts
        assert "s3cret" not in str(caught.value) + repr(gitea)


@pytest.mark.parametrize("seconds", [-7200, 0, 7200])
def test_the_clock_is_compared_with_the_servers(seconds: int) -> None:
    date = f"Date: {formatdate(time.time() - seconds, usegmt=True)}\r\n"
    with tcp_server(answer("404 No", more=date)) as (url, _), Gitea(url, TOKEN) as gitea:
        with pytest.raises(NotFoundError):
            gitea.statuses("acme/env", "1" * 40)
        assert abs(gitea.clock_ahead - seconds) < 5
        assert seconds or not gitea.clock_ahead


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Dec 2026 00:00:00 GMT", "\0"])
def test_what_is_no_date_says_nothing_about_clocks(date: str) -> None:
    clock = ServerClock()
    clock.observe("Tue, 01 Dec 2026 00:00:00 GMT", 1796083300.0, 1796083301.0)
    before = clock.ahead
    clock.observe(date, 0.0, 0.0)
    assert clock.ahead == before == 1796083300 - 1796083200 - 1


def test_a_server_that_always_has_another_page_is_left() -> None:
    with tcp_server(answer("200 OK", found())) as (url, seen), Gitea(url, TOKEN) as gitea:
        with pytest.raises(IntegrityError, match="more than"):
            gitea.repositories("t")
        assert len(seen) == 100


def test_nobody_listens() -> None:
    with tcp_server(hang) as (url, _):
        pass
    with Gitea(url, TOKEN) as gitea, pytest.raises(UnavailableError, match="ConnectError"):
        gitea.repositories("t")


@pytest.mark.parametrize(
    "url", ["", "gitea.example.org", "ftp://gitea.example.org", "https://", "https://a:b@host", "http://[::1"]
)
def test_urls_that_are_not_used(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Gitea(url, TOKEN)


@pytest.mark.parametrize("token", [TOKEN + "\n", TOKEN + "\r\nX: y", "schlüssel"])
def test_tokens_that_cannot_be_sent_are_not_shown(token: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Gitea("https://gitea.example.org", token)
    assert token.strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        ("405 No", b'{"message": "Does not have enough approvals"}', "answered 405: Does not have enough approvals"),
        ("409 Conflict", b'{"message": "head out of date\\u001b[2J\\n"}', "answered 409: head out of date"),
        ("422 What", b"<html>", "answered 422: no reason"),
        ("422 What", b'{"message": ""}', "answered 422: no reason"),
        ("409 Conflict", json.dumps({"message": f"you sent {TOKEN}"}).encode(), "answered 409: you sent ..."),
    ],
)
def test_what_a_rule_turns_down_is_rejected_in_the_servers_words(status: str, content: bytes, words: str) -> None:
    with tcp_server(answer(status, content)) as (url, seen), Gitea(url, TOKEN) as gitea:
        with pytest.raises(RejectedError) as caught:
            gitea.merge("acme/acme-prod", 1, "a" * 40)
        assert len(seen) == 1, "a change is sent once"
        assert words in str(caught.value)
        assert str(caught.value).isprintable()
        assert TOKEN not in str(caught.value)


def test_that_gitea_does_not_know_yet_whether_it_can_merge_is_no_refusal() -> None:
    style = answer("200 OK", b'{"default_merge_style": "squash"}')
    says = iter((style, answer("405 No", b'{"message": "Please try again later"}')))

    def behave(connection: socket.socket) -> None:
        next(says)(connection)

    with tcp_server(behave) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.merge("acme/acme-prod", 1, "a" * 40) is False


def test_whose_token_it_takes_is_said() -> None:
    with tcp_server(answer("403 No")) as (url, _), Gitea(url, TOKEN) as gitea:
        for ask in (gitea.protections, gitea.create_repository):
            with pytest.raises(AccessDeniedError, match="CATALYST_GITEA__TOKEN"):
                ask("acme/acme-prod")
    with tcp_server(answer("404 No")) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.is_archived("acme/acme-prod") is None
        with pytest.raises(NotFoundError, match="Gitea has no organization acme"):
            gitea.create_repository("acme/acme-prod")
        with pytest.raises(NotFoundError, match="Gitea has no user bot"):
            gitea.access("acme/acme-prod", "bot")


HOOK = b'{"id": 7, "active": true, "config": {"url": "http://r/webhook", "content_type": "json"}, "events": ["push"]}'


def test_webhooks_are_read_as_they_are_shown() -> None:
    answers = iter([answer("200 OK", b"[" + HOOK + b", " + HOOK + b"]"), answer("200 OK", b"[]")])

    def behave(connection: socket.socket) -> None:
        next(answers)(connection)

    with tcp_server(behave) as (url, _), Gitea(url, TOKEN) as gitea:
        found = gitea.webhooks("acme/prod")
    assert found == (Webhook(7, "http://r/webhook", active=True, json=True, events=frozenset({"push"}), branches=None),)


@pytest.mark.parametrize(
    ("behave", "fault"),
    [
        (answer("403 No"), AccessDeniedError),
        (answer("404 No"), NotFoundError),
        (answer("500 Oops s3cret-echo"), UnavailableError),
        (answer("201 Created", b'{"id": "s3cret-echo"}'), IntegrityError),
        (hang, UnavailableError),
    ],
)
def test_a_webhook_is_made_once_and_its_secret_is_in_no_error(
    behave: Callable[[socket.socket], None], fault: type[ReconcilerError]
) -> None:
    with tcp_server(behave) as (url, seen), Gitea(url, TOKEN, timeout=0.3) as gitea:
        with pytest.raises(fault) as caught:
            gitea.create_hook("acme/prod", "http://r/webhook", "s3cret-echo", ["push"], "main")
        assert len(seen) == 1
        assert "s3cret" not in str(caught.value)


def test_a_webhook_that_was_made_has_an_id() -> None:
    with tcp_server(answer("201 Created", HOOK)) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.create_hook("acme/prod", "http://r/webhook", "s", ["push"], "main") == 7


AT = "1970-01-01T01:00:09+01:00"
REVIEW = {"id": 2, "user": {"login": "Ada"}, "state": "APPROVED", "commit_id": "c", "dismissed": False, "submitted_at": AT}
PULL = {
    "number": 7,
    "user": {"login": "Eve"},
    "base": {"ref": "main"},
    "merged": True,
    "merge_commit_sha": "c",
    "merge_base": "f",
    "merged_at": AT,
}


def answers(*contents: object) -> Callable[[socket.socket], None]:
    """One after another, and then always an empty list."""
    left = [json.dumps(one).encode() for one in contents]

    def behave(connection: socket.socket) -> None:
        answer("200 OK", left.pop(0) if left else b"[]")(connection)

    return behave


def test_names_are_compared_as_the_forge_does_and_reviews_come_in_their_order() -> None:
    with tcp_server(answers([REVIEW, REVIEW | {"id": 1, "user": None}])) as (url, _), Gitea(url, TOKEN) as gitea:
        assert [(one.id, one.person) for one in gitea.reviews("acme/env", 7)] == [(1, ""), (2, "ada")]
    with tcp_server(answers([{"id": 3, "name": "Platform"}], [], [{"login": "Ada"}])) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.members("acme/platform") == frozenset({"ada"})
    with tcp_server(answers([{"id": 3, "name": "platforms"}])) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.members("acme/platform") is None


@pytest.mark.parametrize(
    "changes", [{"merged": False}, {"merge_commit_sha": "other"}, {"merge_commit_sha": None}, {"merged_at": None}]
)
def test_only_what_was_merged_as_that_commit_counts(changes: dict[str, object]) -> None:
    with tcp_server(answers(PULL)) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.pull_request_of_merge("acme/env", "c") == MergedPullRequest(7, "eve", "main", "c", "f", 9)
    with tcp_server(answers(PULL | changes)) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.pull_request_of_merge("acme/env", "c") is None
    with tcp_server(answer("404 No")) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.pull_request_of_merge("acme/env", "c") is None


def test_when_it_was_last_for_another_branch_and_who_pushed() -> None:
    pushed = {"type": "pull_push", "created_at": AT, "user": {"login": "Eve"}}
    events = [{"type": "change_target_branch", "created_at": AT}, None, {"type": "comment", "created_at": "2026-12-01T00:00:00Z"}]
    with tcp_server(answers(events)) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.past("acme/env", 7) == PullRequestHistory(9)
    with tcp_server(answers([pushed, None], None)) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.past("acme/env", 7) == PullRequestHistory(None, frozenset({"eve"}))
    with tcp_server(answers([pushed], *[None] * 9, events)) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.past("acme/env", 7) == PullRequestHistory(9, frozenset({"eve"})), (
            "pages whose events are not shown are no end"
        )
    commits = [{"author": {"login": "Ada"}, "committer": None}, {"author": None, "committer": {"login": "Bob"}}]
    with tcp_server(answers(*[None] * 10, commits)) as (url, _), Gitea(url, TOKEN) as gitea:
        assert gitea.past("acme/env", 7) == PullRequestHistory(None, frozenset({"ada", "bob"})), (
            "nor does it matter who opened it"
        )


@pytest.mark.parametrize("odd", [{"id": "x"}, REVIEW | {"user": "ada"}, REVIEW | {"dismissed": None}])
def test_a_review_of_another_shape_is_none(odd: object) -> None:
    with tcp_server(answers([odd])) as (url, _), Gitea(url, TOKEN) as gitea, pytest.raises(IntegrityError):
        gitea.reviews("acme/env", 7)


# Renamed repositories


def renamed(names: dict[str, str], location: str = "/api/v1/repos/{}") -> Callable[[socket.socket], None]:
    """Answers as Gitea does: with the repository under its name of now, and with a redirect under the ones before."""

    def behave(connection: socket.socket) -> None:
        path = connection.recv(4096).decode().split()[1].partition("/api/v1/repos/")[2]
        name = "/".join(path.split("/")[:2])
        head, content = "HTTP/1.1 200 OK", json.loads(found())["data"][0] | {"owner": {"login": "acme"}, "name": "Now"}
        if name in names:
            head, content = f"HTTP/1.1 301 Moved\r\nLocation: {location.format(path.replace(name, names[name]))}", {}
        body = json.dumps(content).encode()
        connection.sendall(f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    return behave


@pytest.mark.parametrize("location", ["/api/v1/repos/{}", "https://elsewhere.example/git/api/v1/repos/{}"])
def test_a_rename_is_followed_by_its_name_and_never_to_another_host(location: str) -> None:
    behave = renamed({"acme/old": "acme/middle", "acme/middle": "beta/now"}, location)
    with tcp_server(behave) as (url, seen), Gitea(url, TOKEN, timeout=1.0) as gitea:
        remote = gitea.current("acme/old")
        assert (remote.owner, remote.name, remote.clone_url) == ("acme", "Now", f"{url}/acme/Now.git")
        assert len(seen) == 3


def test_renames_without_end_are_a_fault() -> None:
    behave = renamed({"acme/a": "acme/b", "acme/b": "acme/a"})
    with (
        tcp_server(behave) as (url, _),
        Gitea(url, TOKEN, timeout=1.0) as gitea,
        pytest.raises(UnavailableError, match="more than 5 times"),
    ):
        gitea.current("acme/a")


def test_another_call_on_a_renamed_repository_names_it() -> None:
    with (
        tcp_server(renamed({"acme/old": "acme/new"})) as (url, _),
        Gitea(url, TOKEN, timeout=1.0) as gitea,
        pytest.raises(
            ConfigurationError, match=r"the repository acme/old is called acme/new now \(configure it under that name\)"
        ),
    ):
        gitea.statuses("acme/old", "1" * 40)
