"""Contains what no code expects: a foreign exception becomes an InternalError, whose log entry has an id to find it by.

Also one that is no Exception, as the panic of a native library is: a worker survives it, and what it did is told as unknown.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from reconciler.model.errors import InternalError, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger()


@contextmanager
def contained(work: str, **facts: object) -> Iterator[None]:
    """Run a block; log a foreign exception, and raise it as an InternalError. ReconcilerErrors and the end of the process pass.

    The message names only the exception's class, since its text may be anything, also a secret; the log has all of it.

    Args:
        work: what the block does, as in `the work failed`.
        facts: what it does it to, for the log.
    """
    try:
        yield
    except (ReconcilerError, SystemExit, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        incident = secrets.token_hex(4)
        log.exception("internal error", incident=incident, work=work, **facts)
        raise InternalError(
            f"{work} failed by a defect of the reconciler ({type(error).__name__})",
            f"its log has the details under incident={incident}",
        ) from error
