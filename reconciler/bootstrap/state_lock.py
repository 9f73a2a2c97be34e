"""Locks the state directory, which one process at a time may use."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def state_lock(state: Path) -> Iterator[None]:
    """Locks the state directory for the time of the context.

    Raises:
        ConfigurationError: another process has locked it, or it cannot be written.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"the state directory {state} cannot be used: {error.strerror}") from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"another reconciler uses the state directory {state}", "stop it, or set another `state`"
            ) from None
        yield
    finally:
        os.close(file)
