"""Pull requests under load, on real servers with webhooks. By hand:

    python3 deploy/sandbox python tests/bench/bench_pull_requests.py [latency] [floor] [load]

Goals: a push to a pull request of a 50-Application Environment has returned -> its comment says the new plan, p50 <= 1.0 s,
warm; its delivery -> the start of its pass, 99 of 100 within 100 ms; and 200 pushes and 50 updates of pull requests a minute
over 50 Environments: every commit that stays head gets its statuses, no comment is doubled, memory stays flat.
"""

from __future__ import annotations

import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from reconciler.adapters.git import Repository
from reconciler.domain.review.plan_comment import MARKER
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.git import GitCredentials
from tests.bench.measuring import made, quantile, sandbox, stand
from tests.live.support.environment import LiveEnvironment, Servers, blueprint

if TYPE_CHECKING:
    from collections.abc import Callable

APPLICATIONS = 50
UPDATES = 40
POLL = 60.0  # seconds: what is faster than this came by a webhook

ENVIRONMENTS = 50
MINUTES = 3
PUSHES, CHANGES = 200, 50  # a minute


def main(names: list[str]) -> None:
    """Run the parts that are named, or all."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, sandbox(Path(name)) as up:
        folder, servers = Path(name), stand(up, Path(name))
        servers.publish(f"{servers.registry}/b", blueprint(folder / "app", "bp-app"))
        parts = {"latency": latency, "floor": floor, "load": load_test}
        for part in names or parts:
            parts[part](servers, made(folder / part))


@dataclass
class Proposal:
    """An Environment with Applications, and one pull request that is changed again and again."""

    stage: LiveEnvironment
    number: int = 0
    tips: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        gitea = self.stage.servers.gitea
        url, credentials = f"{gitea.url}/{self.stage.organization}/{self.stage.name}.git", GitCredentials(gitea.user, gitea.token)
        author = ("Ada", "ada@example.org")
        self.clone = Repository(self.stage.work.parent / "person", url, credentials=credentials, author=author)

    @property
    def where(self) -> str:
        """Its repository, for the API."""
        return f"repos/{self.stage.organization}/{self.stage.name}"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask Gitea something."""
        return self._asked(method, path, **body).raise_for_status().json()

    def _asked(self, method: str, path: str, **body: Any) -> httpx.Response:
        return self.stage.servers.gitea.client.request(method, f"{self.where}/{path}", json=body or None)

    def start(self, applications: int) -> None:
        """Push the Environment, and open the pull request."""
        stage = self.stage
        files = {f"applications/a{n:02}.yaml": self.content(f"a{n:02}", 0) for n in range(applications)}
        stage.push({"environment.yaml": stage.environment(), **files})
        until = time.monotonic() + 20
        while self._asked("GET", "branches/main").status_code != httpx.codes.OK:  # Gitea notes a branch a moment after its push
            assert time.monotonic() < until
            time.sleep(0.1)
        heads = self.clone.heads()
        self.clone.fetch(heads)
        self.tips = {"main": heads["main"]}
        self.write("change", "a00", 1)
        self.number = self.ask("POST", "pulls", title="a change", head="change", base="main")["number"]

    def content(self, name: str, turn: int) -> bytes:
        """An Application that is another one at each turn."""
        return self.stage.application(name, "bp-app", config={"turn": turn})

    def write(self, branch: str, name: str, turn: int) -> str:
        """Push an Application's file to a branch, which is made of `main`; return the commit."""
        tip, files = self.tips.get(branch), {f"applications/{name}.yaml": self.content(name, turn)}
        parent = tip or self.tips["main"]
        made = self.clone.write_over(files, parent=parent, message=f"turn {turn}", time=int(time.time()))
        self.clone.push(made.id, branch, expect=tip)
        self.tips[branch] = made.id
        return made.id

    def comments(self) -> list[str]:
        """The comments of ours."""
        return [one["body"] for one in self.ask("GET", f"issues/{self.number}/comments") if one["body"].startswith(MARKER)]

    def planned(self) -> str:
        """The tree that the newest head's status names."""
        found = self.ask("GET", f"commits/{self.tips['change']}/status")["statuses"]
        return str(next(one["description"] for one in found if one["context"] == "catalyst/plan").rpartition(" ")[2])

    def marks(self, commit: str) -> dict[str, str]:
        """The states of a commit's statuses, by context."""
        found = self.ask("GET", f"commits/{commit}/status")["statuses"] or ()
        return {one["context"]: one["status"] for one in found}


