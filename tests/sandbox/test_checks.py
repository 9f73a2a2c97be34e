import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import checks
import places
import psutil
import pytest
from trouble import Trouble

from tests.conftest import SLOWEST

# Runs the parts given as a program, as `check` does, in a process that can be interrupted.
RUNNER = """
import sys
sys.path.append({sandbox!r})
import checks, signals
signals.interrupt_on_every_ending()
try:
    checks.run({parts!r})
except KeyboardInterrupt:
    sys.exit(130)
"""
# Says that it is there, and on an interruption takes its time to say goodbye.
POLITE = """
import pathlib, time
here = pathlib.Path({folder!r})
(here / "begun").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)
    print("goodbye")
"""


def test_the_files_that_are_begun_first_are_there() -> None:
    for name in SLOWEST:
        assert len(list((places.CHECKOUT / "tests").rglob(f"{name}.py"))) == 1, name


def parts(**programs: str) -> dict[str, tuple[str, str]]:
    return {name: ("-c", program) for name, program in programs.items()}


def test_each_part_is_told_whole_in_order_and_with_its_time(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    # Each writes while the others do, and the first ends last.
    slow = "import time; print('slow 1', flush=True); time.sleep(1.5); print('slow 2')"
    checks.run(parts(slow=slow, quick="print('quick 1'); print('quick 2')"))

    told = capfdbinary.readouterr().out.decode()
    assert re.fullmatch(
        r"\n== slow\nslow 1\nslow 2\n\n== quick\nquick 1\nquick 2\n\n== times\nslow +[23] s\nquick +[01] s\n", told
    )


def test_the_parts_run_beside_each_other(tmp_path: Path) -> None:
    """Each waits for the other: one after the other, the first would fail."""
    meet = """
import pathlib, time
mine, other = (pathlib.Path({folder!r}) / name for name in {names!r})
mine.touch()
end = time.monotonic() + 20
while not other.exists():
    assert time.monotonic() < end
    time.sleep(0.02)
"""
    checks.run(
        parts(
            one=meet.format(folder=str(tmp_path), names=("one", "two")),
            two=meet.format(folder=str(tmp_path), names=("two", "one")),
        )
    )


def test_a_part_that_fails_is_named_after_all_have_run(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(Trouble, match=r"^failed: bad, worse$"):
        checks.run(parts(bad="import sys; print('no'); sys.exit(3)", worse="1 / 0", good="print('yes')"))

    told = capfdbinary.readouterr().out.decode()
    assert "== good\nyes\n" in told
    assert re.search(r"^bad +\d s  failed with exit code 3$", told, re.MULTILINE)
    assert re.search(r"^good +\d s$", told, re.MULTILINE)
    assert "ZeroDivisionError" in told


def test_what_a_part_leaves_behind_is_ended(tmp_path: Path) -> None:
    leave = "import pathlib, subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    checks.run(parts(untidy=f"{leave}; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))"))

    left = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 10
    while psutil.pid_exists(left) and psutil.Process(left).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.02)


@contextlib.contextmanager
def running(**programs: str) -> Iterator[subprocess.Popen[bytes]]:
    text = RUNNER.format(sandbox=str(places.SANDBOX), parts=parts(**programs))
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_lets_the_parts_stop_what_they_started(tmp_path: Path, ending: signal.Signals) -> None:
    with running(polite=POLITE.format(folder=str(tmp_path)), other="import time; time.sleep(60)") as process:
        end = time.monotonic() + 20
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        started = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, ending)

        said, _ = process.communicate(timeout=20)

        assert process.returncode == 130
        assert said.startswith(b"\n== polite\ngoodbye\n\n== other\n")
        assert len(started) == 2
        assert not [child for child in started if child.is_running()]
