"""How an answer comes off the wire: reading it ends, whatever a server sends.

`http.client` bounds a header line (64 KiB) and the number of lines (100), and a time-out is for each piece that arrives. That
leaves a server that drips its headers, says `100 Continue` for ever, or ends a chunked body with trailers that do not end. So
time and bytes are bounded below all that, where bytes are received.
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

READ_TIMEOUT_FACTOR: Final = 4  # a whole answer may take this many times the read time-out
_FRAMING = 256 * 1024  # bytes: of status lines and headers, and beside the content of each piece of a body


class _BoundedStream(io.RawIOBase):
    """What a socket receives, until the time or the allowance is used up."""

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
            raise http.client.HTTPException("more around the content than is accepted")
        count = self._receive(buffer)
        self.allowance -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is read within bounds. Its time-out is the socket's, as it stands when the answer is awaited."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._received = _BoundedStream(self.fp.detach(), READ_TIMEOUT_FACTOR * (sock.gettimeout() or 0))
        self.fp = io.BufferedReader(self._received)

    def begin(self) -> None:
        """Read the status and the headers. A length must be one number, as parsers differ in what else they make of it."""
        self._received.allowance = _FRAMING
        super().begin()
        if not re.fullmatch(r"(\d{1,18})?", ", ".join(self.headers.get_all("Content-Length", ()))):
            raise http.client.HTTPException("a length that is none")

    def read1(self, n: int = -1) -> bytes:
        """Read a piece of the body, and what stands around it."""
        self._received.allowance = max(n, 0) + _FRAMING
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
    """Connections of whose answers each takes at most four times the read time-out.

    urllib3 by itself knows no cookies, passwords of a `.netrc` or proxy variables.
    """
    pools = PoolManager(maxsize=16, cert_reqs="CERT_REQUIRED")
    pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
    return pools
