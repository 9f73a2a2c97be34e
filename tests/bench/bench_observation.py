"""What observing 1,000 HelmReleases costs, on a real API server. By hand:

    python3 deploy/sandbox python tests/bench/bench_observation.py

Goals: <= 60 MB over an idle process with the same imports, also at its highest; all of 1,000 changes known within 1 s of the
last.
helm-controller stands still meanwhile, and its part of writing statuses is played, so that every moment is known exactly.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes import client, config

from reconciler.adapters.kubernetes import ClusterPool
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASES = 1000
NAMESPACES = 20
HELM = ("helm.toolkit.fluxcd.io", "v2")
CONTEXT = "bench"


def main() -> None:
    if len(sys.argv) > 1:
        observe(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name, sandbox(Path(name)) as up:
        kubeconfigs = Path(name) / "kubeconfigs"
        kubeconfigs.mkdir()
        shutil.copy(up["kubernetes"]["kubeconfig"], kubeconfigs / CONTEXT)
        world = LoadedApiServer(up["kubernetes"]["kubeconfig"])
        print(f"{'writing ' + str(RELEASES) + ' HelmReleases':<44} {world.fill():8.1f} s")
        with subprocess.Popen(
            [sys.executable, __file__, str(kubeconfigs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            report(process, world)


@contextmanager
def sandbox(folder: Path) -> Iterator[dict[str, Any]]:
    """An API server with Flux, whose helm-controller stands still."""
    command = [sys.executable, str(ROOT / "deploy" / "sandbox")]
    where = ["--state", str(folder / "sandbox"), "--json"]
    pid = None
    try:
        up = json.loads(
            subprocess.run([*command, "up", "--only", "kubernetes", *where], check=True, stdout=subprocess.PIPE).stdout
        )
        rows = json.loads(subprocess.run([*command, "status", *where], check=True, stdout=subprocess.PIPE).stdout)["servers"]
        pid = next(row["pid"] for row in rows if row["name"] == "helm-controller")
        os.kill(pid, signal.SIGSTOP)
        yield up
    finally:
        if pid is not None:
            os.kill(pid, signal.SIGCONT)
        subprocess.run([*command, "down", *where], check=False, stdout=subprocess.DEVNULL)


class LoadedApiServer:
    """1,000 HelmReleases, about as large as helm-controller leaves them (7 kB)."""

    def __init__(self, kubeconfig: str) -> None:
        self._api = config.new_client_from_config(kubeconfig)
        self._objects = client.CustomObjectsApi(self._api)
        self.names = [(f"org-{n % NAMESPACES}", f"app-{n}") for n in range(RELEASES)]

    def fill(self) -> float:
        """Make all, with their statuses; the seconds it took."""
        began = time.monotonic()
        core = client.CoreV1Api(self._api)
        for n in range(NAMESPACES):
            core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=f"org-{n}")))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._make, self.names))
        return time.monotonic() - began

    def turn(self) -> tuple[float, float]:
        """Change every status; the seconds it took, and when the last change was answered, by the clock all processes share."""
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: self._status(key, "False"), self.names))
        return time.monotonic() - began, time.monotonic()

    def _make(self, key: tuple[str, str]) -> None:
        values = {f"setting{n}": "x" * 60 for n in range(30)}
        labels = {"app.kubernetes.io/managed-by": "catalyst-reconciler", "openova.io/application": key[1]}
        body = {
            "apiVersion": "/".join(HELM),
            "kind": "HelmRelease",
            "metadata": {"name": key[1], "labels": labels, "annotations": {"catalyst.openova.io/entry": "sha256:" + "0" * 64}},
            "spec": {"interval": "1m", "chartRef": {"kind": "OCIRepository", "name": key[1]}, "values": values},
        }
        self._objects.create_namespaced_custom_object(*HELM, key[0], "helmreleases", body)
        self._status(key, "True")

    def _status(self, key: tuple[str, str], ready: str) -> None:
        now = "2030-01-01T00:00:00Z"
        message = (
            f"Helm install succeeded for release {key[0]}/{key[1]}.v1 with chart bp-{key[1]}@1.0.0+fbb170029737: " + "x" * 100
        )
        conditions = [
            {"type": kind, "status": ready, "reason": "InstallSucceeded", "message": message, "lastTransitionTime": now}
            for kind in ("Ready", "Released")
        ]
        snapshot = {
            "name": key[1],
            "namespace": key[0],
            "version": 1,
            "status": "deployed",
            "chartName": f"bp-{key[1]}",
            "chartVersion": "1.0.0+fbb170029737",
            "configDigest": "sha256:" + "1" * 64,
            "digest": "sha256:" + "2" * 64,
            "ociDigest": "sha256:" + "3" * 64,
            "firstDeployed": now,
            "lastDeployed": now,
        }
        status = {
            "observedGeneration": 1,
            "conditions": conditions,
            "history": [snapshot] * 3,
            "lastAttemptedConfigDigest": "sha256:" + "1" * 64,
        }
        self._objects.patch_namespaced_custom_object_status(*HELM, key[0], "helmreleases", key[1], {"status": status})


def report(process: subprocess.Popen[str], world: LoadedApiServer) -> None:
    def said() -> dict[str, float]:
        assert process.stdout is not None
        return dict(json.loads(process.stdout.readline()))

    assert process.stdin is not None
    first = said()
    print(f"{'first list':<44} {first['seconds'] * 1000:8.0f} ms")
    goal("memory over an idle process, after the list", first["memory"], 60, "MB")
    process.stdin.write("go\n")
    process.stdin.flush()
    said()
    took, end = world.turn()
    last = said()
    print(f"{'writing ' + str(RELEASES) + ' changes':<44} {took:8.1f} s")
    goal("from the last change to all of them known", (last["moment"] - end) * 1000, 1000, "ms")
    print(f"{'wake-ups for them':<44} {last['wakes']:8.0f}")
    goal("memory over an idle process, after them", last["memory"], 60, "MB")
    goal("the same, at its highest", last["highest"], 60, "MB")
    print(f"{'processor time of the observer in all':<44} {last['processor']:8.2f} s")


def goal(what: str, value: float, most: float, unit: str) -> None:
    print(f"{what:<44} {value:8.1f} {unit}   goal <= {most} {unit}   {'met' if value <= most else 'MISSED'}")


def observe(kubeconfigs: Path) -> None:
    """The process that observes; it says what it sees as lines of JSON."""
    names = [(f"org-{n % NAMESPACES}", f"app-{n}") for n in range(RELEASES)]
    wakes: list[float] = []
    idle, before = memory(), time.process_time()
    clusters = ClusterPool(kubeconfigs, stale_after=60, allow_exec=False, on_change=lambda _: wakes.append(time.monotonic()))

    def ready(status: str) -> int:
        seen = (clusters.observe(CONTEXT, *name).release for name in names)
        return sum(r is not None and r["status"]["conditions"][0]["status"] == status for r in seen)

    began = time.monotonic()
    clusters.observe_cluster(CONTEXT, wait=60)
    took = time.monotonic() - began
    assert ready("True") == RELEASES
    say(seconds=took, memory=memory() - idle)
    sys.stdin.readline()
    woken = len(wakes)
    say(ready=True)
    while ready("False") < RELEASES:
        time.sleep(0.01)
    moment = time.monotonic()
    say(
        moment=moment,
        wakes=len(wakes) - woken,
        memory=memory() - idle,
        highest=memory("VmHWM") - idle,
        processor=time.process_time() - before,
    )
    clusters.close()


def memory(which: str = "VmRSS") -> float:
    """Megabytes of this process: resident now, or at its highest (VmHWM; getrusage tells what the parent had, too)."""
    line = next(row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith(which))
    return int(line.split()[1]) / 1024


def say(**words: float) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
