"""What trust costs: to verify and pull, to have it already, and to look again. By hand, on the real registry and cosign:

    python3 deploy/sandbox python tests/bench/bench_trust.py

Goals: verify + pull of 50 cold artifacts <= 1.2x of a shell loop with `cosign verify` and curl at the same parallelism; warm, in
the same process and after a restart, no byte of a blob.

The loop is the leanest one: it knows every digest beforehand, so that one curl fetches manifest and blobs over one connection,
and it checks and reads nothing of what it fetched. `cosign verify` takes an attestation for a signature; the loop with the strict
check asks cosign what we ask it. We start as a process does, with cosign's version to be asked. Contestants take turns, each
round in another order. The ratio is the median of those of single rounds; on a busy machine, that of the best rounds says more.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.adapters.cosign.runner import Cosign
from reconciler.adapters.registry.client import Registry
from reconciler.bootstrap.runtime import Runtime
from reconciler.commands.publish import SigningKey, publish
from reconciler.config.settings import read_settings
from reconciler.domain.catalog import VerifiedBlueprint
from reconciler.formats.oci_manifest import MANIFEST_TYPE, digest_of_bytes
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.artifact import BLUEPRINT_TYPE, CHART_TYPE
from reconciler.model.policy_removal import MARKER_FILE
from reconciler.model.trust import PREDICATE
from tests.live.support.environment import blueprint
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ARTIFACTS = 50
CHART_SIZES = range(20 << 10, 100 << 10)  # bytes, packed
ROUNDS = 7
PARALLELISMS = (1, 4)
GOAL = 1.2
VERSION = "1.0.0"
PASSWORD = "bench"  # noqa: S105 - of a key that lives as long as the run
OURS, LOOP, STRICT = "ours", "cosign verify + curl", "the same, strict check"
COMMANDS = {LOOP: "verify", STRICT: f"verify-attestation --type {PREDICATE}"}
SETTLED = 0.5  # seconds after which the registry has written down what it has answered
LINE = re.compile(r'"GET (?P<path>\S+) HTTP/1\.1" (?P<status>\d+) (?P<bytes>\d+) "[^"]*" "catalyst-reconciler"')


def main() -> None:
    """Publish, then measure everything."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, sandbox(Path(name)) as up:
        shop = SignedArtifacts(Path(name), up)
        print(f"{ARTIFACTS} artifacts, {sum(one.size for one in shop.artifacts) / 1024:.0f} KiB of blobs; medians of {ROUNDS}")
        for parallelism in PARALLELISMS:
            cold(shop, parallelism)
        warm(shop)


