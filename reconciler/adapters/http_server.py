"""Serves HTTP in a thread, with uvicorn and starlette: the webhook, the probes and the metrics.

May not: read more of a body than the limit, wait for a client for longer than a few seconds, or interpret a body.
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

MAX_DELIVERY: Final = 1024 * 1024  # bytes; Gitea lists at most five commits of a push, with the names of their files
MAX_HEADERS: Final = 16 * 1024  # bytes
MAX_CONNECTIONS: Final = 128
REQUEST_SECONDS: Final = 10.0  # for a whole request, from the connection or the last response on
KEEP_ALIVE: Final = 5  # seconds
REQUEST_GRACE: Final = 2  # seconds for requests in progress at shutdown

log = structlog.get_logger()


@dataclass(frozen=True)
class WebhookResponse:
    """A response: its HTTP status, and a short text for the sender's log of deliveries."""

    status: int
    message: str


class DeliveryHandler(Protocol):
    """Handles deliveries; `controller.webhook_handler.WebhookHandler` in production. Called by one thread."""

    def precheck(self, headers: Mapping[str, str]) -> WebhookResponse | None:
        """Returns a response when the headers alone decide it; the body is then not read."""

    def handle(self, headers: Mapping[str, str], body: bytes | None) -> WebhookResponse:
        """Returns the response to a whole body, which is None when it is larger than `MAX_DELIVERY`."""


@dataclass(frozen=True)
class Probes:
    """The probes and metrics of the process.

    Attributes:
        liveness: returns the reasons why the process is not live, as messages; empty while it is.
        readiness: returns the reasons why it is not ready, likewise.
        metrics: returns all measurements as text, and their content type.
    """

    liveness: Callable[[], list[str]]
    readiness: Callable[[], list[str]]
    metrics: Callable[[], tuple[bytes, str]]


class HttpServer:
    """An HTTP server in a thread; it listens once constructed, and responds inside a `with`.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one.
        probes: for `/healthz`, `/readyz` and `/metrics`.
        webhook: for `/webhook`; without a handler the path does not exist.
        patience: seconds that a request may take.

    Raises:
        ConfigurationError: the server cannot listen on this address.
    """

    def __init__(
        self, host: str, port: int, probes: Probes, webhook: DeliveryHandler | None, *, patience: float = REQUEST_SECONDS
    ) -> None:
        class Connection(_BoundedConnection):  # uvicorn takes a class, and constructs the connections itself
            seconds = patience

        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(
                f"the server cannot listen on {host} port {port}: {error}", "set another http.listen"
            ) from None
        # Inherited by each connection: a response's body must not wait for the acknowledgement of its head.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            _app(probes, webhook),
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=REQUEST_GRACE,
            h11_max_incomplete_event_size=MAX_HEADERS,
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


class _BoundedConnection(H11Protocol):
    """A connection that is aborted when a request exceeds its time, even if bytes are still arriving.

    Above the limit of connections the one with the earliest deadline is aborted, so that idle clients cannot lock others out.
    """

    seconds: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._restart_timer()
        open_connections = [
            connection
            for connection in self.connections
            if isinstance(connection, _BoundedConnection) and not connection.transport.is_closing()
        ]
        if len(open_connections) > MAX_CONNECTIONS:
            min(open_connections, key=lambda connection: connection.deadline).transport.abort()

    def on_response_complete(self) -> None:
        self._restart_timer()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    @property
    def deadline(self) -> float:
        """The deadline of the current request, by the event loop's clock."""
        return self._timer.when() if self._timer is not None else 0.0

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.seconds, self.transport.abort)


def _app(probes: Probes, webhook: DeliveryHandler | None) -> Starlette:
    async def healthz(_: Request) -> Response:
        return _state(probes.liveness())

    async def readyz(_: Request) -> Response:
        return _state(probes.readiness())

    async def metrics(_: Request) -> Response:
        text, content_type = probes.metrics()
        return Response(text, media_type=content_type)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    if webhook is not None:

        async def deliver(request: Request) -> Response:
            response = webhook.precheck(request.headers)
            if response is None:
                try:
                    response = webhook.handle(request.headers, await _body(request))
                except ClientDisconnect:
                    return Response(status_code=400)
            return _json({"result": response.message}, response.status)

        routes.append(Route("/webhook", deliver, methods=["POST"]))
    return Starlette(routes=routes, exception_handlers={Exception: _internal_error})


async def _body(request: Request) -> bytes | None:
    """Returns the body; None when its declared or actual size exceeds `MAX_DELIVERY`."""
    if int(request.headers.get("Content-Length", "0")) > MAX_DELIVERY:  # h11 accepts digits only
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_DELIVERY:
            return None
    return bytes(body)


async def _internal_error(_: Request, error: Exception) -> Response:
    log.error("a request failed with an unexpected exception", exc_info=error)
    return _json({"result": "failed"}, 500)


def _state(reasons: list[str]) -> Response:
    return _json({"ok": not reasons, "reasons": reasons}, 503 if reasons else 200)


def _json(content: Any, status: int) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")
