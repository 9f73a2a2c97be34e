"""What a registry's answer means: success, or which ReconcilerError, and whether asking again may help."""

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
    from collections.abc import Mapping

_LONGEST_WAIT = 10.0  # seconds: the longest Retry-After that is waited for
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True)
class RegistryResponse:
    """A registry's answer, read to its end.

    Attributes:
        status: of HTTP.
        headers: by name, in any letters.
        body: complete, and within the limit that was asked for.
        digest: `sha256:...` of the body, computed while it arrived.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    digest: str


class RetryableError(UnavailableError):
    """Unavailable, and worth another attempt after `wait` seconds (None: as the back-off says)."""

    def __init__(self, message: str, hint: str = "", wait: float | None = None) -> None:
        super().__init__(message, hint)
        self.wait = wait


class NoResponseError(RetryableError):
    """Nothing came, or not all of it in time: it is asking that costs time here, not the answer."""


def raise_for_status(method: str, what: str, url: str, answer: RegistryResponse) -> RegistryResponse:
    """Return a successful answer; raise the ReconcilerError that any other one means."""
    status, host = answer.status, host_of(url)
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    said = f"{host} answers {status}{_codes(answer.body)}"
    if status == HTTPStatus.NOT_FOUND:
        raise NotFoundError(f"{what}: no such thing in the registry ({said})")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise AccessDeniedError(f"{what}: {said}", f"check the credentials for {host} and their rights")
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetryableError(f"{what}: {said}", wait=_retry_after(answer.headers))
    if method != "GET" and status >= HTTPStatus.BAD_REQUEST:
        raise RejectedError(f"{what}: {said}")
    raise UnavailableError(f"{what}: {said}")


def _codes(body: bytes) -> str:
    """The registry's own error codes (`MANIFEST_UNKNOWN`), never its prose: that is anyone's text."""
    errors = json_object(body).get("errors")
    codes = [error.get("code") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    words = [code for code in codes[:3] if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code)]
    return " " + ", ".join(words) if words else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` (RFC 9110, 10.2.3: seconds or a date) asks us to wait, or None."""
    value = headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def backoff(error: Exception, left: float) -> bool | float:
    """Tell stamina whether, and after how long, to try again, when so many seconds are left for all attempts."""
    if not isinstance(error, RetryableError):
        return False
    if error.wait is None:
        return left > 0
    return error.wait if error.wait <= min(_LONGEST_WAIT, left) else False


def json_object(body: bytes) -> dict[str, Any]:
    """Decode a JSON object; anything else counts as an empty one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
