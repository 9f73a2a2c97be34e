"""A registry that does whatever a test scripts, on a free port of the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping


@dataclass
class Reply:
    """What to answer. `length` overrides Content-Length; `pause` seconds pass before each piece of the body.

    A header with a list is sent once for each entry.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)
    length: int | None = None
    pause: float = 0.0
    pieces: int = 1


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Say nothing of a client that went away."""


class HostileRegistry:
    """Answers each request with `script(request)`, and keeps what was asked; behind TLS when a context is given."""

    def __init__(self, script: Callable[[Request], Reply], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers.items()), body, self.client_address)
                outer.requests.append(request)
                self._send(script(request))

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    for line in [value] if isinstance(value, str) else value:
                        self.send_header(name, line)
                self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
                self.end_headers()
                step = max(1, len(reply.body) // reply.pieces)
                try:
                    for start in range(0, len(reply.body), step):
                        outer.released.wait(reply.pause)
                        self.wfile.write(reply.body[start : start + step])
                except OSError:
                    pass  # the client had enough
                if reply.length is not None:
                    self.close_connection = True

            do_GET = do_HEAD = do_PUT = do_POST = _any  # noqa: N815 - http.server's names

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:  # the handshake is left to the thread that answers
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class RawServer:
    """Sends on each connection what `pieces()` yields, whatever is asked, for as long as anybody listens."""

    def __init__(self, pieces: Callable[[], Iterable[bytes]]) -> None:
        self.connections = 0
        self.released = threading.Event()
        self._pieces = pieces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.released.is_set():
                connection.close()
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._send, args=(connection,)))
            self._threads[-1].start()

    def _send(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the client had enough
            connection.recv(65536)
            for piece in self._pieces():
                if self.released.is_set():
                    return
                connection.sendall(piece)
            self.released.wait()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()  # wakes the one that accepts
        for thread in self._threads:
            thread.join()
        self._listener.close()
