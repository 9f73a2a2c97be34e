"""An HTTP server in a thread, with uvicorn and starlette: the webhook, and what tells whether and how the process lives.

May not: read more than a body may hold, wait for a client for longer than a few seconds, or look into a body.
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from types import TracebackType

MOST_BODY: Final = 1024 * 1024  # bytes; Gitea tells of five commits of a push at most, with the names of their files
MOST_HEADERS: Final = 16 * 1024  # bytes
MOST_CONNECTIONS: Final = 128
REQUEST_SECONDS: Final = 10.0  # for a whole request, from the connection or the last answer on
KEEP_ALIVE: Final = 5  # seconds
REQUEST_GRACE: Final = 2  # seconds for requests under way at the end

log = structlog.get_logger()


@dataclass(frozen=True)
class WebhookResponse:
    """An answer: its status, and words for who reads the sender's log."""

    status: int
    words: str


class DeliveryHandler(Protocol):
    """What takes deliveries; `controller.webhook_handler.Deliveries` in production. Called by one thread."""

    def precheck(self, headers: Mapping[str, str]) -> WebhookResponse | None:
        """An answer when the headers alone call for one; the body is then not read."""

    def handle(self, headers: Mapping[str, str], body: bytes | None) -> WebhookResponse:
        """The answer to a whole body; None for one that is larger than `MOST_BODY`."""


@dataclass(frozen=True)
class Probes:
    """What is told of the process.

    Attributes:
        liveness: what keeps it from living, in words; nothing while it lives.
        readiness: what keeps it from being ready, likewise.
        metrics: all measurements as text, and its content type.
    """

    liveness: Callable[[], list[str]]
    readiness: Callable[[], list[str]]
    metrics: Callable[[], tuple[bytes, str]]


class HttpServer:
    """The server; it listens from the start, and answers inside a `with`.

    Args:
        host: the address to listen on.
        port: the port; 0 for any that is free.
        signs: for `/healthz`, `/readyz` and `/metrics`.
        webhook: for `/webhook`; without one there is no such path.
        patience: seconds that a request may take.

    Raises:
        ConfigurationError: it cannot listen there.
    """

    def __init__(
        self, host: str, port: int, signs: Probes, webhook: DeliveryHandler | None, *, patience: float = REQUEST_SECONDS
    ) -> None:
        class Connection(_Bounded):  # uvicorn makes them itself, of a class
            seconds = patience

        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(
                f"the server cannot listen on {host} port {port}: {error}", "set another http.listen"
            ) from None
        # Inherited by each connection: an answer's body must not wait for the acknowledgement of its head.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            _app(signs, webhook),
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=REQUEST_GRACE,
            h11_max_incomplete_event_size=MOST_HEADERS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(2 * REQUEST_GRACE)
        self._socket.close()


class _Bounded(H11Protocol):
    """A connection that is closed when a request takes too long, however busily it is being sent.

    When there are too many, the one whose request takes longest makes room: those who keep connections open shut nobody out.
    """

    seconds: float
    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._bound()
        here = [one for one in self.connections if isinstance(one, _Bounded) and not one.transport.is_closing()]
        if len(here) > MOST_CONNECTIONS:
            min(here, key=lambda one: one.ends).transport.abort()

    def on_response_complete(self) -> None:
        self._bound()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    @property
    def ends(self) -> float:
        """When its time is over, by the loop's clock."""
        return self._end.when() if self._end is not None else 0.0

    def _bound(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = self.loop.call_later(self.seconds, self.transport.abort)


def _app(signs: Probes, webhook: DeliveryHandler | None) -> Starlette:
    async def healthz(_: Request) -> Response:
        return _state(signs.liveness())

    async def readyz(_: Request) -> Response:
        return _state(signs.readiness())

    async def metrics(_: Request) -> Response:
        text, kind = signs.metrics()
        return Response(text, media_type=kind)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    if webhook is not None:

        async def deliver(request: Request) -> Response:
            answer = webhook.precheck(request.headers)
            if answer is None:
                try:
                    answer = webhook.handle(request.headers, await _body(request))
                except ClientDisconnect:
                    return Response(status_code=400)
            return _json({"result": answer.words}, answer.status)

        routes.append(Route("/webhook", deliver, methods=["POST"]))
    return Starlette(routes=routes, exception_handlers={Exception: _surprised})


async def _body(request: Request) -> bytes | None:
    """The body; None when it says that it is, or turns out to be, larger than it may be."""
    if int(request.headers.get("Content-Length", "0")) > MOST_BODY:  # h11 lets nothing but digits through
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY:
            return None
    return bytes(body)


async def _surprised(_: Request, error: Exception) -> Response:
    log.error("a request failed in a way that nobody foresaw", exc_info=error)
    return _json({"result": "failed"}, 500)


def _state(reasons: list[str]) -> Response:
    return _json({"ok": not reasons, "reasons": reasons}, 503 if reasons else 200)


def _json(content: Any, status: int) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")
