import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import http_json
import places
import pytest
from servers import HOST, Ports, Server, Servers
from trouble import Trouble

SERVE = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path)
    yield servers
    servers.stop()


def web(code: str = SERVE, *, patience: float = 20.0, taken: list[int] | None = None) -> Server:
    """Return a small web server; `taken` are ports that it is told to use, in turn, before those it was given."""

    def command(ports: Ports) -> list[str | Path]:
        port = taken.pop(0) if taken else ports["http"]
        return [sys.executable, "-c", code, str(port)]

    return Server(
        "web",
        ports=("http",),
        command=command,
        healthy=lambda ports: http_json.answers(f"http://{HOST}:{ports['http']}/"),
        patience=patience,
    )


def test_a_server_is_healthy_once_started_and_gone_once_stopped(servers: Servers) -> None:
    started = servers.start(web())

    assert http_json.answers(f"http://{HOST}:{started.ports['http']}/")
    assert [row.row()["state"] for row in Servers(servers.state).all()] == ["running"]

    Servers(servers.state).stop()

    assert not started.process.alive()
    assert servers.all() == []
    with pytest.raises(OSError, match="refused"):
        http_json.answers(f"http://{HOST}:{started.ports['http']}/")


def test_one_whose_port_was_taken_meanwhile_gets_another(servers: Servers) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()

        started = servers.start(web(taken=[other.getsockname()[1]]))

    assert started.process.alive()
    assert len(servers.all()) == 1


def test_one_that_ends_is_told_with_the_end_of_its_log(servers: Servers) -> None:
    with pytest.raises(Trouble, match=r"(?s)web ended while starting; .*web\.log:.*no such flag"):
        servers.start(web("import sys; sys.exit('no such flag')"))


def test_one_that_never_answers_is_told_too(servers: Servers) -> None:
    with pytest.raises(Trouble, match=r"web was not healthy after 0 s"):
        servers.start(web("import time; time.sleep(60)", patience=0.3))

    assert [started.process.alive() for started in servers.all()] == [True]


def test_a_file_appears_whole_and_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    places.write(path, "one", 0o600)
    places.write(path, "two", 0o600)

    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
