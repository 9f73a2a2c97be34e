"""Mirrors that are stale, empty, damaged, lying or gone; and hosts that are silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from reconciler.adapters.registry.client import Registry
from reconciler.adapters.registry.mirrors import MirroredRegistry
from reconciler.formats.oci_manifest import MANIFEST_TYPE, Descriptor, digest_of_bytes
from reconciler.model.errors import (
    AccessDeniedError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    ReconcilerError,
    UnavailableError,
)
from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from reconciler.formats.oci_manifest import Manifest

NAMED = "ghcr.io/openova/bp-shop"

NEAR = "harbor.example/ghcr/openova/bp-shop"

FAR = "cache.example:5000/openova/bp-shop"

BLOB = Descriptor("x/y", digest_of_bytes(b"content"), 7)


@dataclass
class ScriptedRegistries:
    """A registry client in memory: what each place answers, or the ReconcilerError there; nothing is there by default."""

    answers: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def _answer(self, place: str) -> object:
        self.asked.append(place)
        answer = self.answers.get(place, NotFoundError(f"{place} has none"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def tags(self, repository: str) -> tuple[str, ...]:
        return cast("tuple[str, ...]", self._answer(repository))

    def resolve(self, repository: str, tag: str) -> str:
        return f"{self._answer(repository)} of {tag}"

    def manifest(self, repository: str, digest: str) -> Manifest:
        return cast("Manifest", f"{self._answer(repository)} of {digest}")

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        return f"{self._answer(repository)} of {blob.size} up to {limit}".encode()


def mirrored(places: ScriptedRegistries) -> MirroredRegistry:
    return MirroredRegistry(cast("Registry", places), {"ghcr.io": ["harbor.example/ghcr", "cache.example:5000"]})


def test_places_are_the_mirrors_and_at_last_the_repository() -> None:
    mirrors = mirrored(ScriptedRegistries())
    assert mirrors.locations(NAMED) == (NEAR, FAR, NAMED)
    assert mirrors.locations("quay.io/openova/bp-shop") == ("quay.io/openova/bp-shop",)
    assert mirrors.locations("ghcr.io.evil.example/a") == ("ghcr.io.evil.example/a",)
    assert mirrors.locations(NEAR) == (NEAR,), "a mirror of a mirror is none"


def test_content_comes_from_the_nearest_place_that_has_it() -> None:
    places = ScriptedRegistries({FAR: "far", NAMED: "named"})
    assert mirrored(places).resolve(NAMED, "1.0.0") == "far of 1.0.0"
    assert str(mirrored(places).manifest(NAMED, "sha256:x")) == "far of sha256:x"
    assert mirrored(places).blob(NAMED, BLOB, limit=9) == b"far of 7 up to 9"
    assert places.asked == [NEAR, FAR] * 3


@pytest.mark.parametrize("fault", [NotFoundError("no"), AccessDeniedError("no"), UnavailableError("no"), IntegrityError("no")])
def test_a_mirror_that_does_not_give_it_leads_to_the_next_place(fault: ReconcilerError) -> None:
    places = ScriptedRegistries({NEAR: fault, FAR: fault, NAMED: "named"})
    assert mirrored(places).resolve(NAMED, "1") == "named of 1"


def test_a_mirror_that_is_misconfigured_is_told_and_not_walked_around() -> None:
    with pytest.raises(ConfigurationError):
        mirrored(ScriptedRegistries({NEAR: ConfigurationError("its CA file cannot be read"), NAMED: "named"})).resolve(NAMED, "1")


def test_tags_are_the_named_repositorys_so_that_a_stale_mirror_hides_nothing() -> None:
    places = ScriptedRegistries({NEAR: ("1.0.0",), NAMED: ("1.0.0", "1.1.0")})
    assert mirrored(places).tags(NAMED) == ("1.0.0", "1.1.0")
    assert places.asked == [NAMED], "one list for each name"


def test_tags_are_a_mirrors_where_the_named_repository_cannot_be_asked() -> None:
    places = ScriptedRegistries({NEAR: UnavailableError("down"), FAR: ("1.0.0",), NAMED: UnavailableError("no way out")})
    assert mirrored(places).tags(NAMED) == ("1.0.0",)
    assert places.asked == [NAMED, NEAR, FAR]


GONE, DOWN, SHUT, ROTTEN = NotFoundError("gone"), UnavailableError("down"), AccessDeniedError("shut"), IntegrityError("rotten")


@pytest.mark.parametrize(
    ("near", "far", "named", "said"),
    [
        (GONE, GONE, GONE, GONE),
        (GONE, GONE, DOWN, DOWN),
        (SHUT, GONE, DOWN, DOWN),
        (GONE, DOWN, GONE, DOWN),
        (ROTTEN, SHUT, GONE, ROTTEN),
    ],
)
def test_missing_is_said_only_when_every_place_says_so(
    near: ReconcilerError, far: ReconcilerError, named: ReconcilerError, said: ReconcilerError
) -> None:
    for ask in ("resolve", "tags"):
        mirrors = mirrored(ScriptedRegistries({NEAR: near, FAR: far, NAMED: named}))
        with pytest.raises(ReconcilerError) as caught:
            mirrors.tags(NAMED) if ask == "tags" else mirrors.resolve(NAMED, "1")
        assert caught.value is said


def test_a_mirror_that_lies_about_content_costs_time_only() -> None:
    def lie(request: Request) -> Reply:
        return Reply(body=b'{"config": {}}' if "manifests" in request.path else b"CONTENT")

    raw = b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"x","digest":"%s","size":2},"layers":[]}' % (
        MANIFEST_TYPE.encode(),
        BLOB.digest.encode(),
    )
    with (
        HostileRegistry(lie) as liar,
        HostileRegistry(lambda r: Reply(body=raw if "manifests" in r.path else b"content")) as honest,
    ):
        registry = Registry(plain_http=[liar.host, honest.host], timeout=5, attempts=1)
        mirrors = MirroredRegistry(registry, {honest.host: [f"{liar.host}/copies"]})
        assert mirrors.blob(f"{honest.host}/a", BLOB, limit=7) == b"content"
        assert mirrors.manifest(f"{honest.host}/a", digest_of_bytes(raw)).raw == raw
        assert [r.path.partition("/a/")[0] for r in liar.requests] == ["/v2/copies", "/v2/copies"]
        mirrors.close()


@pytest.mark.parametrize(
    "reply", [Reply(status=404), Reply(status=403), Reply(status=500), Reply(status=429), Reply(body=b"con", length=7)]
)
def test_a_host_that_answers_is_not_silent_whatever_it_says(reply: Reply) -> None:
    with HostileRegistry(lambda _: reply) as server:
        registry = Registry(plain_http=[server.host], has_mirror=[server.host], timeout=5, attempts=1)
        for _ in range(2):
            with pytest.raises(ReconcilerError):
                registry.blob(f"{server.host}/a", BLOB, limit=7)
        assert len(server.requests) == 2
