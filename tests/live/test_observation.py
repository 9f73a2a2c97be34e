"""What is known of a cluster while real API servers stop, start anew, lose their store, refuse and forget."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client

from reconciler.adapters.kubernetes import ClusterPool
from reconciler.adapters.kubernetes.api import ClusterClient
from reconciler.adapters.kubernetes.reflector import Reflector
from reconciler.adapters.kubernetes.release_store import ReleaseStore
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.errors import AccessDeniedError, NotFoundError, ReconcilerError, UnavailableError
from tests.live.support.environment import Cluster
from tests.live.support.sandbox import run_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.adapters.kubernetes.release_projection import WatchEvent
    from reconciler.model.observation import Observation

pytestmark = pytest.mark.live

STALE = 6.0  # seconds; a watch's window is 2 s
SOON = 8.0  # seconds in which what went wrong heals by itself: a pause, a list and a busy machine
NAMESPACE = "observed"
GROUP = ("helm.toolkit.fluxcd.io", "v2")
CRD = "helmreleases.helm.toolkit.fluxcd.io"


@dataclass
class ApiServer:
    """A cluster whose processes a test may stop and start anew; its helm-controller stands still, so that releases stay put."""

    cluster: Cluster
    pids: dict[str, int]
    own: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, up: dict[str, Any]) -> ApiServer:
        rows = run_sandbox("status", "--state", up["state"])["servers"]
        made = cls(Cluster.of(up), {row["name"]: row["pid"] for row in rows})
        os.kill(made.pids["helm-controller"], signal.SIGSTOP)
        made.cluster.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
        return made

    @contextlib.contextmanager
    def stopped(self, part: str) -> Iterator[None]:
        """One process that stands still meanwhile."""
        os.kill(self.pids[part], signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pids[part], signal.SIGCONT)

    def kill(self, part: str) -> Callable[[], None]:
        """End a process at once; what is returned starts it as it was."""
        proc = Path(f"/proc/{self.pids[part]}")
        command = [word.decode() for word in (proc / "cmdline").read_bytes().split(b"\0")[:-1]]
        environment = dict(p.decode().split("=", 1) for p in (proc / "environ").read_bytes().split(b"\0")[:-1])
        folder, log = (proc / "cwd").readlink(), (proc / "fd" / "1").readlink()
        end(self.pids[part])

        def start() -> None:
            with log.open("ab") as out:
                process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            self.own.append(process)
            self.pids[part] = process.pid

        return start

    def go_on(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pids["helm-controller"], signal.SIGCONT)

    def close(self) -> None:
        for process in reversed(self.own):
            process.kill()
            assert process.wait() == -signal.SIGKILL, f"{process.args!r} had ended by itself"

    def put(self, name: str, mark: str) -> None:
        """Make a HelmRelease, or change it. The mark is what it is known by."""
        labels = {"openova.io/mark": mark}
        where = (*GROUP, NAMESPACE, "helmreleases")
        chart = {"kind": "OCIRepository", "name": name}
        body = {
            "apiVersion": "/".join(GROUP),
            "kind": "HelmRelease",
            "metadata": {"name": name, "labels": labels},
            "spec": {"interval": "1m", "chartRef": chart},
        }
        try:
            self.cluster.objects.create_namespaced_custom_object(*where, body)
        except client.ApiException as error:
            if error.status != 409:
                raise
            self.cluster.objects.patch_namespaced_custom_object(*where, name, {"metadata": {"labels": labels}})

    def drop(self, name: str) -> None:
        self.cluster.objects.delete_namespaced_custom_object(*GROUP, NAMESPACE, "helmreleases", name)


def end(pid: int) -> None:
    """Kill a process, and wait until the last of its threads is gone: until then its ports are taken, zombie or not."""
    process = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        assert select.select([process], [], [], 30)[0], f"process {pid} does not end"
    finally:
        os.close(process)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    yield from serve(tmp_path_factory)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    yield from serve(tmp_path_factory)


@pytest.fixture
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    yield from serve(tmp_path_factory)


def serve(factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    state = str(factory.mktemp("observed") / "state")
    made = None
    try:
        made = ApiServer.of(run_sandbox("up", "--state", state, "--only", "kubernetes"))
        yield made
    finally:
        if made is not None:
            made.go_on()
        run_sandbox("down", "--state", state)  # first those that would miss the ones started here
        if made is not None:
            made.close()


@dataclass
class ObservedCluster:
    """Clusters, a directory of kubeconfigs, and a person who looks."""

    directory: Path
    wakes: list[str] = field(default_factory=list)
    allow_exec: bool = False

    def __post_init__(self) -> None:
        self.clusters = ClusterPool(self.directory, stale_after=STALE, allow_exec=self.allow_exec, on_change=self.wakes.append)

    def hand(self, context: str, kubeconfig: bytes) -> None:
        beside = self.directory / ".new"
        beside.write_bytes(kubeconfig)
        beside.rename(self.directory / f"{context}.yaml")
        self.clusters.observe_cluster(context, wait=10)

    def see(self, context: str = "one", name: str = "web") -> Observation:
        return self.clusters.observe(context, NAMESPACE, name)

    def mark(self, context: str = "one", name: str = "web") -> str | None:
        """The mark of what is seen and fresh; None when it is not there; a failure's reason, or what else stands before it."""
        seen = self.see(context, name)
        if seen.failure is not None:
            assert (seen.listed, seen.release) == (False, None)
            return seen.failure.reason
        if not seen.listed:
            return "NotObserved"
        if seen.age > STALE:
            return "ObservationStale"
        return None if seen.release is None else str(seen.release["metadata"]["labels"]["openova.io/mark"])

    def wait(self, mark: str | None, context: str = "one", name: str = "web", seconds: float = SOON) -> float:
        """Wait until something is seen; the seconds it took."""
        began = time.monotonic()
        while (now := self.mark(context, name)) != mark:
            assert time.monotonic() < began + seconds, f"{context} shows {now} instead of {mark}: {self.see(context, name)}"
            time.sleep(0.02)
        return time.monotonic() - began


