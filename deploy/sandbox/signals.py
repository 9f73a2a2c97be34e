"""Ctrl-C and the request to end, at moments that can bear them."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_on_every_ending() -> None:
    """Make a request to end (SIGTERM) and a closed terminal (SIGHUP) do what Ctrl-C does: raise KeyboardInterrupt."""
    for number in _ENDINGS:
        signal.signal(number, signal.default_int_handler)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Put off KeyboardInterrupt until the block is done, for what must not be left half done.

    The signals are noted rather than blocked or ignored, as a child process would inherit either.
    """
    noted: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: noted.append(number)) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise KeyboardInterrupt
