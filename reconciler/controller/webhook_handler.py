"""Deliveries of Gitea's webhook: whose signature holds, and what each wakes.

A delivery is only ever a wake-up: what it says is never believed, the pass looks itself. So a signed one that is old, or comes
again, does no harm; and one that is lost costs a poll interval.
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

SEEN_FOR: Final = 3600.0  # seconds; Gitea sends one again only when a person asks for it, and then as another
SEEN_AT_MOST: Final = 4096
_SIGNATURE: Final = "X-Gitea-Signature"
_HEX: Final = 2 * hashlib.sha256().digest_size

DENIED: Final = WebhookResponse(401, "denied")
WRONG_TYPE: Final = WebhookResponse(415, "wrong type: a delivery is application/json")
TOO_LARGE: Final = WebhookResponse(413, "too large")
MALFORMED: Final = WebhookResponse(400, "malformed")
DUPLICATE: Final = WebhookResponse(200, "seen")
IGNORED: Final = WebhookResponse(200, "ignored")
UNKNOWN: Final = WebhookResponse(202, "unknown")  # not 404: a webhook of an organization delivers for other repositories too
ACCEPTED: Final = WebhookResponse(202, "woken")

log = structlog.get_logger()


class WebhookHandler:
    """Takes deliveries.

    Args:
        secret: what they are signed with.
        wake: has a repository (owner/name) looked at; False when it is none of ours.
        count: is told the first word of each answer.
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
        self._seen: LruCache[float] = LruCache(SEEN_AT_MOST)

    def precheck(self, headers: Mapping[str, str]) -> WebhookResponse | None:
        """What can be refused before the body is read: what nobody signed, and forms."""
        if len(headers.get(_SIGNATURE, "")) != _HEX:
            return self._told(DENIED)
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            return self._told(WRONG_TYPE)
        return None

    def handle(self, headers: Mapping[str, str], body: bytes | None) -> WebhookResponse:
        """Take a delivery that was not refused; a body of None is one that was too large to read."""
        return self._told(TOO_LARGE if body is None else self._taken(headers, body))

    def _taken(self, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        # Bytes, since characters beyond ASCII would raise; in constant time, so that no guess is told how near it is.
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
        """Whether this very delivery came lately. Its id is not signed: with the body's, a made-up one keeps no other away."""
        key = hashlib.sha256(f"{signature} {delivery}".encode()).digest()  # ids may be long
        now, before = self._clock(), self._seen.get(key)
        self._seen.put(key, now, 1)
        return before is not None and now - before < SEEN_FOR

    def _told(self, answer: WebhookResponse) -> WebhookResponse:
        self._count(answer.words.partition(":")[0])
        return answer
