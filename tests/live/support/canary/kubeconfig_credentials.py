"""Stories of kubeconfigs with every kind of credential, and of API servers that say them back."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from tests.live.support.canary.credentialed_servers import CredentialedServer, garbled, parrot
from tests.live.support.canary.environments import CARRIED, CONFIG, FORMATS, KEEPER, NOWHERE, application, until
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.support.canary.environments import CommandScene


EXEC: Final = "client.authentication.k8s.io/v1"
TOKEN_BODY: Final = slice(48, 90)  # of a P-256 key in PKCS #8: the base64 of the number that is the secret


def _kubeconfigs(scene: CommandScene, folder: Path, servers: dict[str, CredentialedServer]) -> dict[str, Any]:
    """Kubeconfigs by region: the server and the user of each, or a text."""
    word = scene.word
    said, unread = servers["parrot"].url, servers["garbled"].url
    key = (folder / "server.pem").read_text()
    scene.world.canaries.known("the kubeconfig's client key", "".join(key.splitlines()[1:4])[TOKEN_BODY])
    pair = b64encode(key.encode()).decode()
    cert = {"client-certificate-data": pair, "client-key-data": pair}
    torn = {"client-certificate-data": pair, "client-key-data": word("a client key that is none") + "!"}
    run: dict[str, Any] = {"exec": {"apiVersion": EXEC, "command": "/bin/false", "args": [word("an exec argument")]}}
    run["exec"]["env"] = [{"name": "TOKEN", "value": word("an exec variable")}]
    provider = {"auth-provider": {"name": "oidc", "config": {"id-token": word("an id token")}}}
    real = scene.world.servers.cluster.api.configuration
    token = "a kubeconfig's token "  # noqa: S105 - the beginning of names
    return {
        "said": ({"server": said}, {"token": word(token + "that is said back")}),
        "basic": ({"server": said}, {"username": "me", "password": word("a kubeconfig's password")}),
        "garbled": ({"server": unread}, {"token": word(token + "that is garbled")}),
        "failing": ({"server": servers["failing"].url}, {"token": word(token + "of a server that fails")}),
        "key": ({"server": servers["tls"].url, "insecure-skip-tls-verify": True}, cert),
        "torn": ({"server": said}, torn),
        "exec": ({"server": said}, run),
        "provider": ({"server": said}, provider),
        "list": ({"server": said}, {"token": [word(token + "in a list")]}),
        "number": ({"server": [word("a server that is a list")]}, {"token": 1}),
        "url": ({"server": f"http://me:{word('the password of a server')}@{NOWHERE}"}, {"token": "x"}),
        "port": ({"server": f"http://me:{word('the password of a server with a wrong port')}@127.0.0.1:x"}, {"token": "x"}),
        "proxy": ({"server": said, "proxy-url": f"http://me:{word('the password of a proxy')}@{NOWHERE}"}, {"token": "x"}),
        "nowhere": ({"server": f"http://{NOWHERE}"}, {"token": word(token + "for nobody")}),
        "real": (
            {"server": real.host, "insecure-skip-tls-verify": True},
            {"token": word(token + "that Kubernetes does not know")},
        ),
        "alias": f"users: [{{name: u, user: {{token: *{word(token + 'after an asterisk')}}}}}]\n",
        "tag": f"users: [{{name: u, user: {{token: !{word(token + 'after an exclamation mark')}}}}}]\n",
        "twice": f"token: x\ntoken: {word(token + 'that stands there twice')}\n",
        "text": word(token + "instead of a kubeconfig"),
    }


def clusters(scene: CommandScene) -> None:
    """Kubeconfigs with every kind of credential, for API servers that refuse, repeat and fail, and kubeconfigs that are none."""
    (scene.folder / "clients").mkdir()
    authority = Authority(scene.folder / "clients", "clients")
    context = authority.server()
    context.load_verify_locations(authority.file)
    context.verify_mode = context.verify_mode.CERT_OPTIONAL
    with ExitStack() as stack:
        servers = {
            "parrot": stack.enter_context(CredentialedServer(parrot)),
            "garbled": stack.enter_context(CredentialedServer(garbled)),
            "failing": stack.enter_context(CredentialedServer(lambda asked: parrot(asked, 500))),
            "tls": stack.enter_context(CredentialedServer(lambda asked: parrot(asked, 401), context)),
        }
        files = _kubeconfigs(scene, scene.folder / "clients", servers)
        for region, file in files.items():
            (scene.folder / "kubeconfigs" / f"hz-{region}-rtz-prod-acme.yaml").write_text(
                file if isinstance(file, str) else _kubeconfig(*file)
            )
        scene.settings(environments=[scene.repository("acme", application("open"), files)])
        with scene.running() as log:
            until(lambda: b'"pass"' in log.read_bytes(), "a pass")
            until(lambda: any(one.shown for one in servers["tls"].asked), "the client's certificate is shown")
            modes = {path.stat().st_mode & 0o077 for path in (scene.folder / "tmp").iterdir()}
            assert modes == {0}, "others may read what is temporary"
        for format_ in FORMATS:
            assert scene.run("explain", "acme-prod/open", *CONFIG, *format_, allowed=CARRIED).code == 1
            assert scene.run("status", *CONFIG, *format_).code == 1
        for name in ("that is said back", "of a server that fails", "that is garbled"):
            assert any(one.heard(scene.world.canaries.words[f"a kubeconfig's token {name}"]) for one in servers.values())
        assert servers["parrot"].heard(scene.world.canaries.words["a kubeconfig's password"])
    scene.leave(carried=CARRIED)


def _kubeconfig(cluster: dict[str, Any], user: dict[str, Any]) -> str:
    names = {"cluster": "c", "user": "u"}
    whole = {"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [{"name": "x", "context": names}]}
    return json.dumps({**whole, "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}]})


def login_programs(scene: CommandScene) -> None:
    """Programs that kubeconfigs run to log in, where that is allowed: what they say is a secret, also when they fail."""
    word, folder = scene.word, scene.folder
    answer = {"apiVersion": EXEC, "kind": "ExecCredential"}
    whole = json.dumps({**answer, "told": word("an answer without a status")})
    torn = json.dumps({**answer, "status": {"token": word("the token in a torn answer")}})[:-2]
    outputs = {
        "fails": f"echo {word('what a login program complains')} >&2; exit 1",
        "torn": f"echo '{torn}'",
        "empty": f"echo '{whole}'",
    }
    for region, script in outputs.items():
        (folder / f"{region}.sh").write_text(f"sleep 0.1; {script}")
        run: dict[str, Any] = {
            "apiVersion": EXEC,
            "command": "sh",
            "args": [str(folder / f"{region}.sh")],
        }
        run["interactiveMode"] = "Never"
        user = {"exec": {**run, "env": []}}
        (folder / "kubeconfigs" / f"hz-{region}-rtz-prod-acme.yaml").write_text(
            _kubeconfig({"server": f"http://{NOWHERE}"}, user)
        )
    part = scene.repository("acme", application("open"), outputs)
    at = {"url": f"http://{NOWHERE}", "username": KEEPER, "discover": False}
    scene.settings(gitea=at, environments=[part], clusters={"directory": "kubeconfigs", "allowExec": True})
    token = word("Gitea's token in the environment, where login programs run")
    for words in (("once",), ("explain", "acme-prod/open")):
        assert scene.run(*words, *CONFIG, variables={"CATALYST_GITEA__TOKEN": token}).code in {0, 1}
    scene.leave(carried=CARRIED)
