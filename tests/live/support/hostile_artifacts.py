"""Artifacts as anyone with the right to push can make them: charts that no packer makes, and whatever is laid beside them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import subprocess
import tarfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from reconciler.formats.yaml.documents import dump
from tests.live.support.lying_registry_proxy import INDEX, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reconciler.commands.publish import SigningKey

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
BLUEPRINT = "application/vnd.openova.catalyst.blueprint.v1+yaml"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
SIGN = "https://sigstore.dev/cosign/sign/v1"
CLAIM = "dev.sigstore.bundle.predicateType"
MEBIBYTE = 1 << 20


def sha256(data: bytes) -> str:
    """A digest."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def as_json(value: Any) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Layer:
    """Content with its media type; `says` may say of it what is not true."""

    data: bytes
    media_type: str
    says: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def descriptor(self) -> dict[str, Any]:
        """As a manifest names it."""
        return {"mediaType": self.media_type, "digest": sha256(self.data), "size": len(self.data), **dict(self.says)}


def manifest(config: Layer, *layers: Layer, **more: Any) -> bytes:
    """An image manifest."""
    named = {"config": config.descriptor, "layers": [layer.descriptor for layer in layers]}
    return as_json({"schemaVersion": 2, "mediaType": MANIFEST, **named, **more})


def index(*manifests: bytes) -> bytes:
    """An index that names manifests."""
    entries = [{"mediaType": MANIFEST, "digest": sha256(raw), "size": len(raw)} for raw in manifests]
    return as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})


EMPTY = Layer(b"{}", "application/vnd.oci.empty.v1+json")


