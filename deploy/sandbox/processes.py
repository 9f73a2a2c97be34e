"""Processes that outlive the command that started them, known by process id and start time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATIENCE = 5.0
"""Seconds between the request to end and the end by force."""


@dataclass(frozen=True)
class Process:
    """One process, told from a later one of the same id by when it started.

    Attributes:
        pid: its process id, which is its process group's too.
        born: when it started, in clock ticks since the machine did.
    """

    pid: int
    born: int

    def alive(self) -> bool:
        """Return whether it still runs; a process that has ended but was not waited for does not."""
        state, born = _stat(self.pid)
        return born == self.born and state not in {"Z", "X"}


def start(command: Sequence[str | Path], *, env: Mapping[str, str], folder: Path, log: Path) -> Process:
    """Start a process in a session of its own, with no input, its output appended to `log`.

    Raises:
        OSError: the program cannot be run.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It is looked after by its id from here on, also by commands that are not its parent; this keeps Python from
    # warning that nobody waits for it.
    child.returncode = 0
    return Process(child.pid, _stat(child.pid)[1])


def stop(process: Process, patience: float = _PATIENCE) -> None:
    """End a process and its group: asked first, forced after some seconds; one that is gone already is left alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        if _gone(process, patience):
            return


def _gone(process: Process, patience: float) -> bool:
    end = time.monotonic() + patience
    while process.alive():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    with contextlib.suppress(ChildProcessError):  # another command's child: init reaps that one
        os.waitpid(process.pid, os.WNOHANG)
    return True


def _stat(pid: int) -> tuple[str, int]:
    """Return a process's state and start time, from proc(5); `("X", -1)` for one that is not there."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X", -1
    # The second field is the program's name in parentheses, which may hold spaces and parentheses of its own.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])
