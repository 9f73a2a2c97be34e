"""Plain calls to servers on this machine: urllib, with no proxy in between."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

CONFLICT = 409
_SECONDS = 10.0
_SHOWN = 500


def call(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """Return the body of a 2xx answer.

    Raises:
        urllib.error.HTTPError: any other answer; an OSError like those of a connection.
    """
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)  # noqa: S310  # our own addresses
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if tls:
        handlers.append(urllib.request.HTTPSHandler(context=tls))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        error.msg = f"{method} {url} was answered with: {error.read(_SHOWN).decode(errors='replace').strip()}"
        raise


def get_json(url: str) -> Any:
    """Return the decoded JSON of a plain GET; errors as in `call`, and ValueError for what is not JSON."""
    return json.loads(call("GET", url))


def answers(url: str) -> bool:
    """Return whether a GET of the address is answered with 2xx; errors as in `call`."""
    call("GET", url)
    return True