def configured(stage: LiveEnvironment, everybody: list[LiveEnvironment]) -> None:
    """Let one reconciler watch them all by webhooks."""
    settings = load(stage.config.read_bytes(), "reconciler.yaml").data
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    settings["environments"] = [{"name": s.name, "repository": f"{s.organization}/{s.name}"} for s in everybody]
    settings["intervals"] = {"poll": POLL, "retry": 5}
    settings["catalogs"] = [{"prefix": stage.prefix, "plainHttp": True}]
    settings["http"] = {
        "listen": f"127.0.0.1:{port}",
        "address": f"http://127.0.0.1:{port}",
        "secret": "a secret of the bench alone",
    }
    stage.config.write_bytes(dump(settings))


def latency(servers: Servers, folder: Path) -> None:
    """Time from a push to a pull request having returned to its comment telling the new plan."""
    one = Proposal(LiveEnvironment(servers, made(folder / "one"), "latency", f"{servers.registry}/b"))
    one.start(APPLICATIONS)
    configured(one.stage, [one.stage])
    took = []
    with one.stage.running():
        until = time.monotonic() + 120
        while not one.comments():
            assert time.monotonic() < until, "the pull request was never told anything"
            time.sleep(0.1)
        for turn in range(2, UPDATES + 2):
            (before,) = one.comments()
            one.write("change", "a00", turn)
            began = time.perf_counter()
            while one.comments() == [before]:
                assert time.perf_counter() - began < POLL, "it took a poll"
                time.sleep(0.01)
            took.append(time.perf_counter() - began)
            time.sleep(1.5)
        wakes = _wakes(one.stage)
    p50 = quantile(took, 50)
    print(f"{'push -> plan comment, p50':<34} {p50 * 1000:7.1f} ms   goal <= 1000 ms   {'met' if p50 <= 1 else 'MISSED'}")
    print(f"{'push -> plan comment, p99':<34} {quantile(took, 99) * 1000:7.1f} ms")
    count, quick = wakes["count"], wakes['bucket{le="0.1"}']
    print(
        f"{'delivery -> pass, mean':<34} {wakes['sum'] / count * 1000:7.1f} ms   {quick:.0f} of {count:.0f} within 100 ms   "
        f"{'met' if quick >= 0.99 * count else 'MISSED'}"
    )


def _wakes(stage: LiveEnvironment) -> dict[str, float]:
    """What the reconciler measured from deliveries to their passes."""
    address = load(stage.config.read_bytes(), "reconciler.yaml").data["http"]["address"]
    rows = (line.rpartition(" ") for line in httpx.get(f"{address}/metrics").raise_for_status().text.splitlines())
    prefix = "reconciler_wake_seconds_"
    return {name.removeprefix(prefix): float(value) for name, _, value in rows if name.startswith(prefix)}


def floor(servers: Servers, folder: Path) -> None:
    """What Gitea and whoever pushes reach on this machine with nobody else on it: no reconciler can be told more than that."""
    everybody = _prepared(servers, folder, "floor")
    _, rate, busy = _driven(everybody, lambda: None, 1)
    print(f"without a reconciler: {rate:.0f} changes a minute of {PUSHES + CHANGES}, processors {busy:.0f} % busy")


