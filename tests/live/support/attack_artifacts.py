"""What the attacks are made of: a signed artifact with all that belongs to it, and what may be laid beside one that is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.live.support import hostile_artifacts
from tests.live.support.hostile_artifacts import (
    BUNDLE,
    CLAIM,
    EMPTY,
    SIGNATURE,
    SIMPLE,
    Layer,
    as_json,
    bundled,
    manifest,
    sha256,
    tarred,
    zipped,
)
from tests.live.support.lying_registry_proxy import at, spoiled
from tests.support.registry_server import Reply

if TYPE_CHECKING:
    from tests.live.support.hostile_artifacts import ArtifactForge
    from tests.live.support.lying_registry_proxy import Lie, LyingRegistryProxy
    from tests.live.support.signing_keys import SigningKeys


class AttackedArtifact:
    """A prefix of a real registry, and patterns of the paths of `bp-app`, which is signed by the right key."""

    def __init__(self, forge: ArtifactForge, between: LyingRegistryProxy) -> None:
        self.forge = forge
        self.between = between
        self.path = forge.prefix.partition("/")[2]
        self.app, self.other = (forge.get(name, "manifests/1.0.0") for name in ("bp-app", "bp-other"))
        self.other_chart = layers(forge, "bp-other", self.other)[1].data
        (self.signature,) = forge.referrers("bp-app", self.app)
        self.bundle = layers(forge, "bp-app", self.signature)[1]
        chart, document = layers(forge, "bp-app", self.app)[1:]
        self.at_tags, self.at_tag = "/bp-app/tags/list", r"/bp-app/manifests/1\.0\.0$"
        self.at_manifest, self.at_signature = (f"/bp-app/manifests/{sha256(raw)}$" for raw in (self.app, self.signature))
        self.at_chart, self.at_document, self.at_bundle = (
            f"/bp-app/blobs/{sha256(one.data)}$" for one in (chart, document, self.bundle)
        )
        self.at_referrers, self.at_fallback = "/bp-app/referrers/", f"/bp-app/manifests/{fallback(self.app)}$"
        self.at_old = f"/bp-app/manifests/{old(self.app)}$"

    def spoil(self, pattern: str, how: Callable[[bytes], Reply]) -> Lie:
        """What the registry has, spoiled."""
        return spoiled(self.between, pattern, how)

    @staticmethod
    def answer(pattern: str, body: bytes, **headers: str) -> Lie:
        """Something else than what the registry has."""
        return at(pattern, Reply(body=body, headers={name.replace("_", "-"): value for name, value in headers.items()}))


Lay = Callable[
    [AttackedArtifact, "SigningKeys", str, bytes], object
]  # lays something beside the manifest of the artifact of this name


def layers(forge: ArtifactForge, name: str, raw: bytes) -> list[Layer]:
    """All that a manifest names, its config first."""
    told = json.loads(raw)
    return [Layer(forge.get(name, f"blobs/{one['digest']}"), one["mediaType"]) for one in (told["config"], *told["layers"])]


def fallback(raw: bytes) -> str:
    """The tag of what refers to a manifest."""
    return sha256(raw).replace(":", "-")


def old(raw: bytes) -> str:
    """The tag of a manifest's signatures as they were before version 3."""
    return f"{fallback(raw)}.sig"


def nothing(*_: object) -> None:
    """Nobody signed it."""


def stranger(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """A key signed it that no policy names."""
    shop.forge.sign(keys.stranger, (name, raw))


def borrowed(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """Another artifact's bundle, as one of this."""
    beside(shop.bundle)(shop, keys, name, raw)


def borrowed_whole(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """Another artifact's signature as it is, listed for this."""
    del keys
    shop.forge.push(name, shop.app, *layers(shop.forge, "bp-app", shop.app))
    shop.forge.refer(name, raw, shop.forge.push(name, shop.signature, *layers(shop.forge, "bp-app", shop.signature)))


def borrowed_as_before(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """Another artifact's old signature, under this one's tag."""
    before = shop.forge.artifact(name, zipped(tarred(name, files={"a": b"another"})), tag=None)
    shop.forge.sign_as_before(keys.trusted, (name, before))
    shop.forge.push(name, shop.forge.get(name, f"manifests/{old(before)}"), tag=old(raw))


def spoiled_signature(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """Its own signature by the right key, but for one letter, under digests that fit."""
    shop.forge.sign(keys.trusted, (name, raw))
    (good,) = shop.forge.referrers(name, raw)
    told = json.loads(layers(shop.forge, name, good)[1].data)
    (signature,) = told["dsseEnvelope"]["signatures"]
    at_letter = len(signature["sig"]) // 2
    letter = "B" if signature["sig"][at_letter] == "A" else "A"
    signature["sig"] = signature["sig"][:at_letter] + letter + signature["sig"][at_letter + 1 :]
    beside(Layer(as_json(told), BUNDLE))(shop, keys, name, raw)


def attested(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """The right key attested something of it, and signed it not."""
    shop.forge.attest(keys.trusted, (name, raw))


def disguised(
    shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes, claim: str | None = hostile_artifacts.SIGN
) -> None:
    """An attestation that calls itself a signature, or nothing when there is no claim."""
    attested(shop, keys, name, raw)
    (attestation,) = shop.forge.referrers(name, raw)
    bundle = layers(shop.forge, name, attestation)[1]
    claims = {CLAIM: claim} if claim else {}
    shop.forge.refer(name, raw, shop.forge.push(name, bundled(bundle, raw, **claims), EMPTY))


def retold(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """What the right key signed in an attestation, byte for byte, as the payload of an old signature."""
    attested(shop, keys, name, raw)
    (attestation,) = shop.forge.referrers(name, raw)
    envelope = json.loads(layers(shop.forge, name, attestation)[1].data)["dsseEnvelope"]
    annotations = {SIGNATURE: envelope["signatures"][0]["sig"]}
    signed = Layer(hostile_artifacts.pre_authentication(envelope), SIMPLE, (("annotations", annotations),))
    shop.forge.push(name, manifest(EMPTY, signed), EMPTY, signed, tag=old(raw))
    shop.forge.refer(name, raw)


def beside(*bundles: Layer) -> Lay:
    """These bundles, and no others."""

    def lay(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
        del keys
        shop.forge.refer(name, raw, *(shop.forge.push(name, bundled(one, raw), EMPTY, one) for one in bundles))

    return lay


def crowd(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes, number: int) -> list[bytes]:
    """A stranger's signature, so many times; return the manifests."""
    known = shop.forge.referrers(name, raw)
    shop.forge.sign(keys.stranger, (name, raw))
    (new,) = [one for one in shop.forge.referrers(name, raw) if one not in known]
    bundle = layers(shop.forge, name, new)[1]
    made = [shop.forge.push(name, bundled(bundle, raw, number=str(n)), EMPTY) for n in range(number)]
    shop.forge.refer(name, raw, *made)
    return made


def crowd_as_before(shop: AttackedArtifact, keys: SigningKeys, name: str, raw: bytes) -> None:
    """A stranger's old signature, ten thousand times."""
    shop.forge.sign_as_before(keys.stranger, (name, raw))
    told = json.loads(shop.forge.get(name, f"manifests/{old(raw)}"))
    shop.forge.push(name, as_json({**told, "layers": told["layers"] * 10_000}), tag=old(raw))