@pytest.fixture
def eye(tmp_path: Path) -> Iterator[ObservedCluster]:
    made = ObservedCluster(tmp_path)
    yield made
    began = time.monotonic()
    made.clusters.close()
    assert time.monotonic() - began < 2


def observers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("observe ")]


def kubeconfig(of: ApiServer, *, user: dict[str, Any] | None = None, **cluster: Any) -> bytes:
    """The administrator's kubeconfig with another user, or another way to the cluster."""
    whole = load(of.cluster.kubeconfig.read_bytes(), "kubeconfig").data
    if user is not None:
        whole["users"][0]["user"] = user
    whole["clusters"][0]["cluster"].update(cluster)
    return dump(whole)


# What happens to objects.


def test_each_change_is_seen_at_once_and_wakes_those_who_look(server: ApiServer, eye: ObservedCluster) -> None:
    eye.hand("one", kubeconfig(server))
    assert eye.mark() is None
    for mark in ("first", "second"):
        woken = len(eye.wakes)
        server.put("web", mark)
        assert eye.wait(mark) < 2
        assert set(eye.wakes[woken:]) == {"one"}
    server.drop("web")
    assert eye.wait(None) < 2


def test_an_old_version_is_refused_inside_the_stream_and_the_list_made_anew(server: ApiServer) -> None:
    lists: list[float] = []

    class LongAway(ClusterClient):
        """Goes on after its first window from where it would be had it been away too long."""

        def releases(self) -> tuple[Any, str]:
            lists.append(time.monotonic())
            server.put("web", f"list-{len(lists)}")
            return super().releases()

        def watch(self, version: str, seconds: int) -> Iterator[list[WatchEvent]]:
            self.watches = getattr(self, "watches", 0) + 1
            return super().watch(version if self.watches == 1 else "1", seconds)

    sight = ReleaseStore(time.monotonic())
    follower = Reflector(
        lambda: LongAway(kubeconfig(server), "one"),
        sight,
        context="one",
        window=1,
        clock=time.monotonic,
        stopped=lambda: len(lists) > 2,
        on_change=lambda: None,
    )
    assert follower.run_once() == follower.run_once() / 2  # each broke, and nobody got stuck
    seen = sight.observe((NAMESPACE, "web"), time.monotonic())
    assert seen.release is not None
    assert (seen.release["metadata"]["labels"], seen.failure) == ({"openova.io/mark": "list-2"}, None)
    with pytest.raises(UnavailableError, match="410"), contextlib.closing(ClusterClient(kubeconfig(server), "one")) as one:
        list(one.watch("1", 5))


