"""Answers of an API server, read piece by piece and within bounds: a vcluster is not ours, and may answer anything."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client

from reconciler.adapters.kubernetes.errors import FOREIGN, error_from, malformed_response
from reconciler.adapters.kubernetes.release_projection import WatchEvent, mapping, project
from reconciler.model.errors import ReconcilerError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

PIECE: Final = 1 << 16
MAX_BODY: Final = 64 << 20
"""Bytes of one page of a list. etcd holds no object above 1.5 MB, and few are above 10 kB."""
MAX_LINE: Final = 8 << 20
"""Bytes of one event of a watch."""

_ODD: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_body(response: BaseHTTPResponse, context: str, most: int = MAX_BODY) -> Any:
    """The JSON that an answer holds, which is read to its end and closed. Raises Unavailable."""
    try:
        with closing(response):
            body = response.read(most + 1)
    except FOREIGN as error:
        raise error_from(error, context) from None
    if len(body) > most:
        raise UnavailableError(f"the API server of {context} answered more than {most} bytes at once")
    try:
        return json.loads(body)
    except _ODD as error:
        raise malformed_response(error, context) from None


def watch_events(response: BaseHTTPResponse, context: str) -> Iterator[list[WatchEvent]]:
    """The events of a watch, all at once that arrive at once; also none, when a piece arrived that completes none.

    Ends when the server ends it in proper form.

    Raises:
        ReconcilerError: it broke off, or an event says that it did (410: the version to watch from is gone), or makes no sense.
    """
    rest = b""
    try:
        with closing(response):
            for piece in response.stream(PIECE, decode_content=False):
                *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
                if len(rest) > MAX_LINE:
                    raise UnavailableError(f"the API server of {context} sent an event of more than {MAX_LINE} bytes")
                yield [_change(line, context) for line in lines if line]
    except FOREIGN as error:
        raise error_from(error, context) from None


def _change(line: bytes, context: str) -> WatchEvent:
    try:
        event = json.loads(line)
        kind, item = event["type"], event["object"]
        if kind == "ERROR":
            raise error_from(client.ApiException(status=item["code"], reason=mapping(item).get("reason")), context)
        version = item["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return WatchEvent(version)
        key, release = project(item)
        return WatchEvent(version, key, {"ADDED": release, "MODIFIED": release, "DELETED": None}[kind])
    except ReconcilerError:
        raise
    except _ODD as error:
        raise malformed_response(error, context) from None
