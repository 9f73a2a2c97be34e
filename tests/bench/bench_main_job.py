"""How fast the main job is, as ratios against git's own commands in the same run. By hand, on real servers:

    python3 deploy/sandbox python tests/bench/bench_main_job.py [pushes] [flips] [thousand] [quiet] [memory]

Goals: push -> resolved p50 <= 1.5x and p99 <= 3x of `git fetch` + `git push`; a HelmRelease turns Ready -> status commit <= 2x
one `git push`; a warm pass that finds nothing <= 2x `git ls-remote`; 1,000 HelmReleases turn at once -> status commit <= 1 s;
`run` with 100 Environments <= 120 MB.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from kubernetes import client

from reconciler.adapters.git import Repository
from reconciler.bootstrap.runtime import Runtime
from reconciler.config.settings import read_settings
from reconciler.formats.yaml.documents import dump, load, load_all
from reconciler.model.git import GitCredentials
from tests.bench.measuring import made, quantile, report, sandbox, stand
from tests.live.support.environment import LiveEnvironment, Servers, blueprint
from tests.support.paths import ROOT

FIXTURES = ROOT / "fixtures"

PUSHES = 50

FLIPS = 20

NO_OPS = 50

ENVIRONMENTS = 100

THOUSAND = 1_000

CATALOG = ("wordpress", "postgres", "valkey", "cnpg", "flux", "cert-manager", "cilium")  # what acme-prod needs

RELEASES = ("helm.toolkit.fluxcd.io", "v2", "helmreleases")


def main(names: list[str]) -> None:
    """Run the parts that are named, or all."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, sandbox(Path(name)) as up:
        folder, servers = Path(name), stand(up, Path(name))
        prefix = f"{servers.registry}/openova"
        servers.publish(prefix, *(FIXTURES / "catalog" / one for one in CATALOG))
        parts = {
            "pushes": lambda: pushes(LiveEnvironment(servers, made(folder / "pushes"), "pushes", prefix, poll=0.05)),
            "flips": lambda: flips(
                LiveEnvironment(servers, made(folder / "flips"), "flips", f"{servers.registry}/flips", poll=30.0), up
            ),
            "thousand": lambda: thousand(
                LiveEnvironment(servers, made(folder / "k"), "thousand", f"{servers.registry}/k", poll=30.0), up
            ),
            "quiet": lambda: no_ops(LiveEnvironment(servers, made(folder / "quiet"), "quiet", prefix)),
            "memory": lambda: memory(servers, made(folder / "memory"), prefix),
        }
        for part in names or parts:
            parts[part]()


def pushes(stage: LiveEnvironment) -> None:
    """Time from a person's `git push` having returned to the new commit of `resolved` being on Gitea."""
    _ = stage.config
    acme = FIXTURES / "environments" / "acme-prod" / "applications"
    files: dict[str, bytes | None] = {f"applications/{p.name}": p.read_bytes() for p in acme.iterdir()}
    stage.push({"environment.yaml": stage.environment(), **files})
    eye = viewer(stage)
    ours, floor = [], []
    with stage.running():
        stage.wait("a first status", lambda s: s.resolved is not None)
        hand = Hand(stage, "resolved")
        for turn in range(PUSHES):
            file = files["applications/marketing-site.yaml"] or b""
            before = eye.heads()
            stage.push({"applications/marketing-site.yaml": file.replace(b"siteTitle: Acme", b"siteTitle: Acme %d" % turn)})
            began = time.perf_counter()
            await_change(eye, before, "resolved")
            ours.append(time.perf_counter() - began)
            await_change(eye, before, "status")
            floor.append(hand.fetch_and_push(turn))
    report("push -> resolved, p50", quantile(ours, 50), quantile(floor, 50), 1.5)
    report("push -> resolved, p99", quantile(ours, 99), quantile(floor, 99), 3.0)


class Hand:
    """A person with git: a clone of their own, in which the floor is measured."""

    def __init__(self, stage: LiveEnvironment, branch: str) -> None:
        self._stage = stage
        self._work = stage.folder / f"hand-{branch}"
        self._file = "environment.lock.yaml" if branch == "resolved" else "status.yaml"
        url = f"{stage.servers.gitea.url}/{stage.organization}/{stage.name}.git"
        who = f"http://{stage.servers.gitea.user}:{stage.servers.gitea.token}@"
        subprocess.run(["git", "clone", "-q", url.replace("http://", who), str(self._work)], check=True, stdin=subprocess.DEVNULL)
        self._git("checkout", "-q", "-B", "by-hand", f"origin/{branch}")

    def fetch_and_push(self, turn: int) -> float:
        """Seconds for `git fetch` of main, which has a new commit, and `git push` of a branch of about the size of ours."""
        return self._timed(turn, fetch=True)

    def push(self, turn: int) -> float:
        """Seconds for one `git push`."""
        return self._timed(turn, fetch=False)

    def _timed(self, turn: int, *, fetch: bool) -> float:
        file = self._work / self._file
        file.write_text(f"# {turn}\n" + file.read_text())
        self._git("commit", "-q", "-a", "-m", f"by hand {turn}")
        began = time.perf_counter()
        if fetch:
            self._git("fetch", "-q", "origin", "main")
        self._git("push", "-q", "-f", "origin", "by-hand")
        return time.perf_counter() - began

    def _git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=self._work, check=True, capture_output=True)