def blueprint(name: str) -> bytes:
    """A Blueprint that asks for nothing."""
    spec = {"version": "1.0.0", "manifests": {"chart": "./chart"}}
    return dump({"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "Blueprint", "metadata": {"name": name}, "spec": spec})


def bundled(bundle: Layer, subject: bytes, **annotations: str) -> bytes:
    """The manifest of a bundle, as a referrer of another manifest."""
    named = {"mediaType": MANIFEST, "digest": sha256(subject), "size": len(subject)}
    return manifest(EMPTY, bundle, artifactType=BUNDLE, subject=named, annotations=annotations)


@dataclass(frozen=True)
class ArtifactForge:
    """Pushes whatever it is given below a prefix of the real registry, and signs by cosign's own commands."""

    prefix: str
    cosign: Path
    folder: Path
    client: httpx.Client

    def push(self, name: str, raw: bytes, *layers: Layer, tag: str | None = None) -> bytes:
        """Push a manifest after its content; return it."""
        for layer in layers:
            place = self.client.post(self._path(name, "blobs/uploads/")).raise_for_status().headers["Location"]
            self.client.put(
                place, params={**httpx.URL(place).params, "digest": sha256(layer.data)}, content=layer.data
            ).raise_for_status()
        headers = {"Content-Type": json.loads(raw)["mediaType"]}
        self.client.put(self._path(name, f"manifests/{tag or sha256(raw)}"), content=raw, headers=headers).raise_for_status()
        return raw

    def artifact(self, name: str, archive: bytes, document: bytes | None = None, *, tag: str | None = "1.0.0") -> bytes:
        """Push a Blueprint's artifact with this chart archive; return its manifest."""
        config = Layer(as_json({"apiVersion": "v2", "name": name, "version": "1.0.0"}), CONFIG)
        layers = Layer(archive, CHART), Layer(blueprint(name) if document is None else document, BLUEPRINT)
        return self.push(name, manifest(config, *layers), config, *layers, tag=tag)

    def doubled(self, name: str) -> bytes:
        """Push one with two charts."""
        config, charts = Layer(b"{}", CONFIG), [Layer(zipped(tarred(name, files={"a": text})), CHART) for text in (b"1", b"2")]
        return self.push(name, manifest(config, *charts), config, *charts, tag="1.0.0")

    def indexed(self, name: str) -> bytes:
        """Push an index of a Blueprint's artifact."""
        return self.push(name, index(self.artifact(name, zipped(tarred(name)), tag=None)), tag="1.0.0")

    def refer(self, name: str, subject: bytes, *referrers: bytes) -> None:
        """Say in the fallback tag that these are all that refers to a manifest."""
        self.push(name, index(*referrers), tag=sha256(subject).replace(":", "-"))

    def referrers(self, name: str, subject: bytes) -> list[bytes]:
        """What refers to a manifest."""
        listed = json.loads(self.get(name, f"manifests/{sha256(subject).replace(':', '-')}"))["manifests"]
        return [self.get(name, f"manifests/{entry['digest']}") for entry in listed]

    def get(self, name: str, path: str) -> bytes:
        """A blob or a manifest."""
        accept = {"Accept": f"{MANIFEST}, {INDEX}"}
        return self.client.get(self._path(name, path), headers=accept, follow_redirects=True).raise_for_status().content

    def sign(self, signer: SigningKey, *artifacts: tuple[str, bytes]) -> None:
        """Sign as `cosign sign` does now."""
        self._cosign(signer, "sign", "--trusted-root", self._trusted_root, *self._new, *self._references(artifacts))

    def sign_as_before(self, signer: SigningKey, *artifacts: tuple[str, bytes]) -> None:
        """Sign as `cosign sign` did before version 3: in a `.sig` tag."""
        old = ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"]
        self._cosign(signer, "sign", *old, *self._references(artifacts))

    def attest(self, signer: SigningKey, artifact: tuple[str, bytes]) -> None:
        """Attest an SBOM of nothing."""
        predicate = self.folder / "predicate.json"
        predicate.write_text("{}")
        self._cosign(signer, "attest", "--type", "spdxjson", "--predicate", predicate, *self._new, *self._references([artifact]))

    @property
    def _new(self) -> list[str | Path]:
        return ["--signing-config", self._signing_config]

    @property
    def _signing_config(self) -> Path:
        file = self.folder / "signing.json"
        file.write_text(
            '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}'
        )
        return file

    @property
    def _trusted_root(self) -> Path:
        file = self.folder / "root.json"
        file.write_text('{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
        return file

    def _references(self, artifacts: Iterable[tuple[str, bytes]]) -> list[str]:
        return [f"{self.prefix}/{name}@{sha256(raw)}" for name, raw in artifacts]

    def _cosign(self, signer: SigningKey, command: str, *arguments: str | Path) -> None:
        environment = {"HOME": str(self.folder), "COSIGN_PASSWORD": signer.password}
        whole = [self.cosign, command, "--key", signer.key, "--allow-http-registry", "--yes", *arguments]
        done = subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    def _path(self, name: str, rest: str) -> str:
        host, _, path = self.prefix.partition("/")
        return f"http://{host}/v2/{path}/{name}/{rest}"


def tarred(name: str, *members: tarfile.TarInfo, files: dict[str, bytes] | None = None) -> bytes:
    """A chart as a tar: what every chart has, and then some members and files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        chart = dump({"apiVersion": "v2", "name": name, "version": "1.0.0"})
        whole = {"Chart.yaml": chart, "templates/one.yaml": b"kind: ConfigMap\n", **(files or {})}
        for path, data in whole.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in members:
            tar.addfile(member)
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """A member without content."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def zipped(data: bytes) -> bytes:
    """One gzip member."""
    pack = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return pack.compress(data) + pack.flush()


def bomb(head: bytes, size: int) -> bytes:
    """A gzip of `head` and then as many zeros: a mebibyte of them is packed once, and that is repeated."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    begin = pack.compress(head) + pack.flush(zlib.Z_FULL_FLUSH)
    zeros = pack.compress(bytes(MEBIBYTE)) + pack.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
    sums = zlib.crc32(head), len(head)  # nobody gets as far as to see that they are wrong
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + begin + zeros * (size // MEBIBYTE) + end + struct.pack("<II", *sums)


def nested(name: str, depth: int) -> bytes:
    """A chart that holds a chart that holds a chart."""
    archive = zipped(tarred("db"))
    for _ in range(depth):
        archive = zipped(tarred("db", files={"charts/db-1.0.0.tgz": archive}))
    return zipped(tarred(name, files={"charts/db-1.0.0.tgz": archive}))


def huge(name: str) -> bytes:
    """A gibibyte of zeros as a chart's template."""
    zeros = member(f"{name}/templates/zeros")
    zeros.size = 1 << 30
    return bomb(zeros.tobuf(), zeros.size)


def long_named(name: str) -> bytes:
    """A file with a name of three kilobytes."""
    return zipped(tarred(name, member(f"{name}/{'n' * 3000}")))


def repeated(name: str, times: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Many empty files or folders."""
    return zipped(tarred(name, *(member(f"{name}/{number}", kind) for number in range(times))))


def aliases(name: str) -> bytes:
    """A Blueprint whose text is short and whose value has billions of parts."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return blueprint(name) + "\n".join(lines).encode()


def pre_authentication(envelope: dict[str, Any]) -> bytes:
    """What is signed in a DSSE envelope."""
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
