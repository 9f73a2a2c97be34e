"""The versions of what a decision rests on beside this program: libgit2, and the cosign that is used by default."""

from __future__ import annotations

import shutil

from reconciler.adapters.cosign.runner import Cosign
from reconciler.adapters.git.repository import library_version
from reconciler.config.sections import CosignSection

_TIMEOUT = 10.0  # seconds; cosign answers within one


def libgit2_version() -> str:
    """The version of the libgit2 that reads and writes repositories."""
    return library_version()


def cosign_version(timeout: float = _TIMEOUT) -> str | None:
    """The version of the program that the configuration uses by default; None when PATH has none.

    Args:
        timeout: seconds that it may take.

    Raises:
        ConfigurationError: it cannot be executed, or is older than the oldest that works.
        UnavailableError: it did not answer in time.
    """
    program = CosignSection().program
    if shutil.which(program) is None:
        return None
    return ".".join(map(str, Cosign(program, timeout=timeout).version()))
