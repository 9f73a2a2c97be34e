"""A hostile registry: it passes everything on to a real one, but for what a test has it answer instead.

A lie is a function from a request to a Reply, or to None for the truth. Most are made of a pattern, which is searched for in the
request's path, and of what is answered; they are put together with `first`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import httpx

from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

Lie = Callable[[Request], Reply | None]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_KEPT = ("Content-Type", "Docker-Content-Digest", "Link", "OCI-Filters-Applied")


class LyingRegistryProxy(HostileRegistry):
    """Stands between the reconciler and a real registry, which it only reads; `lie` may be changed at any time."""

    def __init__(self, real: str) -> None:
        self.lie: Lie = truth
        self._real = httpx.Client(base_url=f"http://{real}", timeout=30)
        super().__init__(self._answer)

    def asked(self, pattern: str) -> int:
        """How many requests there were for paths in which a pattern is found."""
        return sum(1 for request in self.requests if re.search(pattern, request.path))

    def content(self, path: str) -> bytes:
        """What the real registry has under a path."""
        found = self._real.get(path, headers={"Accept": f"{MANIFEST}, {INDEX}"})
        found.raise_for_status()
        return found.content

    def truly(self, request: Request) -> Reply:
        """What the real registry answers."""
        assert request.method == "GET", "whoever verifies has nothing to write"
        found = self._real.get(request.path, headers={"Accept": request.headers.get("Accept", "*/*")})
        return Reply(found.status_code, found.content, {name: found.headers[name] for name in _KEPT if name in found.headers})

    def _answer(self, request: Request) -> Reply:
        return self.lie(request) or self.truly(request)

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        self._real.close()


def truth(_: Request) -> None:
    """No lie at all."""


def at(pattern: str, *replies: Reply | None) -> Lie:
    """Answer in turn, and with the last reply from then on; None is the truth."""
    turn = count()

    def lie(request: Request) -> Reply | None:
        return replies[min(next(turn), len(replies) - 1)] if re.search(pattern, request.path) else None

    return lie


def first(*lies: Lie) -> Lie:
    """The first lie that has an answer."""
    return lambda request: next((reply for lie in lies if (reply := lie(request)) is not None), None)


def bytes_at(replacements: Mapping[str, bytes]) -> Lie:
    """Other content under the ends of some paths."""
    return first(*(at(f"{re.escape(end)}$", Reply(body=body)) for end, body in replacements.items()))


def spoiled(between: LyingRegistryProxy, pattern: str, spoil: Callable[[bytes], Reply]) -> Lie:
    """What the real registry has, after something was done to it."""

    def lie(request: Request) -> Reply | None:
        if not re.search(pattern, request.path):
            return None
        true = between.truly(request)
        false = spoil(true.body)
        return replace(false, headers={**true.headers, **false.headers})

    return lie


def gone_to(between: LyingRegistryProxy, here: str, there: str) -> Lie:
    """All of one repository out of another one."""
    inside = f"/{here}/"
    return lambda r: between.truly(replace(r, path=r.path.replace(inside, f"/{there}/"))) if inside in r.path else None


def dropped(pattern: str) -> Lie:
    """The connection is closed where an answer should be."""

    def lie(request: Request) -> None:
        if re.search(pattern, request.path):
            raise ConnectionAbortedError

    return lie


def paged(pattern: str, body: Callable[[int], bytes]) -> Lie:
    """A list that always has another page."""
    turn = count()

    def lie(request: Request) -> Reply | None:
        if not re.search(pattern, request.path):
            return None
        page = next(turn)
        path = request.path.partition("?")[0]
        return Reply(body=body(page), headers={"Link": f'<{path}?n=1000&last=t{page}>; rel="next"'})

    return lie


def flipped(data: bytes) -> Reply:
    """One bit in the middle is another one."""
    middle = len(data) // 2
    return Reply(body=data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


def chunked(data: bytes) -> Reply:
    """A body of which nobody says how long it is."""
    size = 1 << 20
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return Reply(body=body, headers={"Transfer-Encoding": "chunked"}, pieces=100)
