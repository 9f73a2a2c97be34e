"""The server on a real socket, under well and badly behaved clients."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import structlog.testing

from reconciler.adapters.http_server import MAX_CONNECTIONS, MAX_DELIVERY, HttpServer, Probes
from reconciler.adapters.metrics import CONTENT_TYPE, Metrics
from reconciler.controller.webhook_handler import WebhookHandler
from reconciler.model.errors import ConfigurationError
from tests.support.webhook_deliveries import PUSH, SECRET, headed

if TYPE_CHECKING:
    from collections.abc import Iterator


class RunningServer:
    """What the server is asked about, and what it wakes."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.counted: list[str] = []
        self.broken: list[str] = []
        self.unready = ["no search for Environments has succeeded yet"]
        self.metrics = Metrics()
        self.port = 0

    def wake(self, repository: str) -> bool:
        if repository == "a/bug":
            raise ZeroDivisionError
        self.rung.append(repository)
        return True

    @contextmanager
    def open(self, *, secret: str | None = SECRET, host: str = "127.0.0.1", patience: float = 10) -> Iterator[RunningServer]:
        signs = Probes(lambda: self.broken, lambda: self.unready, lambda: (self.metrics.text(), CONTENT_TYPE))
        door = WebhookHandler(secret, self.wake, self.counted.append) if secret else None
        with HttpServer(host, 0, signs, door, patience=patience) as server:
            self.port = server.port
            yield self

    def client(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        with closing(self.client()) as client:
            client.request(method, path, body, headers or {})
            answer = client.getresponse()
            return answer.status, answer.read()

    def deliver(self, body: bytes = PUSH, *, id_: str = "1", **headers: str) -> int:
        given = headed(body, id_=id_) | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", "/webhook", body, given)[0]

    def raw(self, *parts: bytes) -> bytes:
        """What comes back for exactly these bytes, until the server closes."""
        with closing(socket.create_connection(("127.0.0.1", self.port), 15)) as line:
            answer = b""
            with suppress(ConnectionError):
                for part in parts:
                    line.sendall(part)
            with suppress(ConnectionError):
                while part := line.recv(65536):
                    answer += part
            return answer


@pytest.fixture
def house() -> Iterator[RunningServer]:
    with RunningServer().open() as one:
        yield one


def head(*lines: str, body: bytes = PUSH) -> bytes:
    given = {"Host": "x", "Connection": "close", **headed(body)}
    return "\r\n".join(["POST /webhook HTTP/1.1", *(f"{k}: {v}" for k, v in given.items()), *lines, "", ""]).encode()


def test_a_signed_delivery_wakes(house: RunningServer) -> None:
    assert house.deliver() == 202
    assert house.deliver() == 200
    assert (house.rung, house.counted) == (["acme/prod"], ["accepted", "duplicate"])


@pytest.mark.parametrize("signature", ["", "0" * 64, "x", "\xff" * 64])
def test_what_is_not_signed_is_denied_without_a_word_on_why(house: RunningServer, signature: str) -> None:
    given = headed(PUSH) | {"X-Gitea-Signature": signature}
    assert house.ask("POST", "/webhook", PUSH, given) == (401, b'{"result": "denied"}')
    del given["X-Gitea-Signature"]
    assert house.ask("POST", "/webhook", PUSH, given) == (401, b'{"result": "denied"}')
    assert house.rung == []


def test_forms_and_other_methods_are_refused(house: RunningServer) -> None:
    assert house.deliver(Content_Type="application/x-www-form-urlencoded") == 415
    assert [house.ask(method, "/webhook")[0] for method in ("GET", "PUT", "HEAD")] == [405, 405, 405]
    assert house.ask("POST", "/")[0] == 404


def test_without_a_secret_there_is_no_webhook() -> None:
    with RunningServer().open(secret=None) as house:
        assert house.deliver() == 404
        assert house.ask("GET", "/healthz")[0] == 200


# Bodies


def test_a_body_of_ten_megabytes_is_refused_before_it_is_sent(house: RunningServer) -> None:
    begun = time.monotonic()
    answer = house.raw(head(f"Content-Length: {10 * 1024 * 1024}"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - begun < 5
    assert house.counted == ["too large"]


def test_one_that_sends_all_of_it_gets_an_answer_too(house: RunningServer) -> None:
    body = b" " * (10 * 1024 * 1024)
    assert house.deliver(body) == 413
    assert house.deliver() == 202


@pytest.mark.parametrize("length", ["9" * 20, str(MAX_DELIVERY + 1)])
def test_a_length_that_is_too_large_is_refused(house: RunningServer, length: str) -> None:
    assert house.raw(head(f"Content-Length: {length}")).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", ["-1", "x", "1, 2", "", "9" * 30])
def test_a_length_that_is_none_is_refused(house: RunningServer, length: str) -> None:
    assert house.raw(head(f"Content-Length: {length}")).startswith(b"HTTP/1.1 400 ")


def test_the_largest_body_is_taken(house: RunningServer) -> None:
    body = PUSH + b" " * (MAX_DELIVERY - len(PUSH))
    assert house.deliver(body) == 202
    assert house.deliver(body + b" ") == 413


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_a_body_in_chunks_is_counted_while_it_comes(house: RunningServer) -> None:
    begin = head("Transfer-Encoding: chunked")
    assert house.raw(begin, chunk(PUSH[:10]), chunk(PUSH[10:]), chunk(b"")).startswith(b"HTTP/1.1 202 ")
    endless = [chunk(b" " * 65536)] * 17
    assert house.raw(begin, *endless).startswith(b"HTTP/1.1 413 ")
    assert house.counted == ["accepted", "too large"]


def test_headers_have_a_bound(house: RunningServer) -> None:
    endless = [b"x" * 1024] * 1024
    assert house.raw(head("X-More: ").removesuffix(b"\r\n\r\n"), *endless).startswith(b"HTTP/1.1 400 ")
    assert house.deliver() == 202


def test_what_is_not_http_is_refused(house: RunningServer) -> None:
    assert house.raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert house.deliver() == 202


# Slow and many clients


@pytest.fixture
def hasty() -> Iterator[RunningServer]:
    """A server that waits for less long than it would."""
    with RunningServer().open(patience=0.5) as one:
        yield one


@pytest.mark.parametrize(
    "begin", [b"", b"POST /webhook HT", head("Content-Length: 900"), head("Transfer-Encoding: chunked") + chunk(b"{")]
)
def test_one_who_sends_slowly_is_cut_off(hasty: RunningServer, begin: bytes) -> None:
    begun = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", hasty.port), 15)) as line:
        line.sendall(begin)
        assert ends(line, b"x" * begin.endswith(b"T"))
    assert time.monotonic() - begun < 5
    assert hasty.deliver() == 202


def ends(line: socket.socket, drip: bytes) -> bool:
    """Whether the server closes a connection within seconds, on which something comes now and then."""
    line.settimeout(0.02)
    for _ in range(500):
        try:
            line.sendall(drip)
            if not line.recv(65536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_one_who_goes_on_sending_after_the_answer_is_cut_off(hasty: RunningServer) -> None:
    begun = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", hasty.port), 15)) as line:
        line.sendall(head(f"Content-Length: {1 << 40}").replace(b"Connection: close\r\n", b""))
        assert ends(line, b" " * 1024)
    assert time.monotonic() - begun < 5


def test_a_connection_may_be_used_for_long(hasty: RunningServer) -> None:
    with closing(hasty.client()) as client:
        for n in range(8):
            client.request("POST", "/webhook", PUSH, headed(PUSH, id_=str(n)))
            assert client.getresponse().read() == b'{"result": "accepted"}'
            time.sleep(0.15)
    assert len(hasty.rung) == 8


def test_many_who_keep_connections_open_shut_nobody_out(house: RunningServer) -> None:
    lines = [socket.create_connection(("127.0.0.1", house.port), 15) for _ in range(MAX_CONNECTIONS + 20)]
    try:
        assert house.deliver() == 202
        assert 20 <= closed(lines) <= 22, "those that were there for longest made room"
        assert closed(lines[-MAX_CONNECTIONS + 5 :]) == 0
    finally:
        for line in lines:
            line.close()


def closed(lines: list[socket.socket]) -> int:
    """How many the server has closed."""
    count = 0
    for line in lines:
        line.setblocking(False)
        try:
            count += line.recv(1) == b""
        except BlockingIOError:
            pass
        except OSError:
            count += 1
    return count


def test_a_thousand_deliveries_a_second_are_taken(house: RunningServer) -> None:
    requests = [
        head(f"Content-Length: {len(PUSH)}").replace(b"Connection: close\r\n", b"").replace(b"Delivery: 1", b"Delivery: %d" % n)
        + PUSH
        for n in range(1000)
    ]
    with closing(socket.create_connection(("127.0.0.1", house.port), 15)) as line, structlog.testing.capture_logs():
        begun = time.monotonic()
        for request in requests:
            line.sendall(request)
            answer = b""
            while not answer.endswith(b'{"result": "accepted"}'):
                answer += line.recv(4096)
        took = time.monotonic() - begun
    assert len(house.rung) == 1000
    assert took < 3 * 1, f"1,000 deliveries took {took:.1f} s"


# What tells of the process


def test_health_and_readiness_say_why_not(house: RunningServer) -> None:
    assert house.ask("GET", "/healthz") == (200, b'{"ok": true, "reasons": []}')
    status, text = house.ask("GET", "/readyz")
    assert (status, json.loads(text)) == (503, {"ok": False, "reasons": house.unready})
    house.unready, house.broken = [], ["1 of 4 workers ended"]
    assert house.ask("GET", "/readyz")[0] == 200
    status, text = house.ask("GET", "/healthz")
    assert (status, json.loads(text)["reasons"]) == (503, house.broken)


def test_metrics_are_text(house: RunningServer) -> None:
    house.metrics.record_delivery("accepted")
    status, text = house.ask("GET", "/metrics")
    assert (status, b'reconciler_deliveries_total{result="accepted"} 1.0' in text) == (200, True)


def test_a_bug_is_an_answer_and_the_server_goes_on(house: RunningServer) -> None:
    body = PUSH.replace(b"Acme/Prod", b"a/bug")
    assert house.deliver(body) == 500
    assert house.deliver() == 202


def test_it_says_nothing_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    with structlog.testing.capture_logs(), RunningServer().open() as house:
        house.deliver()
        house.raw(b"no http\r\n\r\n")
        house.deliver(PUSH.replace(b"Acme/Prod", b"a/bug"))
    out, err = capfd.readouterr()
    assert (out, "uvicorn" in err.lower()) == ("", False)


# Beginning and end


def test_a_port_that_is_taken_says_so(house: RunningServer) -> None:
    signs = Probes(list, list, lambda: (b"", ""))
    with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1 port {house.port}"):
        HttpServer("127.0.0.1", house.port, signs, None)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("1.2.3.4", 0)])
def test_an_address_that_is_none_of_ours_says_so(host: str, port: int) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen on"):
        HttpServer(host, port, Probes(list, list, lambda: (b"", "")), None)


def test_it_stops_soon_whatever_clients_do() -> None:
    house, lines = RunningServer(), []
    with house.open():
        for part in (b"", b"POST /web", head("Content-Length: 900")):
            lines.append(socket.create_connection(("127.0.0.1", house.port), 15))
            lines[-1].sendall(part)
        assert house.deliver() == 202
        begun = time.monotonic()
    assert time.monotonic() - begun < 4 * 3
    assert not [thread for thread in threading.enumerate() if thread.name == "receiver"]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", house.port), 5)
    for line in lines:
        line.close()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6, as the system itself says")
def test_it_can_listen_on_ipv6() -> None:
    with RunningServer().open(host="::1") as house:
        socket.create_connection(("::1", house.port), 5).close()
