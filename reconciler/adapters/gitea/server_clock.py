"""Compares this machine's clock with the server's, by the `Date` of its responses (RFC 9110, 6.6.1)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

_RESOLUTION = 1.0  # second, of `Date`


class ServerClock:
    """How far this machine's clock is ahead of the server's, as of the last response that has a date.

    Attributes:
        ahead: seconds; negative where it is behind, 0 where the time that the request took explains the difference.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def observe(self, date: str, sent: float, received: float) -> None:
        """Records a response.

        Args:
            date: its header `Date`; anything that is no date is ignored.
            sent: when its request was sent, in seconds since the epoch by this machine's clock.
            received: when its headers were received, likewise.
        """
        try:
            said = parsedate_to_datetime(date).timestamp()
        except (ValueError, OverflowError):
            return
        self.ahead = max(0.0, sent - said - _RESOLUTION) or min(0.0, received - said)