def flips(stage: LiveEnvironment, up: dict[str, Any]) -> None:
    """Time from a HelmRelease's Ready condition having turned to the status commit being on Gitea.

    helm-controller is stopped meanwhile, and its part of writing the condition is played: so the moment is known exactly.
    """
    folder = stage.folder / "app"
    stage.servers.publish(stage.prefix, blueprint(folder, "bp-app"))
    stage.connect()
    commit = stage.push(
        {"environment.yaml": stage.environment(), "applications/flipping.yaml": stage.application("flipping", "bp-app")}
    )
    eye, ours, floor = viewer(stage), [], []
    with stage.running():
        stage.ready(commit)
        pid = pid_of("helm-controller", up)
        hand = Hand(stage, "status")
        os.kill(pid, signal.SIGSTOP)
        try:
            for turn in range(FLIPS):
                floor.append(hand.push(turn))
                time.sleep(1)  # within a second of the last status commit the next one is held back on purpose
                before = eye.heads()
                turn_ready(stage, "True" if turn % 2 else "False")
                began = time.perf_counter()
                await_change(eye, before, "status")
                ours.append(time.perf_counter() - began)
        finally:
            os.kill(pid, signal.SIGCONT)
    report("Ready -> status, p50", quantile(ours, 50), quantile(floor, 50), 2.0)


def turn_ready(stage: LiveEnvironment, status: str) -> None:
    release = stage.on.release(stage.namespace, "flipping") or {}
    for condition in release["status"]["conditions"]:
        if condition["type"] == "Ready":
            condition["status"] = status
    stage.on.objects.patch_namespaced_custom_object_status(
        "helm.toolkit.fluxcd.io", "v2", stage.namespace, "helmreleases", "flipping", {"status": release["status"]}
    )


def thousand(stage: LiveEnvironment, up: dict[str, Any]) -> None:
    """Time from the last of 1,000 HelmReleases having turned Ready to the status commit that says so being on Gitea.

    Flux's part is played by hand: nothing but the reconciler stands between the change and the commit.
    """
    stage.servers.publish(stage.prefix, blueprint(stage.folder / "app", "bp-app"))
    names = [f"k{n:04d}" for n in range(THOUSAND)]
    files: dict[str, bytes | None] = {f"applications/{name}.yaml": stage.application(name, "bp-app") for name in names}
    stage.push({"environment.yaml": stage.environment(), **files})
    stage.on.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=stage.namespace)))
    pid = pid_of("helm-controller", up)
    os.kill(pid, signal.SIGSTOP)
    try:
        code, _ = stage.once()
        assert code == 0
        stage.git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
        digest = load(stage.show("resolved", "environment.lock.yaml"), "lock").data["packages"][0]["artifact"].rpartition("@")[2]
        for name in names:
            release = load_all(stage.show_fetched("resolved", f"clusters/{stage.context}/{name}.yaml"), name)[2].data
            stage.on.objects.create_namespaced_custom_object(*RELEASES[:2], stage.namespace, RELEASES[2], release)
        _ = shutil.copy(stage.on.kubeconfig, stage.kubeconfigs / f"{stage.context}.yaml")
        eye, took = viewer(stage), []
        with stage.running():
            stage.wait("all seen", lambda s: len(s.applications) == THOUSAND and s.condition("Ready").status == "False", 300)
            for turn in range(3):
                play = partial(play_ready, stage, digest, "True" if turn % 2 == 0 else "False")
                with ThreadPoolExecutor(8) as pool:
                    list(pool.map(play, names))
                began, wanted = time.perf_counter(), THOUSAND if turn % 2 == 0 else 0
                while ready_count(eye) != wanted:
                    assert time.perf_counter() - began < 60
                    time.sleep(0.02)
                took.append(time.perf_counter() - began)
    finally:
        os.kill(pid, signal.SIGCONT)
    worst = max(took)
    met = "met" if worst <= 1 else "MISSED"
    print(f"{'1,000 change -> status, worst of 3':<34} {worst * 1000:7.1f} ms   goal <= 1000 ms   {met}")


