"""What the status says of real Flux when the world is not what the lock says: the row's reason, never Ready, and Ready again.

Each test breaks one thing by hand, as a person or another program could, and puts it right again.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from kubernetes import client

from reconciler.formats.yaml.documents import dump, load
from reconciler.model.canonical import API_DEFAULTS, release_digest
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.model.status import EnvironmentStatus, PlacementStatus
    from tests.live.support.environment import Cluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

_APIS = {
    "helmreleases": ("helm.toolkit.fluxcd.io", "v2"),
    "kustomizations": ("kustomize.toolkit.fluxcd.io", "v1"),
    "ocirepositories": ("source.toolkit.fluxcd.io", "v1"),
}
# Values that a way through YAML, kustomize, JSON and Go might change.
_ODD: dict[str, Any] = {
    "gone": None,
    "part": {"gone": None, "empty": {}},
    "list": [None, {}],
    "whole": 2.0,
    "half": 0.5,
    "big": 1e20,
}
_READY = re.compile(r"\bReady \d+/\d+")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def environment(servers: Servers, folder: Path, name: str) -> LiveEnvironment:
    """An Environment of its own. Flux looks by itself so rarely that all it does here has a cause in a test."""
    organization = "l" + format(abs(hash(name)) % 10**8, "08d")
    made = LiveEnvironment(servers, folder, organization, f"{servers.registry}/{organization}")
    configure(made, "flux", interval="10m")
    return made


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    """An Environment of one test alone."""
    return environment(servers, tmp_path, request.node.name)


@dataclass(frozen=True)
class ShopOnCluster:
    """An Application that runs at version 1.0.0, as the lock says.

    Attributes:
        stage: its Environment; a reconciler is running.
        name: the Application's.
        commit: of `main`, that it is ready at.
    """

    stage: LiveEnvironment
    name: str
    commit: str

    @property
    def release(self) -> dict[str, Any]:
        """Its HelmRelease as it is now."""
        return release_of(self.stage, self.name)

    @property
    def settled(self) -> bool:
        """Whether Flux has acted on all that its HelmRelease says, and finds it well."""
        release = self.release
        status = release["status"]
        acted = status["observedGeneration"] == release["metadata"]["generation"]
        return acted and conditions(release).keys() == {"Ready", "Released", "Drifted"} and flux_ready(release)[0] == "True"

    @property
    def replicas(self) -> int:
        """How many the Deployment is to have."""
        found: Any = client.AppsV1Api(self.stage.on.api).read_namespaced_deployment(self.name, self.name)
        return int(found.spec.replicas)

    def scale(self, replicas: int) -> None:
        """Change the Deployment by hand."""
        edit_deployment(self.stage, self.name, {"spec": {"replicas": replicas}})

    def change(self, plural: str = "helmreleases", **body: Any) -> None:
        """Change a Flux object of its own by hand."""
        change(self.stage, plural, self.name, **body)

    def patch(self, **operation: Any) -> None:
        """Change its HelmRelease by hand, by one operation of a JSON patch."""
        of, plural, kind = self.stage, "helmreleases", "application/json-patch+json"
        patch = of.on.objects.patch_namespaced_custom_object
        patch(*_APIS[plural], of.namespace, plural, self.name, [operation], _content_type=kind)

    def look(self) -> None:
        """Ask Flux to look at the release now, as `flux reconcile` does."""
        self.change(metadata={"annotations": {"reconcile.fluxcd.io/requestedAt": str(time.time())}})

    def reason(self, reason: str) -> PlacementStatus:
        """Wait until the status gives a reason for it."""
        status = self.stage.wait(reason, lambda s: reason_of(s, self.name) == reason)
        return placement(status, self.name)


@pytest.fixture(scope="module")
def opened(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopOnCluster]:
    """An Application that runs, for one test after the other."""
    folder = tmp_path_factory.mktemp("shop")
    stage = environment(servers, folder, "shop")
    servers.publish(stage.prefix, movable(folder / "1.0.0", "bp-shop"))
    stage.connect()
    name = f"{stage.organization}-shop"
    with stage.running():
        config: dict[str, Any] = {
            "gone": None,
            "part": {"gone": None, "empty": {}},
            "list": [None, {}],
            "whole": 2.0,
            "half": 0.5,
            "big": 1e20,
        }
        application = stage.application(name, "bp-shop", "1.0.0", config=config)
        yield ShopOnCluster(stage, name, stage.push(files(stage) | {f"applications/{name}.yaml": application}))


@pytest.fixture
def shop(opened: ShopOnCluster) -> ShopOnCluster:
    """An Application that runs; a test that changes anything has it running again at its end."""
    opened.stage.ready(opened.commit)
    eventually(lambda: "Reconciling" not in conditions(opened.release), "Flux has ended what the test before asked for")
    time.sleep(1)  # on a busy machine what Flux did last may still be on its way into the status
    opened.stage.ready(opened.commit)
    return opened


def movable(folder: Path, name: str) -> Path:
    """Write a catalog folder whose pods go where the values' `nodeSelector` says."""
    blueprint(folder, name)
    file = folder / "chart" / "templates" / "deployment.yaml"
    text = file.read_text()
    selector = "      nodeSelector: {{ .Values.nodeSelector | toJson }}\n"
    assert text.count("      containers:\n") == 1
    file.write_text(text.replace("      containers:\n", selector + "      containers:\n"))
    (folder / "chart" / "values.yaml").write_text("nodeSelector: {}\n")
    return folder


