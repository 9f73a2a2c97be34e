"""Runs the `reconciler` command in processes of its own that are forked from one which has imported it already.

Of the processor's time for the tests on servers, a fifth went into importing the same modules for each of some hundred commands.
What a command does is as ever: its own process, arguments, environment, output and exit code. How it starts from nothing is
tested in `unit/cli`, and by `LiveEnvironment.serving`, the attacks and the canary, which start it as a user does.

As a program (`python -m tests.live.support.command_server SOCKET`) it serves until its standard input ends.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, NoReturn

import reconciler
from reconciler.cli.main import main
from tests.support.paths import ROOT

_LONGEST_REQUEST = 1 << 20  # bytes: the arguments and the environment


def run_command(arguments: tuple[str, ...], environment: dict[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Raises:
        subprocess.TimeoutExpired: it took longer; it was killed.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(_server()))
        request = {"arguments": arguments, "environment": environment, "folder": str(Path.cwd())}
        socket.send_fds(connection, [b"f"], [output.fileno(), errors.fileno()])
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("r") as answers:
            process = int(answers.readline())
            connection.settimeout(timeout)
            try:
                code = int(answers.readline())
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["reconciler", *arguments], timeout) from None
        return subprocess.CompletedProcess(["reconciler", *arguments], code, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def _server() -> Path:
    """The socket of this process's server, which is started at the first call, and ends with this process."""
    path = Path(tempfile.mkdtemp(prefix="commands-")) / "socket"
    command = [sys.executable, "-m", "tests.live.support.command_server", str(path)]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"serving\n"
    server.stdout.close()
    atexit.register(_end, server, server.stdin)
    return path


def _end(server: subprocess.Popen[bytes], stdin: IO[bytes]) -> None:
    stdin.close()
    server.wait()


def _serve(path: Path) -> None:
    """Fork a process for each connection, until standard input ends."""
    _import_all()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes of connections
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in selector.select()):
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection)
            connection.close()
    path.unlink()
    path.parent.rmdir()


def _import_all() -> None:
    """Import the command and all that it imports only when it needs it."""
    importlib.import_module("kubernetes.client")
    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _answer(connection: socket.socket) -> NoReturn:
    """Run the command of one connection in a process of its own; report its id and then its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, (output, errors), _, _ = socket.recv_fds(connection, 1, 2)
    with connection.makefile("rb") as requests:
        request = json.loads(requests.read(_LONGEST_REQUEST))
    if (process := os.fork()) == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        connection.close()
        _become(request["arguments"], request["environment"], request["folder"])
    connection.sendall(f"{process}\n".encode())
    _, status = os.waitpid(process, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(arguments: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    """Be the command until it ends."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["reconciler", *arguments]
    main()
    sys.exit(0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
