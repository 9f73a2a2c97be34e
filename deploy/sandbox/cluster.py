"""A Kubernetes cluster whose parts are all real but the containers, which kwok plays."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import http_json
import kube
import places
from kube import Api
from servers import HOST, Ports, Server, Servers

if TYPE_CHECKING:
    from pathlib import Path

    from build import Built

_NODE = "sandbox"
# Who wrote what is logged, so that a test can count writes where they arrive.
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch", "delete"]}],
}
_ROOM = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "16Ti", "pods": "2000"}


class Cluster:
    """One API server with its etcd, controllers, scheduler and node.

    Several live side by side in one sandbox as long as their names differ.
    """

    def __init__(self, servers: Servers, tools: dict[str, Built], name: str = "") -> None:
        self._servers = servers
        self._tools = tools
        self._suffix = f"-{name}" if name else ""
        self.folder = servers.data / f"cluster{self._suffix}"
        self.kubeconfig = self.folder / "admin.yaml"
        self._key = self.folder / "service-accounts.pem"
        self._certificates = self.folder / "certificates"
        self._token = secrets.token_hex(16)
        self.audit_log = servers.logs / f"audit{self._suffix}.log"

    def start(self) -> Api:
        """Start the cluster, add a node to it and return the way in.

        Raises:
            Trouble: a part of it did not get healthy.
        """
        self._certificates.mkdir(mode=0o700, parents=True)
        places.write(self._key, kube.signing_key(), 0o600)
        places.write(self.folder / "audit.json", json.dumps(_AUDIT), 0o600)
        places.write(self.folder / "tokens.csv", f'{self._token},admin,admin,"system:masters"\n', 0o600)
        etcd = self._servers.start(self._etcd())
        api = self._api(self._servers.start(self._apiserver(etcd.ports)).ports)
        api.write_kubeconfig(self.kubeconfig, "admin")
        others = [self._controllers(), self._scheduler(), self._kwok()]
        launched = [self._servers.launch(server) for server in others]
        api.create("/api/v1/nodes", _node())
        for server, started in zip(others, launched, strict=True):
            self._servers.ready(server, started)
        return api

    def called(self, part: str) -> str:
        """Return what a part of this cluster is called among all servers of the sandbox."""
        return part + self._suffix

    def _api(self, ports: Ports) -> Api:
        return Api(f"https://{HOST}:{ports['https']}", self._certificates / "apiserver.crt", self._token)

    def _etcd(self) -> Server:
        def command(ports: Ports) -> list[str | Path]:
            client, peer = (f"http://{HOST}:{ports[name]}" for name in ("client", "peer"))
            return [
                self._tools["etcd"].binary,
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
                "--unsafe-no-fsync",  # the data is not meant to outlive the machine
                "--log-level=warn",
            ]

        def healthy(ports: Ports) -> bool:
            return bool(http_json.get_json(f"http://{HOST}:{ports['client']}/health")["health"] == "true")

        return Server(self.called("etcd"), ports=("client", "peer"), command=command, healthy=healthy)

    def _apiserver(self, etcd: Ports) -> Server:
        def command(ports: Ports) -> list[str | Path]:
            return [
                self._tools["kube-apiserver"].binary,
                f"--etcd-servers=http://{HOST}:{etcd['client']}",
                f"--bind-address={HOST}",
                f"--secure-port={ports['https']}",
                f"--cert-dir={self._certificates}",  # it makes its own certificate there
                f"--token-auth-file={self.folder / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-signing-key-file={self._key}",
                f"--service-account-key-file={self._key}",
                "--service-cluster-ip-range=10.96.0.0/16",
                # Pods would wait for the mounts of their account's token, which no kubelet makes.
                "--disable-admission-plugins=ServiceAccount",
                # Endpoints of the `kubernetes` service must not be loopback addresses, and nothing uses them here.
                "--endpoint-reconciler-type=none",
                "--allow-privileged=true",
                f"--audit-policy-file={self.folder / 'audit.json'}",
                f"--audit-log-path={self.audit_log}",
                "--profiling=false",
            ]

        return Server(
            self.called("kube-apiserver"),
            ports=("https",),
            command=command,
            healthy=lambda ports: self._api(ports).call("GET", "/readyz") == b"ok",
        )

    def _controllers(self) -> Server:
        return self._kubernetes(
            "kube-controller-manager",
            f"--service-account-private-key-file={self._key}",
            f"--root-ca-file={self._certificates / 'apiserver.crt'}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def _scheduler(self) -> Server:
        return self._kubernetes("kube-scheduler", "--kube-api-qps=200", "--kube-api-burst=400")

    def _kubernetes(self, part: str, *flags: str) -> Server:
        """Return a server that shows its health over TLS; the API server's certificate serves it too."""

        def command(ports: Ports) -> list[str | Path]:
            return [
                self._tools[part].binary,
                f"--kubeconfig={self.kubeconfig}",
                "--leader-elect=false",
                f"--bind-address={HOST}",
                f"--secure-port={ports['https']}",
                f"--tls-cert-file={self._certificates / 'apiserver.crt'}",
                f"--tls-private-key-file={self._certificates / 'apiserver.key'}",
                "--authentication-skip-lookup=true",
                "--profiling=false",
                *flags,
            ]

        return Server(
            self.called(part),
            ports=("https",),
            command=command,
            healthy=lambda ports: self._api(ports).call("GET", "/healthz") == b"ok",
        )

    def _kwok(self) -> Server:
        def command(ports: Ports) -> list[str | Path]:
            return [
                self._tools["kwok"].binary,
                f"--kubeconfig={self.kubeconfig}",
                "--manage-all-nodes=true",
                "--node-lease-duration-seconds=40",  # without leases the node counts as lost every minute
                "--cidr=10.244.0.1/16",  # its default has addresses for no more than 254 pods
                f"--server-address={HOST}:{ports['http']}",
            ]

        return Server(
            self.called("kwok"),
            ports=("http",),
            command=command,
            healthy=lambda ports: http_json.answers(f"http://{HOST}:{ports['http']}/healthz"),
        )


def _node() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": _NODE, "labels": {"kubernetes.io/hostname": _NODE, "kubernetes.io/os": "linux"}},
        "status": {"capacity": _ROOM, "allocatable": _ROOM},
    }