def configure(stage: LiveEnvironment, part: str, **values: Any) -> None:
    """Change a part of the reconciler's configuration."""
    settings = load(stage.config.read_bytes(), "reconciler.yaml").data
    settings[part] |= values
    stage.config.write_bytes(dump(settings))


def files(stage: LiveEnvironment, **applications: tuple[str, str]) -> dict[str, bytes | None]:
    """An Environment's files: Applications by name, each of a Blueprint in a version."""
    written = {f"applications/{name}.yaml": stage.application(name, *wish) for name, wish in applications.items()}
    return {"environment.yaml": stage.environment(), **written}


def change(stage: LiveEnvironment, plural: str, name: str, **body: Any) -> None:
    """Change a Flux object of the Environment by hand."""
    stage.on.objects.patch_namespaced_custom_object(*_APIS[plural], stage.namespace, plural, name, body)


def edit_deployment(stage: LiveEnvironment, name: str, body: dict[str, Any]) -> None:
    """Change an Application's Deployment by hand."""
    client.AppsV1Api(stage.on.api).patch_namespaced_deployment(name, name, body)


def let_it_run(stage: LiveEnvironment, name: str) -> None:
    """Let the Pods of an Application's Deployment run on any node, once Helm has written that they must not.

    Flux says that Helm works before Helm has written anything; what is changed by then is written over.
    """
    apps = client.AppsV1Api(stage.on.api)

    def bound() -> bool:
        found: Any = apps.list_namespaced_deployment(name, field_selector=f"metadata.name={name}")
        return any(one.spec.template.spec.node_selector for one in found.items)

    eventually(bound, "bound to nodes that do not exist")
    edit_deployment(stage, name, {"spec": {"template": {"spec": {"nodeSelector": None}}}})


@contextmanager
def held(stage: LiveEnvironment) -> Iterator[None]:
    """Meanwhile Flux does not put right what is done by hand to what it has applied."""
    change(stage, "kustomizations", "applications", spec={"suspend": True})
    try:
        yield
    finally:
        change(stage, "kustomizations", "applications", spec={"suspend": False})


def applied_again(stage: LiveEnvironment) -> None:
    """Have Flux apply the Environment once more, and wait until it has."""
    now = str(time.time())
    change(stage, "kustomizations", "applications", metadata={"annotations": {"reconcile.fluxcd.io/requestedAt": now}})

    def handled() -> bool:
        found: Any = stage.on.objects.get_namespaced_custom_object(
            *_APIS["kustomizations"], stage.namespace, "kustomizations", "applications"
        )
        return bool(found["status"].get("lastHandledReconcileAt") == now)

    eventually(handled, "applied again")


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """Meanwhile a server does not answer, and its connections stay open."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def placement(status: EnvironmentStatus, name: str) -> PlacementStatus:
    """One Application's status on its first placement."""
    return next(a for a in status.applications if a.name == name).placements[0]


