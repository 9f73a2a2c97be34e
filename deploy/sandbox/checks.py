"""All that must hold before a change lands: parts that run beside each other, told one after the other with their times."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import places
import python_env
import signals
from trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WHOLE = ("-n", "3")
"""How pytest runs all tests: in three processes, each with servers of its own, which keep two processors busy."""

PARTS: Mapping[str, Sequence[str]] = {
    "ruff check": ("-m", "ruff", "check", "."),
    "ruff format": ("-m", "ruff", "format", "--check", "."),
    "import-linter": ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
    "mypy": ("-m", "mypy", "--cache-dir", str(places.cache() / "mypy")),  # so that a new clone is as fast as the last
    "tests": ("-m", "pytest", *WHOLE, "--durations=15"),
}
"""What the project's Python is called with; the tests last, so that their end is the end of what is told."""

_LOOK = 0.1  # seconds between two looks at what a part has said
_PATIENCE = 90.0  # seconds that a part has to stop what it started


@dataclass
class Part:
    """One part that runs, or has run.

    Attributes:
        took: seconds until it was seen to have ended; None before.
        titled: whether its name was shown.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: BinaryIO
    began: float
    took: float | None = None
    titled: bool = False

    def look(self) -> None:
        """Note when it has ended, and then end by force what it left in its group."""
        pid = self.process.pid
        if self.took is None and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.took = time.monotonic() - self.began
            os.killpg(pid, signal.SIGKILL)  # nobody else can have this number before the next line
            self.process.wait()

    def tell(self) -> bool:
        """Show what it has said since this was called last; return whether that is all."""
        self.look()
        ended = self.took is not None  # asked before, for what it says last
        if not self.titled:
            print(f"\n== {self.name}", flush=True)
            self.titled = True
        sys.stdout.buffer.write(self.log.read())
        sys.stdout.flush()
        return ended

    def row(self) -> str:
        """Return its line in the table of times."""
        code = self.process.returncode
        return f"{self.name:<14} {self.took:>5.0f} s{f'  failed with exit code {code}' if code else ''}"


def run(parts: Mapping[str, Sequence[str]] = PARTS) -> None:
    """Run every part beside the others, show what each said, whole and in this order, and how long it took.

    Args:
        parts: what the project's Python is called with, by the part's name.

    Raises:
        Trouble: a part failed; all of them ran to their end.
    """
    with tempfile.TemporaryDirectory(prefix="checks-") as folder:
        running: list[Part] = []
        try:
            for name, arguments in parts.items():
                with signals.held():  # from the start to the note of it
                    running.append(_start(name, arguments, Path(folder) / f"{len(running)}.log"))
            for part in running:
                while not part.tell():
                    time.sleep(_LOOK)
                    for other in running:
                        other.look()
        except BaseException:
            with signals.held():
                _stop(running)
                for part in running:  # what each was interrupted in
                    part.tell()
            raise
        finally:
            for part in running:
                part.log.close()
    print("\n== times", *(part.row() for part in running), sep="\n", flush=True)
    if failed := [part.name for part in running if part.process.returncode]:
        raise Trouble(f"failed: {', '.join(failed)}")


def _start(name: str, arguments: Sequence[str], log: Path) -> Part:
    with log.open("wb") as output:
        # In a group of its own, so that all that it starts can be interrupted together, and only by us.
        process = subprocess.Popen(
            [python_env.project(), *arguments],
            cwd=places.CHECKOUT,
            env={**python_env.environment(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    return Part(name, process, log.open("rb"), time.monotonic())


def _stop(running: list[Part]) -> None:
    """Interrupt the parts that have not ended, as Ctrl-C does, and wait until they have stopped what they started."""
    for part in running:
        part.look()
        if part.took is None:
            os.killpg(part.process.pid, signal.SIGINT)
    end = time.monotonic() + _PATIENCE
    for part in running:
        while part.took is None:
            if time.monotonic() > end:
                os.killpg(part.process.pid, signal.SIGKILL)
            part.look()
            time.sleep(_LOOK)