def play_ready(stage: LiveEnvironment, digest: str, status: str, name: str) -> None:
    moment = "2026-01-01T00:00:00Z"
    ready = {"type": "Ready", "status": status, "reason": "Played", "message": "by hand", "lastTransitionTime": moment}
    snapshot = {
        "chartName": "bp-app",
        "chartVersion": "1.0.0",
        "configDigest": "sha256:v",
        "digest": "sha256:d",
        "firstDeployed": moment,
        "lastDeployed": moment,
        "name": name,
        "namespace": name,
        "ociDigest": digest,
        "status": "deployed",
        "version": 1,
    }
    body = {
        "status": {"observedGeneration": 1, "conditions": [ready], "history": [snapshot], "lastAttemptedConfigDigest": "sha256:v"}
    }
    stage.on.objects.patch_namespaced_custom_object_status(*RELEASES[:2], stage.namespace, RELEASES[2], name, body)


def ready_count(eye: Repository) -> int:
    """How many Applications the newest status commit calls ready, by its subject."""
    heads = {"status": eye.heads()["status"]}
    eye.fetch(heads)
    found = re.search(r"(\d+)/\d+", eye.commit_of(heads["status"]).message)
    return int(found.group(1)) if found else 0


def pid_of(server: str, up: dict[str, Any]) -> int:
    command = [sys.executable, str(ROOT / "deploy" / "sandbox"), "status", "--state", up["state"], "--json"]
    rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["servers"]
    return int(next(row["pid"] for row in rows if row["name"] == server))


def no_ops(stage: LiveEnvironment) -> None:
    """A pass over an unchanged world, in a process that has made one before."""
    acme = FIXTURES / "environments" / "acme-prod" / "applications"
    stage.push({"environment.yaml": stage.environment(), **{f"applications/{p.name}": p.read_bytes() for p in acme.iterdir()}})
    runtime = Runtime(read_settings(stage.config))
    passes = runtime.environment_pass(next(iter(runtime.targets().values())))
    passes.run(wait=1)
    ours, floor = [], []
    for _ in range(NO_OPS):
        began = time.perf_counter()
        assert not passes.run().pushed
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        stage.git("ls-remote", "--heads", "origin")
        floor.append(time.perf_counter() - began)
    runtime.close()
    report("warm no-op pass, p50", quantile(ours, 50), quantile(floor, 50), 2.0)


def memory(servers: Servers, folder: Path, prefix: str) -> None:
    """What `run` holds with many Environments, some passes after all of them were resolved."""
    stages = [LiveEnvironment(servers, made(folder / f"m{n:03d}"), f"m{n:03d}", prefix) for n in range(ENVIRONMENTS)]
    acme = FIXTURES / "environments" / "acme-prod" / "applications"
    files: dict[str, bytes | None] = {f"applications/{p.name}": p.read_bytes() for p in acme.iterdir()}
    for stage in stages:
        stage.push({"environment.yaml": stage.environment(), **files})
    first = stages[0]
    settings = load(first.config.read_bytes(), "reconciler.yaml").data
    settings["environments"] = [{"name": s.name, "repository": f"{s.organization}/{s.name}"} for s in stages]
    settings["intervals"] = {"poll": 5}
    first.config.write_bytes(dump(settings))
    process = first.start()
    try:
        until = time.monotonic() + 300
        while any(viewer(s).heads().get("status") is None for s in stages[-3:]) and time.monotonic() < until:
            time.sleep(1)
        time.sleep(20)
        used = psutil.Process(process.pid).memory_info().rss / 1e6
    finally:
        process.terminate()
        process.wait(30)
    print(f"{'memory of run, 100 Environments':<34} {used:8.1f} MB   goal <= 120 MB   {'met' if used <= 120 else 'MISSED'}")


def viewer(stage: LiveEnvironment) -> Repository:
    """Something that sees the branches on Gitea fast."""
    gitea = stage.servers.gitea
    url = f"{gitea.url}/{stage.organization}/{stage.name}.git"
    return Repository(stage.folder / "viewer", url, credentials=GitCredentials(gitea.user, gitea.token))


def await_change(eye: Repository, before: dict[str, str], branch: str) -> None:
    until = time.monotonic() + 60
    while eye.heads().get(branch) == before.get(branch):
        assert time.monotonic() < until, f"{branch} did not move"
        time.sleep(0.005)


if __name__ == "__main__":
    main(sys.argv[1:])
