"""Commands that are run while somebody looks over their shoulder, as `ps` does: again and again at every process of theirs."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROC = Path("/proc")
PAUSE = 0.01  # seconds between two looks
_LONGEST = 60.0  # seconds that a command may take


@dataclass(frozen=True)
class ObservedProcess:
    """What everybody can see of a process, and (of those that a command started) what its owner can.

    Attributes:
        command: its arguments, each followed by a NUL.
        environment: likewise; empty for a command that the test itself started.
    """

    command: bytes
    environment: bytes


@dataclass(frozen=True)
class CommandResult:
    """What a command said: its exit code, and both streams."""

    code: int
    out: bytes
    err: bytes = b""


class ProcessMonitor:
    """Looks at our own commands and at what they start, all the time.

    Args:
        ours: a part of the arguments of our own commands, by which they are told from others that the test starts.
    """

    def __init__(self, ours: bytes = b"\0-m\0reconciler\0") -> None:
        self.seen: set[ObservedProcess] = set()
        self._ours = ours
        self._parents: dict[int, int] = {}  # of each process: the one that started it
        self._watched: set[int] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def run(
        self, *arguments: str, environment: Mapping[str, str], folder: Path, stdin: bytes = b"", tty: bool = False
    ) -> CommandResult:
        """Run our own command to its end; on a terminal both streams are one."""
        command = [sys.executable, "-m", "reconciler", *arguments]
        if tty:
            return _on_a_terminal(command, environment, folder)
        done = subprocess.run(
            command, env=environment, cwd=folder, input=stdin, capture_output=True, check=False, timeout=_LONGEST
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def running(self, *arguments: str, environment: Mapping[str, str], folder: Path) -> Iterator[Path]:
        """Our own command, which runs meanwhile and is then told to end, in good order; gives the file of what it says."""
        said = folder / "said"
        with said.open("ab") as out:
            command = [sys.executable, "-m", "reconciler", *arguments]
            process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield said
        finally:
            process.terminate()
            assert process.wait(30) == 0, said.read_text()

    def _look(self) -> None:
        while not self._ended.wait(PAUSE):
            there = {
                int(name)
                for name in os.listdir(PROC)  # noqa: PTH208 - names suffice
                if name.isdecimal()
            }
            self._watched &= there
            for gone in self._parents.keys() - there:
                del self._parents[gone]
            for pid in sorted(there):
                with contextlib.suppress(OSError, IndexError, ValueError):  # it has ended meanwhile
                    self._see(pid)

    def _see(self, pid: int) -> None:
        if pid not in self._parents:
            self._parents[pid] = int(_read(pid, "stat").rpartition(b")")[2].split()[1])
        parent = self._parents[pid]
        if parent == os.getpid():
            command = _read(pid, "cmdline")
            if self._ours in command:
                self._watched.add(pid)
                self.seen.add(ObservedProcess(command, b""))
        elif parent in self._watched:
            self._watched.add(pid)
            process = _read_process(pid)
            if process.command and process.command != _read(parent, "cmdline"):  # else it is a copy that becomes a program
                self.seen.add(process)


def _read_process(pid: int) -> ObservedProcess:
    """The command line and environment of one program: while it becomes another, each could be of either, or of both in parts."""
    command = _read(pid, "cmdline")
    while True:
        process = ObservedProcess(command, _read(pid, "environ"))
        if (command := _read(pid, "cmdline")) == process.command:
            return process


def _read(pid: int, file: str) -> bytes:
    return (PROC / str(pid) / file).read_bytes()


def _on_a_terminal(command: list[str], environment: Mapping[str, str], folder: Path) -> CommandResult:
    ours, theirs = pty.openpty()
    said, end = bytearray(), time.monotonic() + _LONGEST
    wide = {**environment, "TERM": "xterm", "COLUMNS": "400"}
    with subprocess.Popen(command, env=wide, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # how a terminal says that nobody is there any more
            while (piece := os.read(ours, 65536)) and time.monotonic() < end:
                said += piece
        os.close(ours)
    return CommandResult(process.returncode, bytes(said))
