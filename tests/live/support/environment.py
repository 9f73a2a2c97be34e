"""A stage for one Environment on the real servers: what a person does, and what a person sees."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes import client, config

from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.policy_removal import MARKER_FILE
from reconciler.model.status import EnvironmentStatus
from tests.live.support.command_server import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from reconciler.commands.publish import SigningKey

COMMAND_TIMEOUT = 300.0  # seconds: a whole catalog is published and signed while other processes start their servers
PATIENCE = 120.0  # seconds a real rollout may take on a busy machine of two cores


@dataclass(frozen=True)
class Gitea:
    """The forge. `url` without a trailing slash; `user` may do everything."""

    url: str
    user: str
    token: str = field(repr=False)
    client: httpx.Client
    log: Path

    def create_repository(self, name: str, owner: str | None = None) -> str:
        """Make an empty private repository, and its organization when there is none; return its clone url."""
        if owner is not None and self.client.get(f"orgs/{owner}").status_code == 404:
            self.client.post("orgs", json={"username": owner}).raise_for_status()
        where = f"orgs/{owner}/repos" if owner else "user/repos"
        self.client.post(where, json={"name": name, "private": True, "default_branch": "main"}).raise_for_status()
        return f"{self.url}/{owner or self.user}/{name}.git"

    def pushes(self, path: str) -> int:
        """How many pushes to a repository the server itself has logged."""
        return self.log.read_text().count(f"POST /{path}.git/git-receive-pack")


@dataclass(frozen=True)
class Cluster:
    """An API server, as the test itself uses it."""

    kubeconfig: Path
    audit_log: Path
    state: Path

    @classmethod
    def of(cls, up: dict[str, Any]) -> Cluster:
        """The cluster of a sandbox's description."""
        return cls(Path(up["kubernetes"]["kubeconfig"]), Path(up["kubernetes"]["audit_log"]), Path(up["state"]))

    @cached_property
    def api(self) -> client.ApiClient:
        """A client with every right."""
        made: client.ApiClient = config.new_client_from_config(str(self.kubeconfig))
        return made

    @property
    def objects(self) -> client.CustomObjectsApi:
        """Custom resources."""
        return client.CustomObjectsApi(self.api)

    @property
    def core(self) -> client.CoreV1Api:
        """Namespaces, Secrets, Pods."""
        return client.CoreV1Api(self.api)

    def release(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A HelmRelease, or None."""
        try:
            found: Any = self.objects.get_namespaced_custom_object(
                "helm.toolkit.fluxcd.io", "v2", namespace, "helmreleases", name
            )
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise
        return dict(found)

    def namespaces(self) -> set[str]:
        """The names of all Namespaces, also of those on their way out."""
        return {str(n.metadata.name) for n in self.core.list_namespace().items if n.metadata}


@dataclass(frozen=True)
class Servers:
    """What a Stage stands on."""

    gitea: Gitea
    cluster: Cluster
    registry: str
    cosign: Path
    signer: SigningKey

    def publish(self, prefix: str, *folders: Path, signer: SigningKey | None = None, unsigned: bool = False) -> None:
        """Publish catalog folders with our own command."""
        who = signer or self.signer
        sign = ["--unsigned"] if unsigned else ["--key", str(who.key)]
        where = ["--registry", prefix, "--plain-http", "--cosign", str(self.cosign)]
        done = reconciler("publish", *map(str, folders), *where, *sign, COSIGN_PASSWORD=who.password)
        assert done.returncode == 0, done.stdout + done.stderr


def reconciler(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run our own command to its end."""
    return run_command(arguments, {**os.environ, **environment}, COMMAND_TIMEOUT)


def blueprint(
    folder: Path, name: str, version: str = "1.0.0", *, spec: dict[str, Any] | None = None, broken: bool = False
) -> Path:
    """Write a catalog folder: a Blueprint whose chart is one Deployment, which never gets ready when `broken`."""
    templates = folder / "chart" / "templates"
    templates.mkdir(parents=True)
    base = {"version": version, "manifests": {"chart": "./chart"}, **(spec or {})}
    (folder / "blueprint.yaml").write_bytes(
        dump({"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "Blueprint", "metadata": {"name": name}, "spec": base})
    )
    (folder / "chart" / "Chart.yaml").write_bytes(dump({"apiVersion": "v2", "name": name, "version": version}))
    (folder / "chart" / "values.yaml").write_text("replicas: 1\n")
    labels = {"app": "{{ .Release.Name }}"}
    pod = {"containers": [{"name": "main", "image": "registry.k8s.io/pause:3.10"}]}
    if broken:
        pod["nodeSelector"] = {"no-such": "node"}  # type: ignore[assignment]
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "{{ .Release.Name }}", "labels": {"version": version}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    (templates / "deployment.yaml").write_bytes(dump(deployment))
    return folder


@dataclass
class LiveEnvironment:
    """One Environment: its repository on Gitea, its Flux objects on a cluster, and a reconciler of its own.

    `namespace` is its Flux namespace, so that several share a cluster.
    """

    servers: Servers
    folder: Path
    organization: str
    prefix: str
    env_type: str = "prod"
    poll: float = 1.0
    flux_timeout: str = "60s"
    cluster: Cluster | None = None
    block: str = "rtz"
    region: str = "fsn"
    own_namespace: bool = True
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The Environment's name."""
        return f"{self.organization}-{self.env_type}"

    @property
    def context(self) -> str:
        """The cluster's name."""
        return f"hz-{self.region}-{self.block}-{self.env_type}-{self.organization}"

    @property
    def namespace(self) -> str:
        """The Flux namespace."""
        return f"flux-{self.name}" if self.own_namespace else "flux-system"

    @property
    def on(self) -> Cluster:
        """The cluster it is placed on."""
        return self.cluster or self.servers.cluster

    @cached_property
    def work(self) -> Path:
        """A person's clone of the repository."""
        url = self.servers.gitea.create_repository(self.name, self.organization)
        who = f"http://{self.servers.gitea.user}:{self.servers.gitea.token}@"
        work = self.folder / "work"
        subprocess.run(["git", "clone", "-q", url.replace("http://", who), str(work)], check=True, capture_output=True)
        self.git("checkout", "-q", "-b", "main")
        return work

    def git(self, *arguments: str) -> str:
        """Run git in the person's clone."""
        identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder / "work", check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout.strip()

    def environment(self) -> bytes:
        """A fitting environment.yaml."""
        spec = {
            "organization": self.organization,
            "envType": self.env_type,
            "placements": [{"cluster": self.context, "region": self.region}],
            "fluxNamespace": self.namespace,
        }
        return dump(
            {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "Environment", "metadata": {"name": self.name}, "spec": spec}
        )

    def push(self, files: dict[str, bytes | None], message: str = "change") -> str:
        """Write (None: remove) files, commit and push `main`; return the commit."""
        for path, content in files.items():
            file = self.work / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True) if content is None else file.write_bytes(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("push", "-q", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def push_folder(self, folder: Path) -> str:
        """Push a fixture's files as they are."""
        return self.push({p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}, "first")

    @staticmethod
    def application(name: str, blueprint_name: str, version: str = "*", **spec: Any) -> bytes:
        """An Application's file."""
        whole = {"blueprint": {"name": blueprint_name, "version": version}, **spec}
        return dump(
            {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": whole}
        )

    @cached_property
    def config(self) -> Path:
        """The reconciler's configuration."""
        (self.folder / "trust").mkdir()
        (self.folder / "trust" / MARKER_FILE).touch()
        policy = {
            "artifacts": [f"{self.prefix}/*"],
            "authorities": [{"name": "openova-release-key", "key": self.servers.signer.public_key}],
        }
        (self.folder / "trust" / "openova.yaml").write_bytes(
            dump({"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": "o"}, "spec": policy})
        )
        self.kubeconfigs.mkdir()
        token = self.folder / "token"
        token.touch(mode=0o600)
        token.write_text(self.servers.gitea.token)
        settings = {
            "sovereign": "sandbox",
            "state": "state",
            "gitea": {
                "url": self.servers.gitea.url,
                "username": self.servers.gitea.user,
                "tokenFile": "token",
                "discover": False,
            },
            "environments": [{"name": self.name, "repository": f"{self.organization}/{self.name}"}],
            "catalogs": [{"prefix": self.prefix, "plainHttp": True}],
            "trust": {"directory": "trust"},
            "cosign": {"program": str(self.servers.cosign)},
            "clusters": {"directory": "kubeconfigs", "staleAfter": 30},
            "flux": {"interval": "1m", "timeout": self.flux_timeout},
            "intervals": {"poll": self.poll, "retry": 2},
        }
        file = self.folder / "reconciler.yaml"
        file.write_bytes(dump(settings))
        return file

    @property
    def kubeconfigs(self) -> Path:
        """Where the reconciler looks for kubeconfigs."""
        return self.folder / "kubeconfigs"

    def connect(self) -> None:
        """Hand the reconciler the cluster's kubeconfig, and Flux the Environment's repository."""
        self.bootstrap()
        self.introduce()

    def introduce(self) -> None:
        """Hand the reconciler the cluster's kubeconfig alone."""
        _ = self.config
        beside = self.kubeconfigs / ".new"
        shutil.copy(self.on.kubeconfig, beside)
        beside.rename(self.kubeconfigs / f"{self.context}.yaml")

    def bootstrap(self) -> None:
        """What provisioning a vcluster sets up for Flux: the source, and what to apply of it."""
        if self.own_namespace:
            self.on.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=self.namespace)))
        secret = {"username": self.servers.gitea.user, "password": self.servers.gitea.token}
        self.on.core.create_namespaced_secret(
            self.namespace, client.V1Secret(metadata=client.V1ObjectMeta(name="environment"), string_data=secret)
        )
        source = {
            "interval": "1m",
            "url": f"{self.servers.gitea.url}/{self.organization}/{self.name}.git",
            "ref": {"branch": "resolved"},
            "secretRef": {"name": "environment"},
        }
        apply = {
            "interval": "1m",
            "retryInterval": "2s",
            "path": f"clusters/{self.context}",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "environment"},
        }
        for group, version, kind, plural, name, spec in (
            ("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories", "environment", source),
            ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations", "applications", apply),
        ):
            body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}
            self.on.objects.create_namespaced_custom_object(group, version, self.namespace, plural, body)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """A reconciler that runs meanwhile."""
        process = self.start()
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            assert process.wait(30) in {0, -signal.SIGKILL}

    def start(self) -> subprocess.Popen[bytes]:
        """Start a reconciler; its log is in the stage's folder."""
        log = (self.folder / "reconciler.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "reconciler", "run", "-v", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def once(self) -> tuple[int, dict[str, Any]]:
        """One pass by our own command: its exit code and what it printed."""
        done = reconciler("once", "-c", str(self.config), "--format", "json")
        return done.returncode, json.loads(done.stdout)[0] if done.stdout else {"stderr": done.stderr}

    def head(self, branch: str) -> str | None:
        """The branch's commit on Gitea."""
        line = self.git("ls-remote", "origin", f"refs/heads/{branch}")
        return line.split()[0] if line else None

    def show(self, branch: str, path: str) -> bytes:
        """A file of a branch as it is on Gitea now."""
        self.git("fetch", "-q", "origin", f"+refs/heads/{branch}:refs/remotes/origin/{branch}")
        return self.show_fetched(branch, path)

    def show_fetched(self, branch: str, path: str) -> bytes:
        """A file of a branch as it was when last fetched."""
        return subprocess.run(
            ["git", "show", f"origin/{branch}:{path}"], cwd=self.work, check=True, capture_output=True, timeout=30
        ).stdout

    def log(self, branch: str, form: str = "%s") -> list[str]:
        """The commits of a branch on Gitea, newest first."""
        self.git("fetch", "-q", "origin", f"+refs/heads/{branch}:refs/remotes/origin/{branch}")
        return self.git("log", f"--format={form}", f"origin/{branch}").splitlines()

    def status(self) -> EnvironmentStatus | None:
        """What the status branch says now."""
        if self.head("status") is None:
            return None
        found, problems = parse_document(load(self.show("status", "status.yaml"), "status.yaml"), EnvironmentStatus)
        assert found is not None, problems
        return found

    def wait(self, what: str, true: Callable[[EnvironmentStatus], bool], seconds: float = PATIENCE) -> EnvironmentStatus:
        """Wait until the status says something; fail with the status and the log's end."""
        until = time.monotonic() + seconds
        last = None
        while time.monotonic() < until:
            last = self.status()
            if last is not None and true(last):
                return last
            time.sleep(0.5)
        text = dump(last.model_dump(mode="json", by_alias=True, exclude_none=True)).decode() if last else "no status"
        tail = "\n".join((self.folder / "reconciler.log").read_text().splitlines()[-15:])
        raise AssertionError(f"{self.name} did not get to: {what}\n{text}\n{tail}")

    def ready(self, commit: str) -> EnvironmentStatus:
        """Wait until a commit of main runs, all of it."""
        return self.wait(f"Ready at {commit}", lambda s: s.input == commit and s.condition("Ready").status == "True")


def merged(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Gitea's answer to a merge that `ask` asks for, once it has found out whether there is a conflict.

    It does that after each push in the background, and answers until then that one should try again later.
    """
    until = time.monotonic() + PATIENCE
    while (answer := ask()).status_code == 405 and "try again later" in answer.text and time.monotonic() < until:
        time.sleep(0.2)
    return answer


def reason_of(status: EnvironmentStatus, application: str) -> str:
    """Why an Application is what it is, on its first placement."""
    return next(a for a in status.applications if a.name == application).placements[0].reason
