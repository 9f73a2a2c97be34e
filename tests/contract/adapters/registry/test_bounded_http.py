"""Responses that drip or flood end within bounds."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.registry.client import Registry
from reconciler.model.errors import IntegrityError, UnavailableError
from tests.support.registry_client import DIGEST, MANIFEST
from tests.support.registry_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


OK = b"HTTP/1.1 200 OK\r\n"

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def slowly(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        time.sleep(0.05)
        yield piece


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: slowly(itertools.chain([OK], itertools.repeat(b"X"))),
        lambda: slowly(itertools.chain([OK], (b"X-%d: y\r\n" % n for n in range(99)), itertools.repeat(b"y"))),
        lambda: slowly(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
        lambda: slowly(itertools.chain([CHUNKED, b"1\r\n"], itertools.repeat(b"x"))),
        lambda: slowly(itertools.chain([CHUNKED], itertools.repeat(b"1;x\r\nx\r\n"))),
        lambda: slowly(itertools.chain([CHUNKED, b"2\r\nab\r\n0\r\n"], itertools.repeat(b"X: y\r\n"))),
    ],
    ids=["status", "headers", "100 Continue", "chunk", "chunks", "trailers"],
)
def test_whatever_drips_there_is_an_end(pieces: Callable[[], Iterator[bytes]]) -> None:
    with (
        RawServer(pieces) as server,
        pytest.raises((UnavailableError, IntegrityError), match=r"did not finish within 0\.8 s|failed"),
    ):
        Registry(plain_http=[server.host], timeout=0.2, attempts=1).resolve(f"{server.host}/a", "1")


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: itertools.chain([OK + b"X: "], itertools.repeat(b"y" * 65536)),
        lambda: itertools.chain([OK], (b"X-%d: y\r\n" % n for n in itertools.count())),
        lambda: itertools.chain([OK], itertools.repeat(b"X: " + b"y" * 60_000 + b"\r\n")),
        lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        lambda: itertools.chain([CHUNKED, b"0\r\n"], itertools.repeat(b"X: y\r\n" * 1000)),
        lambda: itertools.chain([CHUNKED, b"2\r\nab\r\n0\r\n"], itertools.repeat(b"X: y\r\n" * 1000)),
    ],
    ids=["a header", "headers", "long headers", "100 Continue", "trailers", "trailers after content"],
)
def test_a_flood_around_the_content_is_cut_off(pieces: Callable[[], Iterator[bytes]]) -> None:
    with RawServer(pieces) as server:
        with pytest.raises(UnavailableError, match=r"the connection to .* failed"):
            Registry(plain_http=[server.host], timeout=30, attempts=2).resolve(f"{server.host}/a", "1")
        assert server.connections == 2


def test_chunks_are_content_like_any_other() -> None:
    raw = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (MANIFEST[:1], MANIFEST[1:90], MANIFEST[90:]))
    with RawServer(lambda: [CHUNKED + raw + b"0\r\nX: y\r\n\r\n"]) as server:
        assert Registry(plain_http=[server.host], timeout=5, attempts=1).resolve(f"{server.host}/a", "1") == DIGEST
