"""Handles deliveries of Gitea's webhook: verifies the signature (HMAC), and wakes the Environments in the pushed repository.

A delivery is only a wake-up: its content is not believed, since the pass fetches by itself. A signed delivery that is old or
repeated therefore does no harm, and a lost one costs a poll interval.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Final

import structlog

from reconciler.adapters.gitea.webhook_events import changed_repository
from reconciler.adapters.http_server import WebhookResponse
from reconciler.formats.lru_cache import LruCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEEN_FOR: Final = 3600.0  # seconds; Gitea repeats a delivery only when a user requests it, and then with a new id
MAX_SEEN: Final = 4096
_SIGNATURE: Final = "X-Gitea-Signature"
_HEX: Final = 2 * hashlib.sha256().digest_size

DENIED: Final = WebhookResponse(401, "denied")
WRONG_TYPE: Final = WebhookResponse(415, "wrong type: a delivery is application/json")
TOO_LARGE: Final = WebhookResponse(413, "too large")
MALFORMED: Final = WebhookResponse(400, "malformed")
DUPLICATE: Final = WebhookResponse(200, "duplicate")
IGNORED: Final = WebhookResponse(200, "ignored")
UNKNOWN: Final = WebhookResponse(202, "unknown")  # not 404: a webhook of an organization delivers for other repositories too
ACCEPTED: Final = WebhookResponse(202, "accepted")

log = structlog.get_logger()


class WebhookHandler:
    """Handles deliveries.

    Args:
        secret: the key that signs deliveries.
        wake: reconciles a repository (owner/name) at once; False when no Environment is in it.
        count: records the result of each delivery: the first part of its response.
        clock: seconds that never run backwards.
    """

    def __init__(
        self,
        secret: str,
        wake: Callable[[str], bool],
        count: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._secret = secret.encode()
        self._wake, self._count = wake, count
        self._seen: LruCache[float] = LruCache(MAX_SEEN)

    def precheck(self, headers: Mapping[str, str]) -> WebhookResponse | None:
        """The response to a delivery that is refused before its body is read: unsigned, or of another content type."""
        if len(headers.get(_SIGNATURE, "")) != _HEX:
            return self._counted(DENIED)
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            return self._counted(WRONG_TYPE)
        return None

    def handle(self, headers: Mapping[str, str], body: bytes | None) -> WebhookResponse:
        """Handle a delivery that passed `precheck`; a body of None was too large to read."""
        return self._counted(TOO_LARGE if body is None else self._response(headers, body))

    def _response(self, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        # Bytes, since characters beyond ASCII would raise; in constant time, so that timing reveals nothing about the signature.
        if not hmac.compare_digest(signature.encode(), headers[_SIGNATURE].encode()):
            return DENIED
        if self._was_seen(headers.get("X-Gitea-Delivery", ""), signature):
            return DUPLICATE
        try:
            repository = changed_repository(headers.get("X-Gitea-Event", ""), body)
        except ValueError:
            return MALFORMED
        if repository is None:
            return IGNORED
        log.debug("delivery", repository=repository)
        return ACCEPTED if self._wake(repository) else UNKNOWN

    def _was_seen(self, delivery: str, signature: str) -> bool:
        """Whether this delivery was handled before. Ids are unsigned; with the signature in the key, a forged one blocks none."""
        key = hashlib.sha256(f"{signature} {delivery}".encode()).digest()  # ids may be long
        now, handled_at = self._clock(), self._seen.get(key)
        self._seen.put(key, now, 1)
        return handled_at is not None and now - handled_at < SEEN_FOR

    def _counted(self, response: WebhookResponse) -> WebhookResponse:
        """Record a response's result, and return the response."""
        self._count(response.message.partition(":")[0])
        return response
