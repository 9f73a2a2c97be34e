"""Bounds the time and the bytes of a response where they are received, whatever a server sends.

`http.client` bounds a header line (64 KiB) and the number of lines (100), and a time-out applies to each piece that arrives. That
leaves a server that sends its headers byte by byte, sends `100 Continue` without end, or ends a chunked body with endless
trailers. So time and bytes are bounded below all that, where bytes are received.
"""

from __future__ import annotations

import http.client
import io
import re
import time
from typing import TYPE_CHECKING, Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

READ_TIMEOUT_FACTOR: Final = 4  # a whole response may take this many times the read time-out
_FRAMING = 256 * 1024  # bytes: of status lines and headers, and in addition to the content of each piece of a body


class _BoundedStream(io.RawIOBase):
    """The bytes that a socket receives, until the deadline or the allowance is used up."""

    def __init__(self, raw: io.RawIOBase, patience: float) -> None:
        self._receive: Callable[[Any], int | None] = raw.readinto
        self._raw = raw
        self._deadline = time.monotonic() + patience
        self.allowance = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        if self.allowance <= 0:
            raise http.client.HTTPException("more framing around the content than is accepted")
        count = self._receive(buffer)
        self.allowance -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response that is read within bounds. Its time-out is that of the socket when the response is awaited."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._stream = _BoundedStream(self.fp.detach(), READ_TIMEOUT_FACTOR * (sock.gettimeout() or 0))
        self.fp = io.BufferedReader(self._stream)

    def begin(self) -> None:
        """Reads the status and the headers. A length must be one number, because parsers interpret anything else differently."""
        self._stream.allowance = _FRAMING
        super().begin()
        if not re.fullmatch(r"(\d{1,18})?", ", ".join(self.headers.get_all("Content-Length", ()))):
            raise http.client.HTTPException("an invalid Content-Length")

    def read1(self, n: int = -1) -> bytes:
        """Reads a piece of the body, and the framing around it."""
        self._stream.allowance = max(n, 0) + _FRAMING
        return super().read1(n)


class _Plain(HTTPConnection):
    response_class = _Response


class _Tls(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


def bounded_pools() -> PoolManager:
    """Returns connection pools in which each response takes at most four times the read time-out.

    urllib3 by itself uses no cookies, passwords of a `.netrc` or proxy variables.
    """
    pools = PoolManager(maxsize=16, cert_reqs="CERT_REQUIRED")
    pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
    return pools