@contextmanager
def sandbox(folder: Path) -> Iterator[dict[str, Any]]:
    """A registry and a cosign, for as long as they are needed."""
    command = [sys.executable, str(ROOT / "deploy" / "sandbox")]
    where = ["--state", str(folder / "sandbox"), "--json"]
    try:
        started = subprocess.run([*command, "up", "--only", "registry", *where], check=True, stdout=subprocess.PIPE)
        yield json.loads(started.stdout)
    finally:
        subprocess.run([*command, "down", *where], check=False, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class Artifact:
    """A published Blueprint, and the blobs that whoever installs it needs: its chart and its blueprint.yaml."""

    name: str
    digest: str
    blobs: tuple[str, ...]
    size: int


class SignedArtifacts:
    """Signed Blueprints on a registry, what was asked for them, and the two ways to have them."""

    def __init__(self, folder: Path, up: dict[str, Any]) -> None:
        self.folder = folder
        self._cosign, self._host = Path(up["cosign"]), up["registry"]["host"]
        self._log = Path(up["logs"]) / "registry.log"
        self._prefix = f"{self._host}/home"
        cosign = Cosign(self._cosign)
        key, self._public = cosign.generate_key(folder, PASSWORD)
        self._signer = SigningKey.load(cosign, key, PASSWORD)
        self._registry = Registry(plain_http=[self._host])
        chance = random.Random(6)  # noqa: S311
        self.artifacts = [self._publish(cosign, f"bp-app-{n:02d}", chance) for n in range(ARTIFACTS)]
        self._registry.close()
        self._write_trust()
        self._tasks = "\n".join(self._task(one) for one in self.artifacts)
        self._scripts = {what: self._script(what, command) for what, command in COMMANDS.items()}

    def runtime(self, state: Path, reverify: float = 3600) -> Runtime:
        """The reconciler as a process has it, with all that it kept on disk in `state`."""
        file = self.folder / "reconciler.yaml"
        settings = {
            "sovereign": "bench",
            "state": str(state),
            "catalogs": [{"prefix": self._prefix, "plainHttp": True}],
            "trust": {"directory": "trust", "reverifyInterval": reverify},
            "cosign": {"program": str(self._cosign)},
        }
        file.write_bytes(dump(settings))
        return Runtime(read_settings(file))

    def get(self, runtime: Runtime, threads: int, *, by_tag: bool = False) -> None:
        """Have all artifacts, verified."""

        def one(artifact: Artifact) -> None:
            found = runtime.context.catalog.get(self._prefix, artifact.name, VERSION, None if by_tag else artifact.digest)
            assert isinstance(found, VerifiedBlueprint), found

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, self.artifacts))

    def ours(self, parallelism: int) -> float:
        """Seconds until a new process with an empty cache has all artifacts."""
        state = self.folder / "state"
        began = time.perf_counter()
        runtime = self.runtime(state)
        self.get(runtime, parallelism)
        took = time.perf_counter() - began
        runtime.close()
        shutil.rmtree(state)
        return took

    def loop(self, what: str, parallelism: int) -> float:
        """Seconds until the shell has all artifacts."""
        out = self.folder / "out"
        out.mkdir()
        began = time.perf_counter()
        # what xargs gives each script: a name, a digest, and what curl is to fetch
        command = ["xargs", f"-P{parallelism}", "-L1", "sh", str(self._scripts[what])]
        subprocess.run(
            command, input=self._tasks, text=True, check=True, cwd=out, env={"PATH": "/usr/bin:/bin", "HOME": str(out)}
        )
        took = time.perf_counter() - began
        fetched = {digest_of_bytes(file.read_bytes()) for file in out.iterdir()}
        assert fetched == {digest for one in self.artifacts for digest in (one.digest, *one.blobs)}
        shutil.rmtree(out)
        return took

    @contextmanager
    def counted(self) -> Iterator[list[tuple[str, int]]]:
        """What we ask of the registry meanwhile: each path, and the bytes of the answer, found in its access log."""
        time.sleep(SETTLED)
        asked: list[tuple[str, int]] = []
        before = self._log.stat().st_size
        yield asked
        time.sleep(SETTLED)
        with self._log.open() as file:
            file.seek(before)
            asked += [(found["path"], int(found["bytes"])) for found in LINE.finditer(file.read())]

    def _publish(self, cosign: Cosign, name: str, chance: random.Random) -> Artifact:
        folder = blueprint(self.folder / name, name, VERSION)
        (folder / "chart" / "dashboard.png").write_bytes(chance.randbytes(chance.choice(CHART_SIZES)))  # does not shrink
        chart = load((folder / "chart" / "Chart.yaml").read_bytes(), "Chart.yaml").data
        published = publish(
            folder,
            name=name,
            version=VERSION,
            chart=chart,
            prefix=self._prefix,
            registry=self._registry,
            cosign=cosign,
            signer=self._signer,
        )
        layers = self._registry.manifest(f"{self._prefix}/{name}", published.digest).layers
        needed = [layer for layer in layers if layer.media_type in {CHART_TYPE, BLUEPRINT_TYPE}]
        return Artifact(name, published.digest, tuple(one.digest for one in needed), sum(one.size for one in needed))

    def _write_trust(self) -> None:
        (self.folder / "trust").mkdir()
        (self.folder / "trust" / MARKER_FILE).touch()
        spec = {
            "artifacts": [f"{self._prefix}/*"],
            "authorities": [{"name": "release", "key": self._signer.public_key}],
        }
        policy = {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "bench"},
            "spec": spec,
        }
        (self.folder / "trust" / "bench.yaml").write_bytes(dump(policy))

    def _task(self, one: Artifact) -> str:
        base = f"http://{self._host}/v2/home/{one.name}"
        urls = (f"{base}/manifests/{one.digest}", *(f"{base}/blobs/{digest}" for digest in one.blobs))
        fetch = " ".join(f"-o {one.name}-{number} {url}" for number, url in enumerate(urls))
        return f"{self._prefix}/{one.name}@{one.digest} {fetch}"

    def _script(self, what: str, command: str) -> Path:
        flags = f"--key {self._public} --insecure-ignore-tlog --allow-http-registry"
        lines = (
            "set -e",
            f'{self._cosign} {command} {flags} "$1" >/dev/null 2>&1',
            "shift",
            f'exec curl -sS --fail -H "Accept: {MANIFEST_TYPE}" "$@"',
        )
        file = self.folder / f"{what.replace(' ', '-')}.sh"
        file.write_text("\n".join(lines) + "\n")
        return file


