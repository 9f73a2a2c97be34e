"""Reads responses of an API server piece by piece and within bounds: a vcluster is not ours, and may send anything."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client

from reconciler.adapters.kubernetes.errors import FOREIGN, error_from, malformed_response
from reconciler.adapters.kubernetes.nested_json import elements, members
from reconciler.adapters.kubernetes.release_projection import UNREADABLE, WatchEvent, project
from reconciler.model.errors import ReconcilerError, UnavailableError
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

    from reconciler.adapters.kubernetes.release_projection import Key, ReleaseObject, Releases

PIECE: Final = 1 << 16
MAX_RESPONSE: Final = 64 << 20
"""Bytes of one page of a list. etcd stores no object above 1.5 MB, and few are above 10 kB."""
MAX_LINE: Final = 8 << 20
"""Bytes of one event of a watch."""

_MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_body(response: BaseHTTPResponse, context: str, limit: int = MAX_RESPONSE) -> Any:
    """Returns the decoded JSON of a response, which is read to its end and closed. Raises a ReconcilerError."""
    try:
        return json.loads(_read(response, context, limit))
    except _MALFORMED as error:
        raise malformed_response(error, context) from None


def read_page(response: BaseHTTPResponse, context: str) -> tuple[Releases, Mapping[str, Any]]:
    """Returns the HelmReleases of one page of a list, and the list's metadata.

    A HelmRelease that is nested too deeply for the parser is `UNREADABLE`; the others are not affected by it.

    Raises:
        ReconcilerError: the response broke off, or is malformed.
    """
    body = _read(response, context, MAX_RESPONSE)
    try:
        try:
            page = json.loads(body)
            return dict(map(project, page["items"])), mapping(page["metadata"])
        except RecursionError:
            parts = members(body)
            return dict(map(_release, elements(parts[b'"items"']))), mapping(json.loads(parts[b'"metadata"']))
    except _MALFORMED as error:
        raise malformed_response(error, context) from None


def _release(text: bytes) -> tuple[Key, ReleaseObject]:
    """Returns a HelmRelease of whatever depth: its name, and what readiness needs of it."""
    try:
        return project(json.loads(text))
    except RecursionError:
        metadata = members(members(text)[b'"metadata"'])
        return (str(json.loads(metadata[b'"namespace"'])), str(json.loads(metadata[b'"name"']))), UNREADABLE


def _read(response: BaseHTTPResponse, context: str, limit: int) -> bytes:
    try:
        with closing(response):
            body = response.read(limit + 1)
    except FOREIGN as error:
        raise error_from(error, context) from None
    if len(body) > limit:
        raise UnavailableError(f"the API server of {context} responded with more than {limit} bytes")
    return body


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
        try:
            event = json.loads(line)
        except RecursionError:
            return _deep_event(line)
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


def _deep_event(line: bytes) -> WatchEvent:
    """Returns the event of a HelmRelease that is nested too deeply for the parser."""
    event = members(line)
    metadata = members(members(event[b'"object"'])[b'"metadata"'])
    key, release = _release(event[b'"object"'])
    states = {"ADDED": release, "MODIFIED": release, "DELETED": None}
    return WatchEvent(str(json.loads(metadata[b'"resourceVersion"'])), key, states[json.loads(event[b'"type"'])])
