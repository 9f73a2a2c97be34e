from __future__ import annotations

import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import pygit2
import pytest

from reconciler.adapters.git import Repository
from reconciler.model.errors import AccessDeniedError, ConfigurationError, NotFoundError, ReconcilerError, UnavailableError
from reconciler.model.git import GitCredentials
from tests.support.git_server import GitServer, bare, commit, tcp_server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADA = GitCredentials("ada", "s3cret")
FILES = {"environment.lock.yaml": b"lock", "clusters/one/shop.yaml": b"shop"}


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return bare(tmp_path / "served" / "env.git")


@pytest.mark.parametrize("credentials", [None, GitCredentials("ada", "wr0ng")])
def test_bad_credentials_are_denied_at_once_and_never_shown(
    tmp_path: Path, origin: Path, credentials: GitCredentials | None
) -> None:
    with GitServer(origin.parent, authorization=ADA.header.removeprefix("Authorization: ")).running() as server:
        repository = Repository(tmp_path / "clone", server.url + "/env.git", credentials=credentials)
        made = repository.write(FILES, parent=None, message="m", time=1)
        for ask in (
            repository.heads,
            lambda: repository.fetch({"main": "1" * 40}),
            lambda: repository.push(made.id, "resolved", expect=None),
        ):
            server.requests.clear()
            with pytest.raises(AccessDeniedError) as caught:
                ask()
            assert len(server.requests) == 1
            assert "wr0ng" not in str(caught.value) + repr(repository) + repr(credentials)


def test_good_credentials_cost_no_extra_request_and_are_not_kept(tmp_path: Path, origin: Path) -> None:
    with GitServer(origin.parent, authorization=ADA.header.removeprefix("Authorization: ")).running() as server:
        repository = Repository(tmp_path / "clone", server.url + "/env.git", credentials=ADA)
        assert repository.heads() == {}
        made = repository.write(FILES, parent=None, message="m", time=1)
        repository.push(made.id, "resolved", expect=None)
        assert [request.split()[0] for request in server.requests] == ["GET", "GET", "POST"]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "clone").rglob("*") if file.is_file())
    assert b"s3cret" not in kept
    assert ADA.header.split()[-1].encode() not in kept


def test_a_redirect_does_not_take_the_credentials_elsewhere(tmp_path: Path, origin: Path) -> None:
    with GitServer(origin.parent).running() as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        with GitServer(origin.parent, redirect=elsewhere).running() as server:
            repository = Repository(tmp_path / "clone", server.url + "/env.git", credentials=ADA)
            with pytest.raises(UnavailableError):
                repository.heads()
        assert other.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, origin: Path) -> None:
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", "req", "-x509", *key, *subject], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with GitServer(origin.parent, tls=context).running() as server:
        repository = Repository(tmp_path / "clone", server.url + "/env.git", credentials=ADA)
        with pytest.raises(ConfigurationError, match="is not trusted"):
            repository.heads()
        assert server.requests == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:s3cret@git.example.org/env.git", "https://git.example.org/env.git"),
        ("https://s3cret@git.example.org/env.git", "https://git.example.org/env.git"),
        ("ssh://git.example.org/env.git", "ssh://git.example.org"),
        ("git@git.example.org:env.git", "env.git"),
        ("relative/env.git", "relative/env.git"),
        ("file://host/env.git", "file://host/env.git"),
        ("http://[::1/env.git", "cannot be read"),
        ("", "empty"),
    ],
)
def test_urls_that_are_not_used(tmp_path: Path, url: str, shown: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Repository(tmp_path / "clone", url)
    assert shown in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_path_on_disk_may_hold_anything(tmp_path: Path) -> None:
    origin = bare(tmp_path / "sp ace %20 é#?.git")
    id_ = commit(origin, "main", {"a": "1"})
    for number, url in enumerate((str(origin), origin.as_uri())):
        assert Repository(tmp_path / f"clone {number}", url).heads() == {"main": id_}


@pytest.fixture
def _impatient() -> Iterator[None]:
    assert (pygit2.settings.server_connect_timeout, pygit2.settings.server_timeout) == (5_000, 30_000)
    pygit2.settings.server_timeout = 300
    yield
    pygit2.settings.server_timeout = 30_000


def hang(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def hang_up(connection: socket.socket) -> None:
    connection.recv(4096)


def talk_rubbish(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"\x00\xff\x1b[31m rubbish\r\n" * 10)


def answer(status: str, content: bytes = b"hello", kind: str = "text/html") -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + content)

    return behave


ADVERTISEMENT = "application/x-git-upload-pack-advertisement"


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("behave", "fault", "attempts"),
    [
        (hang, UnavailableError, 3),
        (hang_up, UnavailableError, 3),
        (talk_rubbish, UnavailableError, 3),
        (answer("200 OK"), UnavailableError, 3),
        (answer("200 OK", b"001e# service=git-upload-pack\n0000zzzz", ADVERTISEMENT), UnavailableError, 3),
        (answer("500 Oops"), UnavailableError, 3),
        (answer("429 Slow down"), UnavailableError, 3),
        (answer("403 No"), AccessDeniedError, 1),
        (answer("404 No"), NotFoundError, 1),
    ],
)
def test_whatever_a_server_does_is_a_fault_in_bounded_time(
    tmp_path: Path, behave: Callable[[socket.socket], None], fault: type[ReconcilerError], attempts: int
) -> None:
    repository = Repository(tmp_path / "clone", str(tmp_path))
    made = repository.write(FILES, parent=None, message="m", time=1)
    with tcp_server(behave) as (url, seen):
        repository = Repository(tmp_path / "clone", url, credentials=ADA)
        began = time.monotonic()
        with pytest.raises(fault) as caught:
            repository.heads()
        assert time.monotonic() - began < 8
        assert len(seen) == attempts
        assert str(caught.value).isprintable()
        assert "s3cret" not in str(caught.value)
        with pytest.raises(fault):
            repository.push(made.id, "resolved", expect=None)
        assert len(seen) == attempts + 1
    assert repository.commit_of(made.id) == made  # an outage is no reason to throw the clone away


def test_nobody_listens(tmp_path: Path) -> None:
    with tcp_server(hang) as (url, _):
        pass
    with pytest.raises(UnavailableError, match="refused"):
        Repository(tmp_path / "clone", url).heads()