def load_test(servers: Servers, folder: Path) -> None:
    """Some minutes of pushes and changes of pull requests over many Environments, and then a look at each of them."""
    everybody = _prepared(servers, folder, "load")
    stages = [one.stage for one in everybody]
    configured(stages[0], stages)
    process = stages[0].start()
    try:
        _measured(everybody, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)


def _prepared(servers: Servers, folder: Path, name: str) -> list[Proposal]:
    stages = [
        LiveEnvironment(servers, made(folder / f"{n:02}"), f"{name}{n:02}", f"{servers.registry}/b") for n in range(ENVIRONMENTS)
    ]
    everybody = [Proposal(stage) for stage in stages]
    for one in everybody:
        one.start(5)
    return everybody


def _driven(everybody: list[Proposal], look: Callable[[], None], minutes: int) -> tuple[dict[tuple[int, str], str], float, float]:
    """Change them all for some minutes; the last commits, how many changes a minute that were, and how busy the machine was."""
    heads: dict[tuple[int, str], str] = {}
    lock, began, total, done = threading.Lock(), time.monotonic(), minutes * (PUSHES + CHANGES), [0]
    dice = random.Random(7)  # noqa: S311 - which Environment is next
    work = [(n, dice.randrange(ENVIRONMENTS), dice.random() < PUSHES / (PUSHES + CHANGES)) for n in range(total)]
    locks = [threading.Lock() for _ in everybody]

    def push(job: tuple[int, int, bool]) -> None:
        turn, index, main_ = job
        time.sleep(max(0.0, began + turn * 60 / (PUSHES + CHANGES) - time.monotonic()))
        with locks[index]:
            branch = "main" if main_ else "change"
            heads[index, branch] = everybody[index].write(branch, "a01" if main_ else "a00", turn + 100)
        with lock:
            done[0] += 1
            if done[0] % 100 == 0:
                look()

    psutil.cpu_percent()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(push, work))
    return heads, total / (time.monotonic() - began) * 60, psutil.cpu_percent()


def _measured(everybody: list[Proposal], process: psutil.Process) -> None:
    until = time.monotonic() + 600
    while not all(one.comments() for one in everybody):
        assert time.monotonic() < until, "not all were told"
        time.sleep(2)
    used = [process.memory_info().rss / 1e6]
    before = process.cpu_times()
    heads, rate, busy = _driven(everybody, lambda: used.append(process.memory_info().rss / 1e6), MINUTES)
    after = process.cpu_times()
    ours = sum(after[:4]) - sum(before[:4])
    quiet = time.monotonic()
    wanted = {"main": {"catalyst/resolved", "catalyst/ready"}, "change": {"catalyst/plan", "catalyst/policy"}}
    missing = set(heads)
    while missing and time.monotonic() - quiet < 3 * POLL:
        missing = {key for key in missing if not wanted[key[1]] <= everybody[key[0]].marks(heads[key]).keys()}
    waited = time.monotonic() - quiet
    doubled = [one.stage.name for one in everybody if len(one.comments()) != 1]
    stale = [one.stage.name for one in everybody if one.planned() not in one.comments()[0]]
    used.append(process.memory_info().rss / 1e6)
    flat = statistics.mean(used[-2:]) / statistics.mean(used[1:3])
    print(
        f"{MINUTES * (PUSHES + CHANGES)} changes, {rate:.0f} a minute, processors {busy:.0f} % busy, {ours:.0f} s of them ours; "
        f"told {waited:.1f} s after the last"
    )
    for what, bad in (("heads without their statuses", missing), ("doubled comments", doubled), ("stale comments", stale)):
        print(f"{what:<34} {sorted(bad)}   {'MISSED' if bad else 'met'}")
    print(f"memory {', '.join(f'{one:.0f}' for one in used)} MB: x{flat:.2f}   {'met' if flat <= 1.1 else 'MISSED'}")


if __name__ == "__main__":
    main(sys.argv[1:])
