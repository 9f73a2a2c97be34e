"""Where the sandbox keeps things: the checkout it runs from, the cache that outlives it, the state of one run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SANDBOX = Path(__file__).resolve().parent
CHECKOUT = SANDBOX.parent.parent
REQUIREMENTS = SANDBOX.parent / "requirements.txt"
GO_REQUIREMENTS = SANDBOX / "go.txt"
MODULES = SANDBOX / "tools"


def cache() -> Path:
    """Return the folder of what is built once and shared by every checkout of this user.

    `CATALYST_SANDBOX_CACHE` names it; else it is `catalyst-sandbox` in `XDG_CACHE_HOME` or `~/.cache`.
    """
    if named := os.environ.get("CATALYST_SANDBOX_CACHE"):
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").absolute() / "catalyst-sandbox"


def default_state() -> Path:
    """Return the state folder of `up`, `status` and `down` when none is named."""
    return cache() / "run"


def say(text: str, *, end: str = "\n") -> None:
    """Tell the person what goes on, on standard error: standard output is for results."""
    print(text, end=end, file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold an exclusive lock on `path`, waiting for as long as another process has it.

    Args:
        path: the lock's file; it stays, as removing it would let two processes lock two different files.
        what: what the other process is doing, for the one line that says why this one waits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  waiting for another process: it is {what}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a whole file or nothing, with its permissions right from the first byte."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:  # noqa: PTH123  # only a descriptor can be created with a mode
        file.write(text)
    partial.replace(path)