def mark(stage: LiveEnvironment) -> str:
    """The status commit there is now."""
    head = stage.head("status")
    assert head is not None
    return head


def said_since(stage: LiveEnvironment, commit: str) -> list[str]:
    """The subjects of the status commits after one, newest first."""
    lines = [line.partition(" ") for line in stage.log("status", "%H %s")]
    return [subject for _, _, subject in lines[: [head for head, _, _ in lines].index(commit)]]


def never_ready_since(stage: LiveEnvironment, commit: str) -> None:
    """The status has changed since a commit of it, and has not once said Ready."""
    assert said_since(stage, commit)
    assert not ready_since(stage, commit)


def ready_since(stage: LiveEnvironment, commit: str) -> list[str]:
    """The subjects of the status commits after one that say Ready."""
    return [line for line in said_since(stage, commit) if _READY.search(line)]


def release_of(stage: LiveEnvironment, name: str) -> dict[str, Any]:
    """A HelmRelease of the Environment as it is now."""
    found = stage.on.release(stage.namespace, name)
    assert found is not None
    return found


def conditions(release: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What Flux itself says of a HelmRelease: status and reason by type."""
    return {c["type"]: (c["status"], c["reason"]) for c in release["status"].get("conditions", ())}


def flux_ready(release: dict[str, Any]) -> tuple[str, str]:
    """Flux's own Ready."""
    return conditions(release).get("Ready", ("", ""))


def eventually(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for the world rather than for the status."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.2)


def some_passes(stage: LiveEnvironment, number: int = 4) -> None:
    """Wait for some more passes of the stage's reconciler."""

    def made() -> int:
        return (stage.folder / "reconciler.log").read_text().count('"event": "pass"')

    before = made()
    eventually(lambda: made() >= before + number, f"{number} passes")


def digest_of(stage: LiveEnvironment, name: str, version: str) -> str:
    """The digest of a published Blueprint."""
    host, _, path = stage.prefix.partition("/")
    answer = httpx.head(f"http://{host}/v2/{path}/{name}/manifests/{version}", headers={"Accept": _MANIFEST})
    return answer.raise_for_status().headers["Docker-Content-Digest"]


def events(stage: LiveEnvironment, name: str) -> set[str]:
    """The reasons of the events about a HelmRelease."""
    found = stage.on.core.list_namespaced_event(stage.namespace, field_selector=f"involvedObject.name={name}")
    return {str(event.reason) for event in found.items}


def test_another_artifact_than_the_lock_s(shop: ShopOnCluster, servers: Servers, tmp_path: Path) -> None:
    stage = shop.stage
    servers.publish(stage.prefix, blueprint(tmp_path / "1.1.0", "bp-shop", "1.1.0"))
    other, before, generation = digest_of(stage, "bp-shop", "1.1.0"), mark(stage), shop.release["metadata"]["generation"]
    with held(stage):
        shop.change("ocirepositories", spec={"ref": {"digest": other}})
        said = shop.reason("WrongArtifact")
        assert (said.ready, said.state) == ("False", "Updating")
        assert other in said.message
        release = shop.release
        assert release["metadata"]["generation"] == release["status"]["observedGeneration"] == generation
        assert flux_ready(release) == ("True", "UpgradeSucceeded"), "by itself Flux would have it that all is well"
        never_ready_since(stage, before)
    stage.ready(shop.commit)
    assert shop.release["metadata"]["generation"] == generation


@contextmanager
def values_from_elsewhere(shop: ShopOnCluster) -> Iterator[Callable[[str], object]]:
    """Meanwhile the HelmRelease takes values from a ConfigMap too, of which the lock knows nothing; gives a way to set them."""
    core, namespace = shop.stage.on.core, shop.stage.namespace
    meta = client.V1ObjectMeta(name="extra", labels={"reconcile.fluxcd.io/watch": "Enabled"})
    core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta, data={"values.yaml": "colour: blue\n"}))
    try:
        with edited(shop, "valuesFrom", [{"kind": "ConfigMap", "name": "extra"}]):
            yield lambda values: core.patch_namespaced_config_map("extra", namespace, {"data": {"values.yaml": values}})
    finally:
        core.delete_namespaced_config_map("extra", namespace)


