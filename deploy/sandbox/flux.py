"""Flux in a cluster: its definitions, and its controllers running beside the API server instead of in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import http_json
from servers import HOST, Ports, Server, Servers
from trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from build import Built
    from cluster import Cluster
    from kube import Api

CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller")
_NAMESPACE = "flux-system"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_PATIENCE = 30.0


def start(servers: Servers, tools: dict[str, Built], cluster: Cluster, api: Api) -> None:
    """Install Flux in the cluster and start its controllers.

    Raises:
        Trouble: its definitions were not accepted in time, or a controller did not get healthy.
    """
    for name in CONTROLLERS:
        for path in sorted((tools[name].share / "config/crd/bases").glob("*.yaml")):
            api.create_as(_DEFINITIONS, path.read_bytes(), "application/yaml")
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}})
    _await_definitions(api)
    parts = [_controller(name, tools[name].binary, cluster) for name in CONTROLLERS]
    launched = [servers.launch(part) for part in parts]
    for part, started in zip(parts, launched, strict=True):
        servers.ready(part, started)


def _await_definitions(api: Api) -> None:
    """Wait until every kind is served: a controller that starts earlier gives up."""
    end = time.monotonic() + _PATIENCE
    while waiting := [item["metadata"]["name"] for item in api.get(_DEFINITIONS)["items"] if not _established(item)]:
        if time.monotonic() > end:
            raise Trouble(f"the API server does not serve {', '.join(waiting)} after {_PATIENCE:.0f} s; see its log")
        time.sleep(0.05)


def _established(definition: dict[str, Any]) -> bool:
    conditions = definition["status"].get("conditions") or []  # null until the server has looked at it
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


def _controller(name: str, binary: Path, cluster: Cluster) -> Server:
    def command(ports: Ports) -> list[str | Path]:
        return [
            binary,
            "--enable-leader-election=false",
            "--watch-all-namespaces=true",
            f"--health-addr={HOST}:{ports['health']}",
            f"--metrics-addr={HOST}:{ports['metrics']}",
            # As in production but for patience: chains of dependencies must settle in seconds.
            "--requeue-dependency=1s",
            "--min-retry-delay=500ms",
            "--max-retry-delay=10s",
            "--concurrent=24",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            *(_storage(cluster.folder / "artifacts", ports) if "storage" in ports else []),
        ]

    return Server(
        cluster.called(name),
        ports=("health", "metrics", "storage") if name == "source-controller" else ("health", "metrics"),
        command=command,
        healthy=lambda ports: http_json.answers(f"http://{HOST}:{ports['health']}/readyz"),
        env={"KUBECONFIG": str(cluster.kubeconfig), "RUNTIME_NAMESPACE": _NAMESPACE},
    )


def _storage(folder: Path, ports: Ports) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    address = f"{HOST}:{ports['storage']}"
    return [f"--storage-path={folder}", f"--storage-addr={address}", f"--storage-adv-addr={address}"]