def cold(shop: SignedArtifacts, parallelism: int) -> None:
    """Verify and pull everything, by turns."""
    contestants = {
        OURS: lambda: shop.ours(parallelism),
        LOOP: lambda: shop.loop(LOOP, parallelism),
        STRICT: lambda: shop.loop(STRICT, parallelism),
    }
    took: dict[str, list[float]] = {what: [] for what in contestants}
    for turn in range(ROUNDS + 1):
        order = list(contestants)
        for what in order[turn % 3 :] + order[: turn % 3]:
            seconds = contestants[what]()
            if turn:  # the first one finds files that nobody has read yet
                took[what].append(seconds)
    print(f"\ncold, {parallelism} at a time")
    print(f"  {OURS:<24} {statistics.median(took[OURS]) * 1000:7.0f} ms   (best round {min(took[OURS]) * 1000:.0f} ms)")
    for peer in COMMANDS:
        report(peer, took[OURS], took[peer])


def warm(shop: SignedArtifacts) -> None:
    """How much is asked for, and how long it takes, when more and more is known."""
    print(f"\nwhat is asked of the registry, {ARTIFACTS} artifacts, one at a time")
    first = shop.runtime(shop.folder / "by-tag")
    tell(shop, "cold, by tag", first, by_tag=True)
    first.close()
    state = shop.folder / "warm"
    first = shop.runtime(state)
    tell(shop, "cold, by digest", first)
    tell(shop, "the same process again", first, no_blobs=True)
    first.close()
    interval = 1.0
    second = shop.runtime(state, interval)
    tell(shop, "after a restart", second, no_blobs=True)
    time.sleep(interval)  # so that all are due
    tell(shop, "verified again, as is due", second, no_blobs=True)
    second.close()


def tell(shop: SignedArtifacts, what: str, runtime: Runtime, *, by_tag: bool = False, no_blobs: bool = False) -> None:
    with shop.counted() as asked:
        began = time.perf_counter()
        shop.get(runtime, 1, by_tag=by_tag)
        took = time.perf_counter() - began
    blobs = sum(size for path, size in asked if "/blobs/" in path)
    verdict = f"   goal 0   {'MISSED' if blobs else 'met'}" if no_blobs else ""
    print(f"  {what:<28} {took * 1000:7.0f} ms   {len(asked) / ARTIFACTS:5.2f} requests each   {blobs:9} bytes of blobs{verdict}")


def report(peer: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    met = "met" if ratio <= GOAL else "MISSED"
    best = f"(best rounds {min(theirs) * 1000:.0f} ms, {min(ours) / min(theirs):.2f})"
    print(f"  {peer:<24} {statistics.median(theirs) * 1000:7.0f} ms   ratio {ratio:4.2f}   goal <= {GOAL}   {met}   {best}")


if __name__ == "__main__":
    main()