@contextmanager
def edited(shop: ShopOnCluster, path: str, value: object) -> Iterator[None]:
    """Meanwhile the HelmRelease's spec has one thing more, and Flux has acted on it."""
    try:
        acted_on(shop, lambda: shop.patch(op="add", path=f"/spec/{path}", value=value))
        yield
    finally:
        acted_on(shop, lambda: shop.patch(op="remove", path=f"/spec/{path}"))


def acted_on(shop: ShopOnCluster, change: Callable[[], None]) -> None:
    """Change the HelmRelease by hand, and wait until Flux has acted on it."""
    generation = shop.release["metadata"]["generation"]
    change()
    eventually(lambda: shop.release["metadata"]["generation"] > generation and shop.settled, "acted on")


def test_values_that_change_elsewhere(shop: ShopOnCluster) -> None:
    stage = shop.stage
    with values_from_elsewhere(shop) as set_values:
        said = shop.reason("NotAsResolved")
        assert (said.ready, said.state) == ("False", "Degraded")
        before, generation = mark(stage), shop.release["metadata"]["generation"]
        set_values("nodeSelector: {no-such: node}\n")

        def pending() -> bool:
            status = shop.release["status"]
            return bool(status["lastAttemptedConfigDigest"] != status["history"][0]["configDigest"])

        eventually(pending, "attempted with other values, and not installed with them")
        release = shop.release
        assert release["metadata"]["generation"] == release["status"]["observedGeneration"] == generation
        let_it_run(stage, shop.name)
        eventually(lambda: shop.settled, "installed with the values from elsewhere", seconds=150)
        some_passes(stage)
        assert flux_ready(shop.release)[0] == "True"
        assert not ready_since(stage, before), "whatever Flux makes of them, they are not the lock's"
    stage.ready(shop.commit)


@pytest.mark.parametrize("by", ["valuesFrom", "blue", None])
def test_values_that_the_lock_does_not_hold_are_never_ready(shop: ShopOnCluster, by: str | None) -> None:
    stage = shop.stage
    with values_from_elsewhere(shop) if by == "valuesFrom" else edited(shop, "values/colour", by):
        applied_again(stage)
        spec = shop.release["spec"]
        assert "valuesFrom" in spec or "colour" in spec["values"], "Flux does not take away what it has not applied"
        some_passes(stage)
        status = stage.status()
        assert status is not None
        assert placement(status, shop.name).ready != "True"
    stage.ready(shop.commit)


def test_suspended_by_hand(shop: ShopOnCluster) -> None:
    stage, before = shop.stage, mark(shop.stage)
    shop.change(spec={"suspend": True})
    said = shop.reason("Suspended")
    assert (said.ready, said.state) == ("False", "Paused")
    eventually(lambda: shop.settled, "an old True stands, and helm-controller has acted on the newest generation")
    some_passes(stage)
    never_ready_since(stage, before)
    shop.change(spec={"suspend": False})
    stage.ready(shop.commit)


def test_drift_that_is_only_reported(shop: ShopOnCluster) -> None:
    stage = shop.stage
    with held(stage):
        acted_on(shop, lambda: shop.change(spec={"driftDetection": {"mode": "warn"}}))
        shop.reason("NotAsResolved")
        before = mark(stage)
        shop.scale(3)
        shop.look()
        eventually(lambda: "DriftDetected" in events(stage, shop.name), "reported")
        some_passes(stage)
        assert flux_ready(shop.release)[0] == "True"
        assert not ready_since(stage, before)
    stage.ready(shop.commit)
    assert shop.replicas == 1


# Flux acts on each, and keeps it: what it applied has no such field.
BESIDE_OURS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # what is added, and what takes it away again
    "disableWait": ({"spec": {"upgrade": {"disableWait": True}}}, {"spec": {"upgrade": {"disableWait": None}}}),
    "drift": ({"spec": {"driftDetection": {"ignore": [{"paths": [""]}]}}}, {"spec": {"driftDetection": {"ignore": None}}}),
    "annotation": (
        {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}},
        {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": None}}},
    ),
}