# What happens to servers.


def test_a_server_that_stands_still_makes_its_own_observations_stale_and_no_others(
    server: ApiServer, other: ApiServer, eye: ObservedCluster
) -> None:
    server.put("web", "here")
    other.put("web", "there")
    eye.hand("one", kubeconfig(server))
    eye.hand("two", kubeconfig(other))
    with server.stopped("kube-apiserver"):
        eye.wait("ObservationStale", seconds=STALE + 2)
        assert eye.see().release is not None  # it is remembered, with its age
        began = time.monotonic()
        eye.clusters.observe_cluster("one")
        eye.clusters.observe_cluster("two", wait=5)
        other.put("web", "there-again")
        eye.wait("there-again", "two")
        assert eye.see("two").age < STALE / 2
        with pytest.raises(UnavailableError):
            eye.clusters.flux_sources("one", NAMESPACE, "web")
        assert time.monotonic() - began < 10
    eye.wait("here")


def test_a_server_whose_store_is_lost_answers_for_nothing(server: ApiServer, eye: ObservedCluster) -> None:
    server.put("web", "here")
    eye.hand("one", kubeconfig(server))
    with server.stopped("etcd"):  # watches go on as if nothing were
        eye.wait("ObservationStale", seconds=STALE + 4)
        time.sleep(2)
        assert eye.mark() == "ObservationStale"
    eye.wait("here", seconds=15)


def test_a_server_that_starts_anew_is_seen_as_it_then_is(doomed: ApiServer, eye: ObservedCluster) -> None:
    doomed.put("web", "before")
    doomed.put("gone", "before")
    eye.hand("one", kubeconfig(doomed))
    eye.hand("two", kubeconfig(doomed, user={"token": Account(doomed, "reader", "list", "watch").token()}))
    eye.wait("before", "two")
    start = doomed.kill("kube-apiserver")
    eye.wait("ObservationStale", seconds=STALE + 2)
    start()
    until, shown = time.monotonic() + 60, set[str | None]()
    while time.monotonic() < until:
        shown |= {eye.mark(), eye.mark("two")}
        with contextlib.suppress(Exception):
            doomed.drop("gone")
            break
        time.sleep(0.05)
    doomed.put("web", "after")
    eye.wait("after")
    eye.wait("after", "two")
    eye.wait(None, name="gone")
    assert shown <= {"ObservationStale", "before", "AccessDenied"}  # rights are not known at once after a start

    halt_store = doomed.kill("etcd")
    restart = doomed.kill("kube-apiserver")
    data = next(p for p in doomed.cluster.state.rglob("etcd") if p.is_dir())
    shutil.rmtree(data)
    halt_store()
    restart()  # a cluster restored from nothing: its versions begin anew, below those that were seen
    eye.wait("FluxMissing", seconds=60)


