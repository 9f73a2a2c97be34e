"""The servers of one run: started on free ports, waited for until healthy, written down, stopped."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import places
import processes
import signals
from processes import Process
from trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HOST = "127.0.0.1"
_TRIES = 3
_TAIL = 15
_TAKEN = "address already in use"
_SPARE_PROCESSOR = {"GOGC": "400", "GOMEMLIMIT": "768MiB"}
"""Of Go programs: collect garbage a quarter as often as is their way, until one has grown to this."""

Ports = dict[str, int]
"""Port numbers by what they are for; the first is the one that the server is known by."""


@dataclass(frozen=True)
class Server:
    """How a server is started and known to be well.

    Attributes:
        name: what it, its log and its line in `status` are called.
        ports: what it needs ports for.
        command: makes the command line, and writes the files it names, for given ports.
        healthy: whether it is ready to serve; it may raise OSError for no.
        env: environment variables beyond `PATH` and `HOME`.
        patience: seconds until not being healthy is a failure.
    """

    name: str
    ports: tuple[str, ...]
    command: Callable[[Ports], list[str | Path]]
    healthy: Callable[[Ports], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    patience: float = 60.0


@dataclass(frozen=True)
class Started:
    """A server that has been started: the line that is kept of it."""

    name: str
    process: Process
    ports: Ports
    log: Path

    def row(self) -> dict[str, Any]:
        """Return what `status` tells of it, which is also what is written down."""
        return {
            "name": self.name,
            "state": "running" if self.process.alive() else "died",
            "pid": self.process.pid,
            "born": self.process.born,
            "ports": self.ports,
            "log": str(self.log),
        }


class Servers:
    """The servers of one state folder.

    Each is written down as soon as it is started, so that `down` finds it whatever happens to `up`.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.data = state / "data"
        self.logs = state / "logs"
        self._list = state / "servers.json"

    def all(self) -> list[Started]:
        """Return the servers that were started here and not stopped."""
        try:
            rows = json.loads(self._list.read_text())
        except FileNotFoundError:
            return []
        return [
            Started(row["name"], Process(row["pid"], row["born"]), row["ports"], self.logs / f"{row['name']}.log") for row in rows
        ]

    def launch(self, server: Server) -> Started:
        """Start a server on free ports, without waiting for it."""
        ports = _free(server.ports)
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        log = self.logs / f"{server.name}.log"
        essentials = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        with signals.held():  # from the start to the note of it
            process = processes.start(
                server.command(ports),
                # No setting of the person's (a kubeconfig, a proxy, a git identity) may reach a server.
                env={**essentials, **_SPARE_PROCESSOR, "HOME": str(self.data), **server.env},
                folder=self.data,
                log=log,
            )
            started = Started(server.name, process, ports, log)
            self._keep([*(other for other in self.all() if other.name != server.name), started])
        return started

    def ready(self, server: Server, started: Started) -> Started:
        """Wait for a launched server to be healthy, starting it anew where another process took its port first.

        Raises:
            Trouble: it ended, or was not healthy in time.
        """
        for attempt in range(_TRIES):
            if attempt:
                started = self.launch(server)
            if _well(server, started):
                return started
            if started.process.alive() or _TAKEN not in _tail(started.log).lower():
                break
        what = f"was not healthy after {server.patience:.0f} s" if started.process.alive() else "ended while starting"
        raise Trouble(f"{server.name} {what}; the end of its log, {started.log}:\n{_tail(started.log)}")

    def start(self, server: Server) -> Started:
        """Start a server and wait for it; errors as in `ready`."""
        return self.ready(server, self.launch(server))

    def stop(self) -> None:
        """Stop every server and forget them, each before those it was started on: without etcd no API server ends."""
        for started in reversed(self.all()):
            processes.stop(started.process)
        self._list.unlink(missing_ok=True)

    def _keep(self, servers: list[Started]) -> None:
        places.write(self._list, json.dumps([started.row() for started in servers], indent=2))


def _well(server: Server, started: Started) -> bool:
    """Wait until it is healthy; False when it has ended or its time is over."""
    end = time.monotonic() + server.patience
    while time.monotonic() < end:
        try:
            # It must live after the check: what answered may have been another process on that port.
            if server.healthy(started.ports) and started.process.alive():
                return True
        except (OSError, ValueError):
            pass
        if not started.process.alive():
            return False
        time.sleep(0.05)
    return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])


def _free(names: tuple[str, ...]) -> Ports:
    """Return ports that nothing listens on.

    They are below the range that the kernel takes the near ends of connections from (32768 and up on Linux):
    between this look and the server's own there, no client can be given one of them by chance.
    """
    ports: Ports = {}
    while len(ports) < len(names):
        port = random.randrange(20000, 32768)  # noqa: S311  # not a secret
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port not in ports.values():
            ports[names[len(ports)]] = port
    return ports
