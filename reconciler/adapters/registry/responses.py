"""Maps a registry's response to success or a ReconcilerError, and decides whether a retry may help."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from reconciler.adapters.registry.urls import host_of
from reconciler.model.errors import AccessDeniedError, NotFoundError, RejectedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MAX_WAIT = 10.0  # seconds: the longest Retry-After that is honoured
_RETRYABLE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True)
class RegistryResponse:
    """A registry's response, read to its end.

    Attributes:
        status: the HTTP status.
        headers: by name, in upper or lower case.
        body: complete, and within the requested limit.
        digest: `sha256:...` of the body, computed while it arrived.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    digest: str


class RetryableError(UnavailableError):
    """The registry is unavailable, and may respond to a retry after `wait` seconds (None: the back-off's wait)."""

    def __init__(self, message: str, hint: str = "", wait: float | None = None) -> None:
        super().__init__(message, hint)
        self.wait = wait


class NoResponseError(RetryableError):
    """No response, or not all of it in time: here the request itself costs the time."""


def raise_for_status(
    method: str, what: str, url: str, response: RegistryResponse, accepted: Collection[int] = ()
) -> RegistryResponse:
    """Returns a response that is successful or has an accepted status; raises the ReconcilerError of any other."""
    status, host = response.status, host_of(url)
    if status < HTTPStatus.MULTIPLE_CHOICES or status in accepted:
        return response
    summary = f"{host} responds {status}{_codes(response.body)}"
    if status == HTTPStatus.NOT_FOUND:
        raise NotFoundError(f"{what}: not found in the registry ({summary})")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise AccessDeniedError(f"{what}: {summary}", f"check the credentials for {host} and their rights")
    if status in _RETRYABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetryableError(f"{what}: {summary}", wait=_retry_after(response.headers))
    if method != "GET" and status >= HTTPStatus.BAD_REQUEST:
        raise RejectedError(f"{what}: {summary}")
    raise UnavailableError(f"{what}: {summary}")


def _codes(body: bytes) -> str:
    """Returns the registry's own error codes (`MANIFEST_UNKNOWN`), never its text, which anyone may have written."""
    errors = json_object(body).get("errors")
    codes = [error.get("code") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    safe_codes = [code for code in codes[:3] if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code)]
    return " " + ", ".join(safe_codes) if safe_codes else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds to wait by `Retry-After` (RFC 9110, 10.2.3: seconds or a date), or None."""
    value = headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def backoff(error: Exception, remaining: float) -> bool | float:
    """Returns to stamina whether, or after how many seconds, to retry, when `remaining` seconds are left for all attempts."""
    if not isinstance(error, RetryableError):
        return False
    if error.wait is None:
        return remaining > 0
    return error.wait if error.wait <= min(_MAX_WAIT, remaining) else False


def json_object(body: bytes) -> dict[str, Any]:
    """Decodes a JSON object; anything else is returned as an empty one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