class FaultyWire:
    """A forwarder to a server, which may be cut or go silent. `port` is where it listens."""

    def __init__(self, server: ApiServer, port: int = 0) -> None:
        url = load(server.cluster.kubeconfig.read_bytes(), "k").data["clusters"][0]["cluster"]["server"]
        self._target = int(url.rpartition(":")[2])
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._flows = threading.Event()
        self._flows.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append((near, far))
            for one, two in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._pump, args=(one, two), daemon=True))
                self._threads[-1].start()

    def _pump(self, one: socket.socket, two: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                self._flows.wait()
                two.sendall(data)
        for sock in (one, two):  # what is one-sided here never was at an API server
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End all connections that there are."""
        for sock in (s for pair in self._pairs for s in pair):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def silence(self) -> None:
        self._flows.clear()

    def go_on(self) -> None:
        self._flows.set()

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._pairs)

    def close(self) -> None:
        self.go_on()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for sock in (s for pair in self._pairs for s in pair):
            sock.close()


@pytest.fixture
def wire(server: ApiServer) -> Iterator[FaultyWire]:
    made = FaultyWire(server)
    yield made
    made.close()


def test_connections_that_break_cost_a_moment(server: ApiServer, eye: ObservedCluster, wire: FaultyWire) -> None:
    server.put("web", "0")
    eye.hand("one", kubeconfig(server, server=f"https://127.0.0.1:{wire.port}"))
    for turn in range(1, 4):
        wire.cut()
        server.put("web", str(turn))
        assert eye.wait(str(turn)) < 6


def test_a_partition_makes_stale_and_heals(server: ApiServer, eye: ObservedCluster, wire: FaultyWire) -> None:
    server.put("web", "before")
    eye.hand("one", kubeconfig(server, server=f"https://127.0.0.1:{wire.port}"))
    wire.silence()
    eye.wait("ObservationStale", seconds=STALE + 2)
    server.put("web", "after")
    time.sleep(STALE)
    assert eye.mark() == "ObservationStale"
    wire.go_on()
    eye.wait("after", seconds=12)


def test_a_settled_cluster_is_watched_over_one_connection(server: ApiServer, eye: ObservedCluster, wire: FaultyWire) -> None:
    server.put("web", "here")
    eye.hand("one", kubeconfig(server, server=f"https://127.0.0.1:{wire.port}"))
    before, oldest, until = len(eye.wakes), 0.0, time.monotonic() + 8
    while time.monotonic() < until:
        oldest = max(oldest, eye.see().age)
        time.sleep(0.05)
    assert (wire.connections, len(eye.wakes)) == (1, before)
    assert oldest < STALE / 2


# What happens to rights.


class Account:
    """A service account that may list and watch HelmReleases, for as long as it may."""

    def __init__(self, server: ApiServer, name: str, *verbs: str) -> None:
        self.core, self.rbac, self.name = server.cluster.core, client.RbacAuthorizationV1Api(server.cluster.api), name
        self._meta = client.V1ObjectMeta(name=name)
        self.create()
        rule = client.V1PolicyRule(api_groups=[GROUP[0]], resources=["helmreleases"], verbs=list(verbs))
        self.rbac.create_cluster_role(client.V1ClusterRole(metadata=self._meta, rules=[rule]))
        self.allow()

    def create(self) -> None:
        self.core.create_namespaced_service_account(NAMESPACE, client.V1ServiceAccount(metadata=self._meta))

    def delete(self) -> None:
        self.core.delete_namespaced_service_account(self.name, NAMESPACE)

    def allow(self) -> None:
        subject = client.RbacV1Subject(kind="ServiceAccount", name=self.name, namespace=NAMESPACE)
        role = client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=self.name)
        binding = client.V1ClusterRoleBinding(metadata=self._meta, subjects=[subject], role_ref=role)
        self.rbac.create_cluster_role_binding(binding)

    def forbid(self) -> None:
        self.rbac.delete_cluster_role_binding(self.name)

    def token(self) -> str:
        spec = client.V1TokenRequestSpec(audiences=["https://kubernetes.default.svc"], expiration_seconds=600)
        request = client.AuthenticationV1TokenRequest(spec=spec)
        made: Any = self.core.create_namespaced_service_account_token(self.name, NAMESPACE, request)
        return str(made.status.token)


REVOKED = 20.0  # seconds: an API server remembers for 10 s that a token was good, then the window has to end


def test_rights_that_are_taken_are_missed_within_a_window_and_those_given_used(server: ApiServer, eye: ObservedCluster) -> None:
    server.put("web", "here")
    account = Account(server, "reader", "list", "watch")
    eye.hand("one", kubeconfig(server, user={"token": account.token()}))
    eye.wait("here")
    account.forbid()
    assert eye.wait("AccessDenied", seconds=REVOKED) < STALE
    time.sleep(2)
    assert eye.mark() == "AccessDenied"
    account.allow()
    eye.wait("here")


def test_one_who_may_list_but_not_watch_sees_nothing(server: ApiServer, eye: ObservedCluster) -> None:
    account = Account(server, "lister", "list")
    eye.hand("one", kubeconfig(server, user={"token": account.token()}))
    until = time.monotonic() + 4
    while time.monotonic() < until:
        assert eye.mark() == "AccessDenied"
        time.sleep(0.01)
    assert len(eye.wakes) == 1  # told once, however often it is tried


def test_a_token_that_is_revoked_is_missed_and_one_renewed_in_its_file_is_used(
    server: ApiServer, eye: ObservedCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server.put("web", "here")
    account = Account(server, "renewed", "list", "watch")
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(account.token())
    eye.hand("one", kubeconfig(server, user={"tokenFile": str(file)}))
    eye.wait("here")
    account.delete()
    eye.wait("AccessDenied", seconds=REVOKED)
    account.create()
    time.sleep(1)
    assert eye.mark() == "AccessDenied"  # the old token is for the account that is gone
    file.write_text(account.token())
    eye.wait("here")


def test_a_token_renewed_in_time_is_not_missed(
    server: ApiServer, eye: ObservedCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server.put("web", "here")
    old, new = Account(server, "old", "list", "watch"), Account(server, "new", "list", "watch")
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(old.token())
    eye.hand("one", kubeconfig(server, user={"tokenFile": str(file)}))
    eye.wait("here")
    file.write_text(new.token())
    old.delete()
    until = time.monotonic() + REVOKED
    while time.monotonic() < until:
        assert eye.mark() == "here"
        time.sleep(0.05)


def test_the_api_removed_and_back(server: ApiServer, eye: ObservedCluster) -> None:
    server.put("web", "here")
    eye.hand("one", kubeconfig(server))
    eye.wait("here")
    definitions = client.ApiextensionsV1Api(server.cluster.api)
    made = server.cluster.api.sanitize_for_serialization(definitions.read_custom_resource_definition(CRD))
    definitions.delete_custom_resource_definition(CRD)
    eye.wait("FluxMissing", seconds=15)
    del made["status"]
    made["metadata"] = {"name": CRD}
    definitions.create_custom_resource_definition(made)
    eye.wait(None, seconds=15)
    server.put("web", "again")
    eye.wait("again")


# What happens to kubeconfigs.


def test_a_kubeconfig_appears_changes_and_goes(server: ApiServer, other: ApiServer, eye: ObservedCluster) -> None:
    server.put("web", "here")
    other.put("web", "there")
    eye.clusters.observe_cluster("one", wait=5)
    assert eye.mark() == "KubeconfigMissing"
    eye.hand("one", kubeconfig(server))
    assert eye.mark() == "here"
    for _ in range(10):
        eye.hand("one", kubeconfig(other))
        assert eye.mark() == "there"
        eye.hand("one", kubeconfig(server))
        assert eye.mark() == "here"
    until = time.monotonic() + 2
    while len(observers()) > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(observers()) == 1, "observers of kubeconfigs that are gone go on"
    (eye.directory / "one.yaml").unlink()
    eye.clusters.observe_cluster("one")
    assert eye.mark() == "KubeconfigMissing"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{]", b"apiVersion: v1\nkind: Config\n"])
def test_what_is_no_kubeconfig_is_told_so(eye: ObservedCluster, content: bytes) -> None:
    eye.hand("one", content)
    assert eye.mark() == "WatchFailed"


def test_a_server_that_is_not_there_is_told_so_and_seen_when_it_is(server: ApiServer, eye: ObservedCluster) -> None:
    server.put("web", "here")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    eye.hand("one", kubeconfig(server, server=f"https://127.0.0.1:{port}"))
    assert eye.mark() == "WatchFailed"
    time.sleep(3)
    assert len(eye.wakes) == 1  # told once, however often it is tried
    with contextlib.closing(FaultyWire(server, port)):
        eye.wait("here")


def test_another_certificate_authority_is_refused(server: ApiServer, other: ApiServer, eye: ObservedCluster) -> None:
    authority = load(other.cluster.kubeconfig.read_bytes(), "k").data["clusters"][0]["cluster"]
    trust = {k: v for k, v in authority.items() if k.startswith("certificate-authority")}
    eye.hand("one", kubeconfig(server, **trust))
    assert eye.mark() == "AccessDenied"
    assert "certificate" in str(eye.see().failure)


def test_a_wrong_token_is_refused(server: ApiServer, eye: ObservedCluster) -> None:
    eye.hand("one", kubeconfig(server, user={"token": "guessed"}))
    assert eye.mark() == "AccessDenied"
    with pytest.raises(AccessDeniedError):
        eye.clusters.request_reconcile("one", NAMESPACE)


def test_a_program_in_a_kubeconfig_runs_only_when_allowed(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("plugin")
    token = load(server.cluster.kubeconfig.read_bytes(), "k").data["users"][0]["user"]["token"]
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    program = folder / "login"
    program.write_text(f"#!/bin/sh\ntouch {folder}/ran\necho '{json.dumps(answer)}'\n")
    program.chmod(0o700)
    plugin = {"apiVersion": answer["apiVersion"], "command": str(program), "interactiveMode": "Never"}
    for allowed, mark in ((False, "WatchFailed"), (True, None)):
        server.put("web", "here")
        eye = ObservedCluster(tmp_path_factory.mktemp("eye"), allow_exec=allowed)
        eye.hand("one", kubeconfig(server, user={"exec": plugin}))
        assert eye.mark() == ("here" if allowed else mark)
        assert (folder / "ran").exists() == allowed
        eye.clusters.close()


# What stands behind a HelmRelease.


def test_the_sources_behind_a_release_are_shown_as_they_are(server: ApiServer, eye: ObservedCluster) -> None:
    eye.hand("one", kubeconfig(server))
    names = ["GitRepository/environment", "Kustomization/applications", "OCIRepository/web"]
    assert eye.clusters.flux_sources("one", NAMESPACE, "web") == dict.fromkeys(names)
    with pytest.raises(NotFoundError):
        eye.clusters.request_reconcile("one", NAMESPACE)
    where = ("source.toolkit.fluxcd.io", "v1", NAMESPACE, "gitrepositories")
    spec = {"interval": "1m", "url": "http://127.0.0.1:1/none.git"}
    body = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "spec": spec}
    server.cluster.objects.create_namespaced_custom_object(*where, {**body, "metadata": {"name": "environment"}})
    eye.clusters.request_reconcile("one", NAMESPACE)
    found = eye.clusters.flux_sources("one", NAMESPACE, "web")
    assert list(found) == names
    source = found["GitRepository/environment"]
    assert source is not None
    assert source["spec"]["url"] == spec["url"]
    assert "reconcile.fluxcd.io/requestedAt" in source["metadata"]["annotations"]
    with pytest.raises(ReconcilerError, match="no kubeconfig"):
        eye.clusters.flux_sources("two", NAMESPACE, "web")
