"""Reads responses of an API server piece by piece and within bounds: a vcluster is not ours, and may send anything."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client

from reconciler.adapters.kubernetes.errors import FOREIGN, error_from, malformed_response
from reconciler.adapters.kubernetes.release_projection import WatchEvent, project
from reconciler.model.errors import ReconcilerError, UnavailableError
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

PIECE: Final = 1 << 16
MAX_RESPONSE: Final = 64 << 20
"""Bytes of one page of a list. etcd stores no object above 1.5 MB, and few are above 10 kB."""
MAX_LINE: Final = 8 << 20
"""Bytes of one event of a watch."""

_MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_body(response: BaseHTTPResponse, context: str, limit: int = MAX_RESPONSE) -> Any:
    """Returns the decoded JSON of a response, which is read to its end and closed. Raises a ReconcilerError."""
    try:
        with closing(response):
            body = response.read(limit + 1)
    except FOREIGN as error:
        raise error_from(error, context) from None
    if len(body) > limit:
        raise UnavailableError(f"the API server of {context} responded with more than {limit} bytes")
    try:
        return json.loads(body)
    except _MALFORMED as error:
        raise malformed_response(error, context) from None


def watch_events(response: BaseHTTPResponse, context: str) -> Iterator[list[WatchEvent]]:
    """Yields the events of a watch in batches, as they arrive; a batch is empty when a piece completes no event.

    Ends when the server ends the response in proper form.

    Raises:
        ReconcilerError: the response broke off, or an event is malformed or an error (410: the resourceVersion has expired).
    """
    rest = b""
    try:
        with closing(response):
            for piece in response.stream(PIECE, decode_content=False):
                *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
                if len(rest) > MAX_LINE:
                    raise UnavailableError(f"the API server of {context} sent an event of more than {MAX_LINE} bytes")
                yield [_event(line, context) for line in lines if line]
    except FOREIGN as error:
        raise error_from(error, context) from None


def _event(line: bytes, context: str) -> WatchEvent:
    try:
        event = json.loads(line)
        event_type, item = event["type"], event["object"]
        if event_type == "ERROR":
            raise error_from(client.ApiException(status=item["code"], reason=mapping(item).get("reason")), context)
        version = item["metadata"]["resourceVersion"]
        if event_type == "BOOKMARK":
            return WatchEvent(version)
        key, release = project(item)
        return WatchEvent(version, key, {"ADDED": release, "MODIFIED": release, "DELETED": None}[event_type])
    except ReconcilerError:
        raise
    except _MALFORMED as error:
        raise malformed_response(error, context) from None
