"""Stories in which all goes well: secrets are right, and each is used for what it is for."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client

from tests.live.support.canary.environments import CARRIED, CONFIG, FORMATS, KEEPER, NOWHERE, PATIENCE, application, until
from tests.live.support.environment import LiveEnvironment, blueprint

if TYPE_CHECKING:
    from tests.live.support.canary.environments import CommandScene


PASSWORD: Final = "the key's password"  # noqa: S105 - its name


def publishing(scene: CommandScene) -> None:
    """Blueprints are published and signed, with a password for the registry and one for the key."""
    world = scene.world
    default = scene.word("a Blueprint's default")
    schema = {"type": "object", "properties": {"adminPassword": {"type": "string", "default": default}}}
    open_ = blueprint(scene.folder / "app", "bp-app", spec={"configSchema": schema})
    closed = blueprint(scene.folder / "closed", "bp-closed")
    by = ("--key", str(world.key), "--cosign", str(world.servers.cosign), "--credentials", "docker.json", "--plain-http")
    for folder, where in ((open_, "canary"), (closed, "sealed")):
        for format_ in FORMATS:
            told = scene.run(
                "publish", str(folder), "--registry", f"{world.reader.host}/{where}", *by, *format_, variables=world.key_password
            )
            assert told.code == 0, told
    assert world.reader.heard(world.passwords["reader"])
    assert world.reader.heard(world.canaries.words["the registry token of reader"])


def day(scene: CommandScene) -> None:
    """An Environment on Gitea from its first push on, with a cluster whose Flux has secrets of its own."""
    world, folder = scene.world, scene.folder
    gitea, words = world.servers.gitea, world.canaries.words
    stage = LiveEnvironment(
        replace(world.servers, gitea=replace(gitea, user=KEEPER, token=world.tokens["flux"])), folder, "canary", "unused"
    )
    common: dict[str, Any] = {
        "environments": [{"name": stage.name, "repository": f"canary/{stage.name}"}],
        "catalogs": [
            {"prefix": f"{world.reader.host}/canary", "plainHttp": True, "pullSecret": "pull"},
            {"prefix": f"{world.sealed.host}/sealed"},
        ],
        "registry": {"credentials": "docker.json", "hosts": [{"host": world.sealed.host, "ca": str(world.authority.file)}]},
    }
    at = {"url": gitea.url, "username": KEEPER, "discover": False}
    files: dict[str, bytes | None] = {"environment.yaml": stage.environment()}
    files |= {path: text.encode() for path, text in (application("open") | application("closed", "bp-closed")).items()}
    stage.push(files)

    scene.settings(**common, gitea=at)
    told = scene.run("once", *CONFIG, "-v", variables={"CATALYST_GITEA__TOKEN": world.tokens["environment"]})
    assert told.code == 0, told

    wrong = scene.word("a wrong password in Flux's Secret")
    _provision(scene, stage, wrong)
    (folder / "token").write_text(world.tokens["file"] + "\n")
    secret = scene.word("http.secret")
    http = {"listen": "127.0.0.1:0", "address": f"http://{NOWHERE}", "secret": secret}
    scene.settings(**common, gitea={**at, "tokenFile": "token"}, http=http)
    with scene.running() as log:
        until(lambda: b"webhook" in log.read_bytes(), "it registers its webhook, or says why not")
        _until_explained(scene, stage, "uthenti")
        secret = scene.word("an Application's password on Gitea")
        leaky = application("leaky", config={"password": secret, "url": f"https://me:{secret}@db.example"})
        commit = stage.push({path: text.encode() for path, text in leaky.items()})
        stage.wait("refused", lambda s: s.refused == commit, PATIENCE)
        stage.on.core.patch_namespaced_secret("environment", stage.namespace, {"stringData": {"password": world.tokens["flux"]}})
        stage.push(dict.fromkeys(leaky))
        good = stage.push({path: text.encode() for path, text in application("open", config={"greeting": "hello"}).items()})
        stage.wait("accepted", lambda s: s.input == good and s.refused is None, PATIENCE)
        until(lambda: world.reader.heard(world.passwords["flux"]), "Flux pulls with its Secret")
        scene.settings(**common, gitea={**at, "token": world.tokens["configuration"]})
        _ask_everything(scene, stage)
        assert b'"pass"' in log.read_bytes()
    assert world.sealed.heard(world.passwords["sealed"])
    assert "serviceaccount:" + stage.namespace in stage.on.audit_log.read_text()

    mirror = folder / "mirror"
    origin = stage.git("remote", "get-url", "origin")
    subprocess.run(["git", "clone", "-q", "--mirror", origin, str(mirror)], check=True, capture_output=True)
    scene.history(mirror, {"an Application's password on Gitea"}, CARRIED)
    for commit in stage.git("rev-list", "HEAD").split():
        marks = gitea.client.get(f"repos/canary/{stage.name}/statuses/{commit}")
        assert len(marks.json()) > 0 or commit != good, "statuses were posted"
        scene.add(f"the statuses of {commit} on Gitea", marks.content)
    assert words["a Blueprint's default"] in stage.show("resolved", f"clusters/{stage.context}/open.yaml").decode()
    scene.leave({"an Application's password on Gitea"}, CARRIED)


def _provision(scene: CommandScene, stage: LiveEnvironment, wrong: str) -> None:
    """What Flux and the reconciler need of the cluster, with a password in Flux's Secret that Gitea does not accept."""
    world, core = scene.world, stage.on.core
    stage.bootstrap()
    core.patch_namespaced_secret("environment", stage.namespace, {"stringData": {"password": wrong}})
    pull = json.dumps({"auths": {world.reader.host: {"username": "flux", "password": world.passwords["flux"]}}})
    meta = client.V1ObjectMeta
    kind = "kubernetes.io/dockerconfigjson"
    core.create_namespaced_secret(
        stage.namespace, client.V1Secret(metadata=meta(name="pull"), type=kind, string_data={".dockerconfigjson": pull})
    )
    core.create_namespaced_service_account(stage.namespace, client.V1ServiceAccount(metadata=meta(name="observer")))
    client.RbacAuthorizationV1Api(stage.on.api).create_cluster_role_binding(
        client.V1ClusterRoleBinding(
            metadata=meta(name=f"observer-{stage.namespace}"),
            role_ref=client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="cluster-admin"),
            subjects=[client.RbacV1Subject(kind="ServiceAccount", name="observer", namespace=stage.namespace)],
        )
    )
    asked = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600))
    made = core.create_namespaced_service_account_token("observer", stage.namespace, asked).status
    token = made.token if made else None
    assert token
    world.canaries.known("the kubeconfig's token", token.rpartition(".")[2])
    whole = json.loads(stage.on.kubeconfig.read_text())
    whole["users"][0]["user"] = {"token": token}
    (stage.kubeconfigs / f"{stage.context}.yaml").write_text(json.dumps(whole))


def _until_explained(scene: CommandScene, stage: LiveEnvironment, word: str) -> None:
    """Ask why until Flux says something."""
    until(
        lambda: word in scene.run("explain", f"{stage.name}/open", *CONFIG, *FORMATS[1], allowed=CARRIED).out.decode(),
        f"Flux says {word}",
    )
    scene.run("explain", f"{stage.name}/open", *CONFIG)


def _ask_everything(scene: CommandScene, stage: LiveEnvironment) -> None:
    """Every command that reads, in every format that differs."""
    name = stage.name
    for words in ("status", f"outdated {name}", f"audit {name}", f"why {name} open", f"tree {name}", f"update {name}"):
        for format_ in FORMATS:
            told = scene.run(*words.split(), *CONFIG, *format_)
            assert told.code in {0, 1}, told
    assert scene.run("explain", f"{name}/closed", *CONFIG).code == 1
    assert scene.run("audit", name, "--save", "written", *CONFIG).code == 0
    assert scene.run("why", name, "nobody", *CONFIG).code == 3