@pytest.mark.parametrize("name", BESIDE_OURS)
def test_what_somebody_adds_beside_ours_is_not_as_resolved(shop: ShopOnCluster, name: str) -> None:
    stage, (added, taken_away) = shop.stage, BESIDE_OURS[name]
    try:
        shop.change(**added)
        said = shop.reason("NotAsResolved")
        assert (said.ready, said.state) == ("False", "Degraded")
        before = mark(stage)
        if name == "drift":
            shop.scale(0)
            shop.look()
        applied_again(stage)
        eventually(lambda: shop.settled, "Flux finds it well")
        some_passes(stage)
        assert not ready_since(stage, before)
        assert shop.replicas == (0 if name == "drift" else 1)
    finally:
        shop.change(**taken_away)
        shop.scale(1)
    stage.ready(shop.commit)


def test_the_api_server_fills_in_the_defaults_that_we_know_and_no_others(shop: ShopOnCluster) -> None:
    definition: Any = shop.stage.on.objects.get_cluster_custom_object(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "helmreleases.helm.toolkit.fluxcd.io"
    )
    (version,) = [version for version in definition["spec"]["versions"] if version["name"] == "v2"]
    assert dict(defaults(version["schema"]["openAPIV3Schema"]["properties"]["spec"])) == API_DEFAULTS

    release = shop.release
    sent = {
        "apiVersion": release["apiVersion"],
        "kind": release["kind"],
        "metadata": {"name": "other", "namespace": shop.stage.namespace},
        "spec": {**release["spec"], "uninstall": {"keepHistory": True}},
    }
    create = shop.stage.on.objects.create_namespaced_custom_object
    back: Any = create(*_APIS["helmreleases"], shop.stage.namespace, "helmreleases", sent, dry_run="All")
    assert back["spec"]["uninstall"] == {"keepHistory": True, "deletionPropagation": "background"}
    assert release_digest(back) == release_digest(sent)


