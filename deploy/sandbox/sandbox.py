"""One sandbox: what runs in one state folder, brought up, described and taken down.

The folder holds `sandbox.json` (what `up` prints) and `servers.json` (processes) while it runs, `data/`, which is
removed on `down`, and `logs/`, which stay until the next `up`.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import build
import flux
import forge
import places
import registry
import signals
import tools
from cluster import Cluster
from servers import HOST, Servers
from trouble import Trouble

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from build import Built
    from servers import Started

PARTS: dict[str, tuple[str, ...]] = {
    "registry": ("registry", "cosign"),
    "gitea": ("gitea",),
    "kubernetes": ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", *flux.CONTROLLERS),
    "oracles": ("helm", "kustomize"),
}
"""What can be started alone, with the tools it needs. Oracles are programs that nothing starts: tests ask them."""

CONTEXT = "catalyst-sandbox"
"""The cluster's name when it is given none."""

Description = dict[str, Any]
"""What `up --json` prints; the README of this folder has its schema."""


class Sandbox:
    """The sandbox of one state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state.absolute()
        self.servers = Servers(self.state)
        self._description = self.state / "sandbox.json"

    def up(self, parts: list[str], contexts: list[str], cosign: Path | None = None) -> Description:
        """Start these parts and return what one needs to use them; if they run already, just that.

        What it started is stopped again when anything goes wrong, and when it is interrupted.

        Args:
            parts: names from `PARTS`.
            contexts: names for the cluster, `CONTEXT` for none; each gets a kubeconfig of its own.
            cosign: a cosign to use instead of building one.

        Raises:
            Trouble: a tool could not be built, a server did not start, or what runs is not what is asked for.
        """
        needed = [name for part in parts for name in PARTS[part] if name != "cosign" or not cosign]
        built = build.build(tools.named(needed), tell_cached=False)
        program = cosign or (built["cosign"].binary if "cosign" in built else None)
        with self._locked():
            if self._description.exists():
                return self._running(parts, contexts, program)
            self._clear()
            shutil.rmtree(self.servers.logs, ignore_errors=True)
            try:
                description = self._start(parts, contexts, built)
                if "registry" in parts:
                    description["cosign"] = str(program)
                places.write(self._description, json.dumps(description, indent=2) + "\n", 0o600)
            except BaseException:
                places.say("  stopping what was started")
                with signals.held():
                    self._clear()
                raise
            return description

    def down(self) -> list[Started]:
        """Stop everything, remove its data and return what was stopped. The logs stay."""
        with self._locked(), signals.held():
            stopped = self.servers.all()
            self._clear()
            return stopped

    def _locked(self) -> AbstractContextManager[None]:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return places.locked(self.state / "lock", "starting or stopping this sandbox")

    def _clear(self) -> None:
        self.servers.stop()
        shutil.rmtree(self.servers.data, ignore_errors=True)
        self._description.unlink(missing_ok=True)

    def _running(self, parts: list[str], contexts: list[str], cosign: Path | None) -> Description:
        description: Description = json.loads(self._description.read_text())
        advice = f"run `down` with --state {self.state}, then `up`"
        if dead := [server for server in self.servers.all() if not server.process.alive()]:
            names = ", ".join(server.name for server in dead)
            raise Trouble(f"this sandbox was started, but {names} died since; see {dead[0].log}; {advice}")
        known = description.get("kubernetes", {}).get("contexts", {})
        missing = [part for part in parts if part not in description]
        missing += [context for context in contexts if "kubernetes" in parts and context not in known]
        if "registry" in parts and description.get("cosign") != str(cosign):
            missing.append(f"the cosign {cosign}")
        if missing:
            raise Trouble(f"this sandbox runs already, but without {', '.join(missing)}; {advice}")
        places.say("  already running")
        return description

    def _start(self, parts: list[str], contexts: list[str], built: dict[str, Built]) -> Description:
        description: Description = {"state": str(self.state), "logs": str(self.servers.logs)}
        servers, data = self.servers, self.servers.data
        # Gitea takes longest and needs nobody: it gets ready while the others are waited for.
        if "gitea" in parts:
            gitea = forge.Forge(built["gitea"], data / "gitea")
            gitea_started = servers.launch(gitea.server)
        if "registry" in parts:
            ports = servers.start(registry.server(built["registry"], data / "registry")).ports
            description["registry"] = {"host": f"{HOST}:{ports['http']}"}
        if "kubernetes" in parts:
            description["kubernetes"] = self._start_cluster(contexts or [CONTEXT], built)
        if "oracles" in parts:
            description["oracles"] = {name: str(built[name].binary) for name in PARTS["oracles"]}
        if "gitea" in parts:
            ports = servers.ready(gitea.server, gitea_started).ports
            gitea.admit_admin()
            description["gitea"] = {
                "url": gitea.url(ports),
                "admin": forge.ADMIN,
                "token_file": str(gitea.token_file),
            }
        return description

    def _start_cluster(self, contexts: list[str], built: dict[str, Built]) -> Description:
        cluster = Cluster(self.servers, built)
        api = cluster.start()
        flux.start(self.servers, built, cluster, api)
        folder = self.servers.data / "kubeconfigs"
        paths = {context: folder / f"{context}.yaml" for context in contexts}
        for context, path in paths.items():
            api.write_kubeconfig(path, context)
        return {
            "server": api.url,
            "context": contexts[0],
            "kubeconfig": str(paths[contexts[0]]),
            "kubeconfigs": str(folder),
            "audit_log": str(cluster.audit_log),
            "contexts": {context: str(path) for context, path in paths.items()},
        }
