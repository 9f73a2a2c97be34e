"""Servers to measure on, and figures as they are reported."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from reconciler.adapters.cosign.runner import Cosign
from reconciler.commands.publish import SigningKey
from tests.live.support.environment import Cluster, Gitea, Servers
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


PASSWORD = "bench"  # noqa: S105 - of a key that lives as long as the run


@contextmanager
def sandbox(folder: Path) -> Iterator[dict[str, Any]]:
    """Every server, for as long as it is needed."""
    command = [sys.executable, str(ROOT / "deploy" / "sandbox")]
    where = ["--state", str(folder / "sandbox"), "--json"]
    try:
        yield json.loads(subprocess.run([*command, "up", *where], check=True, stdout=subprocess.PIPE).stdout)
    finally:
        subprocess.run([*command, "down", *where], check=False, stdout=subprocess.DEVNULL)


def stand(up: dict[str, Any], folder: Path) -> Servers:
    """What a Stage stands on."""
    token = Path(up["gitea"]["token_file"]).read_text().strip()
    url = up["gitea"]["url"]
    web = httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"token {token}"}, timeout=30)
    gitea = Gitea(url, up["gitea"]["admin"], token, web, Path(up["logs"]) / "gitea.log")
    cosign = Cosign(up["cosign"])
    key = cosign.generate_key(made(folder / "keys"), PASSWORD)[0]
    return Servers(gitea, Cluster.of(up), up["registry"]["host"], Path(up["cosign"]), SigningKey.load(cosign, key, PASSWORD))


def quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def report(what: str, ours: float, floor: float, goal: float) -> None:
    ratio = ours / floor
    met = "met" if ratio <= goal else "MISSED"
    print(f"{what:<34} {ours * 1000:7.1f} ms   floor {floor * 1000:7.1f} ms   ratio {ratio:4.2f}   goal <= {goal}   {met}")


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