def defaults(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The defaults in a schema, by their path."""
    if "default" in schema:
        yield path, schema["default"]
    for name, part in schema.get("properties", {}).items():
        yield from defaults(part, (*path, name))
    if "items" in schema:
        yield from defaults(schema["items"], (*path, "[]"))


def test_drift_is_corrected(shop: ShopOnCluster) -> None:
    stage = shop.stage
    shop.scale(4)
    shop.look()
    eventually(lambda: shop.replicas == 1, "corrected")
    eventually(lambda: shop.settled, "and found well")
    assert {"DriftDetected", "DriftCorrected"} <= events(stage, shop.name)
    stage.ready(shop.commit)


@pytest.mark.parametrize("mark_of_ours", ["labels", "annotations"])
def test_our_mark_is_taken_off_by_hand(shop: ShopOnCluster, mark_of_ours: str) -> None:
    stage, before = shop.stage, mark(shop.stage)
    ours = {"labels": "app.kubernetes.io/managed-by", "annotations": "catalyst.openova.io/entry"}[mark_of_ours]
    with held(stage):
        shop.change(metadata={mark_of_ours: {ours: None}})
        said = shop.reason("NotOwned")
        assert (said.ready, said.state) == ("False", "Failed")
        assert flux_ready(shop.release)[0] == "True"
        never_ready_since(stage, before)
    stage.ready(shop.commit)


def test_a_release_that_somebody_else_made_under_our_name(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "1.0.0", "bp-shop"))
    name = f"{stage.organization}-shop"
    theirs = {"interval": "10m", "chartRef": {"kind": "OCIRepository", "name": "theirs"}}
    body = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": name}, "spec": theirs}
    stage.connect()
    with stage.running(), held(stage):
        stage.on.objects.create_namespaced_custom_object(*_APIS["helmreleases"], stage.namespace, "helmreleases", body)
        commit = stage.push(files(stage, **{name: ("bp-shop", "1.0.0")}))
        status = stage.wait("NotOwned", lambda s: bool(s.applications) and reason_of(s, name) == "NotOwned")
        assert (placement(status, name).ready, placement(status, name).state) == ("False", "Failed")
        assert status.condition("Ready").reason == "Failed"
        stage.on.objects.delete_namespaced_custom_object(*_APIS["helmreleases"], stage.namespace, "helmreleases", name)
        stage.wait("AwaitingApply", lambda s: reason_of(s, name) == "AwaitingApply")
        assert not [line for line in stage.log("status") if _READY.search(line)]
        change(stage, "kustomizations", "applications", spec={"suspend": False})
        stage.ready(commit)


def test_rolled_back_after_a_failed_upgrade(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    configure(stage, "flux", timeout="8s")
    servers.publish(stage.prefix, blueprint(tmp_path / "1.0.0", "bp-shop"))
    servers.publish(stage.prefix, blueprint(tmp_path / "1.1.0", "bp-shop", "1.1.0", broken=True))
    name = f"{stage.organization}-shop"
    stage.connect()
    with stage.running():
        stage.ready(stage.push(files(stage, **{name: ("bp-shop", "1.0.0")})))
        before = mark(stage)
        stage.push(files(stage, **{name: ("bp-shop", "1.1.0")}))
        said = placement(stage.wait("Failed", lambda s: reason_of(s, name) == "UpgradeFailed"), name)
        assert (said.ready, said.state) == ("False", "Failed")
        assert "timeout" in said.message
        status = stage.wait("rolled back", lambda s: reason_of(s, name) == "RollbackSucceeded")
        assert (placement(status, name).ready, placement(status, name).state) == ("False", "Failed")
        assert status.condition("Ready").status == "False"
        newest = release_of(stage, name)["status"]["history"][0]
        assert newest["status"] == "deployed"
        assert newest["chartVersion"].startswith("1.0.0+"), "the old version runs again"
        never_ready_since(stage, before)
        stage.ready(stage.push(files(stage, **{name: ("bp-shop", "1.0.0")})))


def test_a_dependency_that_never_comes(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    configure(stage, "flux", timeout="8s")
    root, middle, leaf = (f"{stage.organization}-{part}" for part in ("root", "middle", "leaf"))
    needs_root, needs_middle = ({"depends": [{"blueprint": f"bp-{name}"}]} for name in (root, middle))
    servers.publish(
        stage.prefix,
        blueprint(tmp_path / "root", f"bp-{root}", broken=True),
        blueprint(tmp_path / "root-1.0.1", f"bp-{root}", "1.0.1"),
        blueprint(tmp_path / "middle", f"bp-{middle}", spec=needs_root),
        blueprint(tmp_path / "leaf", f"bp-{leaf}", spec=needs_middle),
    )
    stage.connect()
    with stage.running():
        stage.push(files(stage, **{leaf: (f"bp-{leaf}", "*"), root: (f"bp-{root}", "1.0.0")}))
        status = stage.wait("stuck", lambda s: bool(s.applications) and placement(s, root).state == "Failed")
        for victim in (middle, leaf):
            said = placement(status, victim)
            assert (said.ready, said.reason, said.state) == ("False", "DependencyNotReady", "Installing")
            assert said.message.startswith(f"waiting for {root} ")
        ready = status.condition("Ready")
        assert (ready.status, ready.reason) == ("False", "Failed")
        assert ready.message.count(root) == 1
        assert middle not in ready.message
        assert stage.log("status")[0].endswith(f"Failed 0/3 ({root}: {placement(status, root).reason})")
        assert not [line for line in stage.log("status") if _READY.search(line)]
        commit = stage.push(files(stage, **{leaf: (f"bp-{leaf}", "*"), root: (f"bp-{root}", "1.0.1")}))
        stage.ready(commit)


def test_the_progress_deadline(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    configure(stage, "clusters", progressDeadline=5)
    servers.publish(stage.prefix, blueprint(tmp_path / "1.0.0", "bp-shop"))
    name = f"{stage.organization}-shop"
    stage.connect()
    with stage.running():
        with held(stage):
            commit = stage.push(files(stage, **{name: ("bp-shop", "1.0.0")}))
            stage.wait("AwaitingApply", lambda s: bool(s.applications) and reason_of(s, name) == "AwaitingApply")
            status = stage.wait("Failed", lambda s: placement(s, name).state == "Failed")
            said = placement(status, name)
            assert (said.ready, said.reason) == ("False", "ProgressDeadlineExceeded")
            assert "still AwaitingApply" in said.message
            assert not [line for line in stage.log("status") if _READY.search(line)]
        stage.ready(commit)


def test_why_nothing_comes_is_told_in_flux_s_words(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "1.0.0", "bp-shop"))
    name = f"{stage.organization}-shop"
    stage.connect()
    stage.on.core.patch_namespaced_secret("environment", stage.namespace, {"stringData": {"password": "wrong"}})
    with stage.running():
        commit = stage.push(files(stage, **{name: ("bp-shop", "1.0.0")}))
        status = stage.wait("told", lambda s: bool(s.applications) and "Flux: " in placement(s, name).message)
        said = placement(status, name)
        assert (said.ready, said.reason, said.state) == ("False", "AwaitingApply", "Installing")
        assert "Flux: GitRepository/environment Ready=False GitOperationFailed: " in said.message
        assert "wrong" not in said.message
        good = {"stringData": {"password": servers.gitea.token}}
        stage.on.core.patch_namespaced_secret("environment", stage.namespace, good)
        stage.ready(commit)


def test_killed_in_mid_flight(
    stage: LiveEnvironment, servers: Servers, second_cluster: Cluster, second_apiserver: int, tmp_path: Path
) -> None:
    stage.cluster = second_cluster
    servers.publish(stage.prefix, blueprint(tmp_path / "1.0.0", "bp-shop", broken=True))
    name = f"{stage.organization}-shop"
    stage.connect()
    with stage.running() as process:
        commit = stage.push(files(stage, **{name: ("bp-shop", "1.0.0")}))
        stage.wait("installing", lambda s: bool(s.applications) and placement(s, name).evidence is not None)
        eventually(lambda: flux_ready(release_of(stage, name)) == ("Unknown", "Progressing"), "Helm installs")
        some_passes(stage)
        process.kill()
        process.wait()
    before = mark(stage)
    with stopped(second_apiserver):
        process = stage.start()
        try:
            some_passes(stage)
            assert mark(stage) == before, "of what was not observed nothing is said"
        except BaseException:
            process.kill()
            raise
    try:
        some_passes(stage)
        assert mark(stage) == before, "what is observed now is what was"
        let_it_run(stage, name)
        stage.ready(commit)
        assert not [line for line in said_since(stage, before) if "Unknown" in line]
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_two_placements_one_of_which_does_not_answer(
    stage: LiveEnvironment, servers: Servers, second_cluster: Cluster, second_apiserver: int, tmp_path: Path
) -> None:
    stale_after = 6
    configure(stage, "clusters", staleAfter=stale_after)
    there = replace(stage, cluster=second_cluster, region="hel")
    servers.publish(stage.prefix, blueprint(tmp_path / "1.0.0", "bp-shop"))
    name = f"{stage.organization}-shop"
    both = load(stage.environment(), "environment.yaml").data
    both["spec"]["placements"].append({"cluster": there.context, "region": there.region})

    def truths(status: EnvironmentStatus) -> dict[str, str]:
        return {p.cluster: p.ready for a in status.applications for p in a.placements}

    stage.connect()
    with stage.running():
        commit = stage.push({**files(stage, **{name: ("bp-shop", "1.0.0")}), "environment.yaml": dump(both)})
        there.bootstrap()
        shutil.copy(second_cluster.kubeconfig, stage.kubeconfigs / f"{there.context}.yaml")
        status = stage.ready(commit)
        assert truths(status) == {stage.context: "True", there.context: "True"}
        before = mark(stage)
        with stopped(second_apiserver):
            began = time.monotonic()
            status = stage.wait("stale", lambda s: s.condition("Ready").status != "True", 30)
            assert time.monotonic() - began < stale_after + stale_after / 3 + 3
            assert truths(status) == {stage.context: "True", there.context: "Unknown"}
            ready = status.condition("Ready")
            assert (ready.status, ready.reason) == ("Unknown", "ObservationStale")
            never_ready_since(stage, before)
        status = stage.ready(commit)
        assert truths(status) == {stage.context: "True", there.context: "True"}
