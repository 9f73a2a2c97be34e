"""Stories of documents that hold secrets which do not belong there."""

from __future__ import annotations

import json
from typing import Any

from reconciler.formats.yaml.documents import dump
from tests.live.support.canary.environments import CONFIG, FORMATS, PROBLEM_FORMATS, CommandScene, application, document


def documents(scene: CommandScene, *, tty: bool = False) -> None:
    """People write secrets into documents: what is wrong with them is told, and never they."""
    word = scene.word
    seen = " on a terminal" if tty else ""
    config: dict[str, Any] = {"password": word(f"config.password{seen}")}
    config["env"] = [{"name": "DB_PASSWORD", "value": word(f"the value of DB_PASSWORD{seen}")}]
    config["db"] = f"postgres://me:{word(f'the password in a URL in config{seen}')}@db.example/app"
    head = 'spec:\n  blueprint: {name: bp-app, version: "*"}\n'
    top = "apiVersion: catalyst.openova.io/v1alpha1\nkind: Application\nmetadata: {name: NAME}\n"
    on_line = word(f"config.password on the line of an error{seen}")
    bodies = {
        "line": f"{head}  size: 1\n  config: {{password: {word(f'config.password beside an unknown key{seen}')}}}\n  bogus: 1\n",
        "flow": f"spec: {{blueprint: {{name: bp-app}}, config: {{password: {on_line}}}}}\n",
        "alias": f"{head}  config:\n    password: *{word(f'a password that begins with an asterisk{seen}')}\n",
        "tag": f"{head}  config:\n    password: !{word(f'a password that begins with an exclamation mark{seen}')}\n",
        "typo": f"{head}  config: {{password:{word(f'a password without a space before{seen}')}}}\n",
        "text": f'{head}  config: "password={word(f"config that is a text{seen}")}"\n',
        "misplaced": f"{head}  password: {word(f'spec.password{seen}')}\n",
        "placeholder": f'{head}  config: {{password: "${{X}}{word(f"a password with a placeholder{seen}")}"}}\n',
    }
    files = application("plain", config=config)
    files |= {f"applications/{name}.yaml": top.replace("NAME", name) + body for name, body in bodies.items()}
    part = scene.repository("acme", files)
    hosted = document(
        "Environment",
        "acme-prod",
        organization="acme",
        envType="prod",
        token=word(f"a token in environment.yaml{seen}"),
        placements=[{"cluster": "hz-fsn-rtz-prod-acme", "region": "fsn", "password": word(f"a placement's password{seen}")}],
    )
    whole = scene.folder / "acme-prod"
    (whole / "applications").mkdir(parents=True)
    for path, text in {**files, "environment.yaml": hosted}.items():
        (whole / path).write_text(text)
    scene.settings(environments=[part])
    for format_ in FORMATS[:1] if tty else PROBLEM_FORMATS:
        assert scene.run("validate", str(whole), *format_, tty=tty).code == 1
        assert scene.run("once", *CONFIG, *format_, tty=tty).code == 1
    for format_ in FORMATS[:1] if tty else FORMATS:
        assert scene.run("status", *CONFIG, *format_, tty=tty).code == 1
    scene.run("validate", "-", stdin=files["applications/alias.yaml"].encode())
    scene.leave(scene.names)


def documents_on_a_terminal(scene: CommandScene) -> None:
    """The same, where the lines that problems stand in are shown."""
    documents(scene, tty=True)


def flux_objects(scene: CommandScene) -> None:
    """A kit of Flux objects with secrets in it is imported: what holds one is left out."""
    word, kit = scene.word, scene.folder / "kit"
    kit.mkdir()
    password = word("a HelmRelease's password")
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmRepository",
        "metadata": {"name": "charts", "namespace": "f"},
    }
    chart = {"spec": {"chart": "app", "version": "1.0.0", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    release = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "app", "namespace": "f"},
        "spec": {"chart": chart, "interval": "1m", "values": {"password": password, "token": password}},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "f"},
        "stringData": {"password": word("a Secret in the kit")},
    }
    url = f"oci://me:{word('the password in the url of a HelmRepository')}@charts.example/x"
    (kit / "kit.yaml").write_bytes(dump({**source, "spec": {"type": "oci", "url": url, "interval": "1m"}}, release, secret))
    (kit / "broken.yaml").write_text(f"kind: Secret\nstringData:\n  password: *{word('an alias in the kit')}\n")
    way = ("import", "flux", str(kit), "--placement", "hz-fsn-rtz-prod-acme")
    assert scene.run(*way, "--output", "written").code == 1
    assert scene.run(*way, "--output", "written", "--force").code == 1
    scene.run(*way, tty=True)
    told = scene.run(*way, "--format", "json")
    assert json.loads(told.out)["skipped"] == ["app"]
    scene.leave()


def policies(scene: CommandScene) -> None:
    """A private key, or a password, stands where a trust policy has a public key."""
    body = "\n".join(scene.word(f"line {n} of a private key in a trust policy") for n in range(2))
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    authority = {"name": "release", "key": key, "password": scene.word("a password in a trust policy")}
    (scene.folder / "trust" / "p.yaml").write_text(document("TrustPolicy", "p", artifacts=["*"], authorities=[authority]))
    public = f"-----BEGIN PUBLIC KEY-----\n{scene.word('what is no public key')}\n-----END PUBLIC KEY-----\n"
    whole = document("TrustPolicy", "q", artifacts=["*"], authorities=[{"name": "release", "key": public}])
    scene.settings(environments=[scene.repository("acme", application("open"))])
    assert scene.run("once", *CONFIG).code == 3
    assert scene.run("audit", ".", "--trust", "trust").code == 3
    (scene.folder / "trust" / "p.yaml").write_text(whole)
    assert scene.run("once", *CONFIG).code != 0
    scene.run("validate", "trust")
    scene.leave()
