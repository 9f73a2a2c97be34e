"""Servers that are told secrets and remember it: a registry that lets nobody in without, and some that say them back."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FORWARDED = {"accept", "content-type", "content-range", "range"}
_LENGTHS = {"content-length", "transfer-encoding", "connection", "date", "server"}


@dataclass(frozen=True)
class ReceivedRequest:
    """A request; `headers` by names in small letters; `shown`: whether it came with a client's certificate."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    shown: bool = False

    @property
    def authorization(self) -> str:
        """What it wants to be let in with; may be empty."""
        return self.headers.get("authorization", "")

    @property
    def agent(self) -> str:
        """The program that asks, as it calls itself."""
        return self.headers.get("user-agent", "")


@dataclass(frozen=True)
class ScriptedAnswer:
    """An answer; `raw` is sent instead of all else, and the connection closed."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    raw: bytes | None = None


class CredentialedServer:
    """Answers each request as a script says, and keeps what was asked; behind TLS when a context is given."""

    def __init__(self, script: Callable[[ReceivedRequest], ScriptedAnswer], tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.asked: list[ReceivedRequest] = []
        self._server = _Listener(self)
        self.tls = tls is not None
        if tls is not None:  # the handshake is left to the thread that answers
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def heard(self, secret: str, agent: str = "") -> bool:
        """Whether a request came with a secret: as it is, or as a password; from a program of such a name."""
        by = [one.authorization for one in list(self.asked) if agent in one.agent]
        return any(secret in one or secret in _basic(one) for one in by)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _basic(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    return b64decode(rest).decode() if scheme == "Basic" else ""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: CredentialedServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *args: object) -> None:
        """Say nothing of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _any(self) -> None:
        owner, headers = self.server.owner, {name.lower(): value for name, value in self.headers.items()}
        shown = isinstance(self.connection, ssl.SSLSocket) and bool(self.connection.getpeercert())
        asked = ReceivedRequest(self.command, self.path, headers, self._body(), shown)
        owner.asked.append(asked)
        self._send(owner.script(asked))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, answer: ScriptedAnswer) -> None:
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            self.close_connection = True
            return
        self.send_response(answer.status, answer.reason or None)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - http.server's names

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def basic(user: str, password: str) -> str:
    """What `Authorization` says of a user."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def parrot(asked: ReceivedRequest, status: int = 403) -> ScriptedAnswer:
    """Repeats what it was let in with, wherever an answer has room."""
    said = asked.authorization or "nothing"
    body = json.dumps({"message": said, "errors": [{"code": said, "message": said, "detail": said}], "details": said})
    headers = {"Content-Type": said, "WWW-Authenticate": f'Basic realm="{said}"', "X-Said": said, "Retry-After": said}
    return ScriptedAnswer(status, body.encode(), headers, reason=said)


def garbled(asked: ReceivedRequest) -> ScriptedAnswer:
    """Repeats it in an answer that is no HTTP."""
    return ScriptedAnswer(raw=f"{asked.authorization}\r\n\r\n".encode())


class CredentialedRegistry(CredentialedServer):
    """Before a real registry; who comes with an account's name and password gets a token, and is let in with that.

    Args:
        real: the real one's host.
        accounts: the token of each account, by what `Authorization` says of it.
        tls: makes it ask for the password itself each time, as simple registries do.
    """

    def __init__(self, real: str, accounts: Mapping[str, str], tls: ssl.SSLContext | None = None) -> None:
        self._real = real
        self._accounts = accounts
        self.lie: Callable[[ReceivedRequest], ScriptedAnswer | None] = lambda _: None
        super().__init__(self._answer, tls)

    def _answer(self, asked: ReceivedRequest) -> ScriptedAnswer:
        if (lie := self.lie(asked)) is not None:
            return lie
        token = self._accounts.get(asked.authorization)
        if asked.path.startswith("/token"):
            return ScriptedAnswer(body=json.dumps({"token": token}).encode()) if token else ScriptedAnswer(401)
        if self.tls:
            return self.truly(asked) if token else ScriptedAnswer(401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
        if asked.authorization in {f"Bearer {one}" for one in self._accounts.values()}:
            return self.truly(asked)
        return ScriptedAnswer(401, headers={"WWW-Authenticate": f'Bearer realm="{self.url}/token",service="registry"'})

    def truly(self, asked: ReceivedRequest) -> ScriptedAnswer:
        """What the real registry answers."""
        headers = {name: value for name, value in asked.headers.items() if name in _FORWARDED}
        headers |= {"Host": self.host, "X-Forwarded-Proto": "https" if self.tls else "http"}
        connection = http.client.HTTPConnection(self._real, timeout=30)
        try:
            connection.request(asked.method, asked.path, asked.body, headers)
            found = connection.getresponse()
            body = found.read()
            kept = {name: value for name, value in found.getheaders() if name.lower() not in _LENGTHS}
            if asked.method == "HEAD":
                kept["Content-Length"] = found.headers.get("Content-Length", "0")
            return ScriptedAnswer(found.status, body, kept)
        finally:
            connection.close()
