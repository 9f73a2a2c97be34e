"""Real git for tests: repositories made with the git command, served by git's own http-backend or by nobody sane."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(where: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git in a folder and return what it prints."""
    done = subprocess.run(["git", *arguments], cwd=where, env=ENVIRONMENT, input=stdin, capture_output=True, check=True)
    return done.stdout.decode().strip()


def bare(path: Path) -> Path:
    """Make an empty bare repository that may be pushed to over HTTP."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    git(path, "config", "http.receivepack", "true")
    return path


def commit(repository: Path, branch: str, files: dict[str, str], message: str = "a change") -> str:
    """Set the branch of a bare repository to a new commit of exactly these files, on top of its old tip."""
    (repository / "index").unlink(missing_ok=True)
    for path, content in files.items():
        blob = git(repository, "hash-object", "-w", "--stdin", stdin=content.encode())
        git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    return commit_tree(repository, branch, git(repository, "write-tree"), message)


def commit_tree(repository: Path, branch: str, tree: str, message: str = "a change") -> str:
    """Set the branch of a bare repository to a new commit of this tree, on top of its old tip."""
    old = git(repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
    made = git(repository, "commit-tree", tree, "-m", message, *(("-p", old) if old else ()))
    git(repository, "update-ref", f"refs/heads/{branch}", made)
    return made


def hook(repository: Path, name: str, script: str) -> None:
    """Install a server-side hook."""
    file = repository / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


class GitServer(ThreadingHTTPServer):
    """`git http-backend` over a folder of repositories; `requests` are the request lines seen, in order."""

    daemon_threads = True

    def __init__(self, root: Path, *, authorization: str = "", redirect: str = "", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.authorization = authorization
        self.redirect = redirect
        self.requests: list[str] = []
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"

    @contextmanager
    def running(self) -> Iterator[GitServer]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: GitServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one segment per answer, or Nagle's algorithm costs 40 ms each
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        body = self._body()
        if self.server.redirect:
            self._reply(302, [("Location", self.server.redirect + self.path)], b"")
        elif self.server.authorization not in ("", self.headers.get("Authorization")):
            self._reply(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
        else:
            self._reply(*self._backend(body))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _backend(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        path, _, query = self.path.partition("?")
        environment = {
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "ada",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200 OK").split()[0])
        return status, list(headers.items()), content

    def _reply(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle_expect_100(self) -> bool:
        """Send "100 Continue" at once, not with the answer."""
        ready = super().handle_expect_100()
        self.wfile.flush()
        return ready

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def tcp_server(behave: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """Serve TCP connections with `behave`, one at a time; yield the url and a list that grows with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[int] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            seen.append(1)
            with connection:
                behave(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/env.git", seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
