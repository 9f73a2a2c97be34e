"""Structured logs on standard error: aligned columns on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

import structlog
from structlog.tracebacks import ExceptionDictTransformer


def configure(*, verbose: bool) -> None:
    """Set up logging for this process."""
    terminal = sys.stderr.isatty()
    # Libraries log freely, such as the complaints of a login program; a failure also arrives as an error.
    logging.getLogger().addHandler(logging.NullHandler())
    # Without the frames' variables, which both show by default: a secret may be among them.
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else [tracebacks]),
            renderer if terminal else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=False,
    )


class _StandardError(structlog.PrintLogger):
    """Prints lines on standard error. A line that cannot be written is lost: nothing may fail by its log."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):  # who read it went away, the disk is full, or the stream is closed
            super().msg(message)

    log = debug = info = warn = warning = error = critical = fatal = failure = err = exception = msg
