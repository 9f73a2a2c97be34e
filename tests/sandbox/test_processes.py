import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import processes
import pytest
import signals
from processes import Process

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def start(tmp_path: Path, code: str) -> Process:
    return processes.start([sys.executable, "-c", code], env={}, folder=tmp_path, log=tmp_path / "log")


def until(condition: str, path: Path) -> None:
    end = time.monotonic() + 10
    while condition not in path.read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_process_is_stopped(tmp_path: Path) -> None:
    process = start(tmp_path, "import time; time.sleep(60)")
    assert process.alive()

    processes.stop(process)

    assert not process.alive()


def test_one_that_does_not_listen_is_forced(tmp_path: Path) -> None:
    process = start(tmp_path, DEAF)
    until("deaf", tmp_path / "log")

    processes.stop(process, patience=0.2)

    assert not process.alive()


def test_its_children_go_with_it(tmp_path: Path) -> None:
    code = "import subprocess; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"
    process = processes.start(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"]},
        folder=tmp_path,
        log=tmp_path / "log",
    )
    until("\n", tmp_path / "log")
    child = int((tmp_path / "log").read_text())

    processes.stop(process)

    end = time.monotonic() + 10
    while processes._stat(child)[0] not in {"X", "Z"}:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_later_process_of_the_same_id_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as stranger:
        ours = Process(stranger.pid, processes._stat(stranger.pid)[1] - 1)
        assert not ours.alive()

        processes.stop(ours)

        assert stranger.poll() is None
        stranger.kill()


def test_it_gets_no_input_and_no_settings_of_ours(tmp_path: Path) -> None:
    process = start(tmp_path, "import os, sys; print(sys.stdin.read() == '', sorted(os.environ), os.getsid(0) == os.getpid())")
    until("\n", tmp_path / "log")

    assert (tmp_path / "log").read_text().startswith("True [")
    assert "KUBECONFIG" not in (tmp_path / "log").read_text()
    assert (tmp_path / "log").read_text().endswith("True\n")
    processes.stop(process)


def test_an_interrupt_waits_until_what_must_be_whole_is_done() -> None:
    done = []

    def interrupted() -> None:
        with signals.held():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert done
